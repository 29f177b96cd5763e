// What becomes of a queued capture, for every kind of answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoff, checkReceipt, detailOf, newItem, outcomeOf, retryAfter, sendable, UnknownKey } from '../../api/web/static/capture/state.js';
import { headersOf } from '../../api/web/static/capture/transfer.js';
import { Uploader } from '../../api/web/static/capture/upload.js';

const now = Date.parse('2026-11-21T10:00:00Z');
const sealed = (n = 1) => ({
  capture_id: n.toString(16).padStart(32, '0'), envelope: new ArrayBuffer(8), size: 8, sha256: 'ab'.repeat(32),
});
const item = (n = 1, owner = 'p1') => newItem(sealed(n), owner, new Date(now + n));
const receiptFor = (i, more = {}) => JSON.stringify({
  capture_id: i.capture_id, photo_id: 'F' + i.capture_id.slice(-3), digest: i.sha256, size: i.size,
  received_at: '2026-11-21T10:00:01.000Z', key_id: 'k1', signature: 'AA==', ...more,
});
const keys = [{ key_id: 'k1', public_key: 'P1' }];

test('a queue item tells nothing about the patient', () => {
  const allowed = ['attempts', 'capture_id', 'created_at', 'envelope', 'last_error', 'owner', 'sha256', 'size', 'state'];
  const made = newItem({ ...sealed(), patient: 'x', facts: {} }, 'p1', new Date(now));
  assert.deepEqual(Object.keys(made).sort(), allowed);
  assert.equal(made.created_at, '2026-11-21T10:00:00.000Z');
  for (const [name, change] of Object.entries({ id: { capture_id: 'X' }, sum: { sha256: '' }, size: { size: 7 }, empty: { size: 0, envelope: new ArrayBuffer(0) } })) {
    assert.throws(() => newItem({ ...sealed(), ...change }, 'p1', new Date(now)), TypeError, name);
  }
  assert.throws(() => newItem(sealed(), '', new Date(now)), TypeError);
});

test('only the own photos are sent, oldest first, failed ones not', () => {
  const items = [item(3), { ...item(2), state: 'sending' }, { ...item(1), state: 'failed' }, item(4, 'p2')];
  assert.deepEqual(sendable(items, 'p1').map((i) => i.capture_id.slice(-1)), ['2', '3']);
});

test('backoff grows, is spread and ends at five minutes', () => {
  const table = [[1, 0, 1000], [1, 0.999999, 2000], [2, 0, 2000], [5, 0, 16000], [9, 0, 150000], [1000, 0.999999, 300000], [0, 0, 1000]];
  for (const [attempts, random, want] of table) assert.equal(backoff(attempts, random), want, `${attempts} ${random}`);
});

test('Retry-After in both forms', () => {
  const table = [
    ['7', 7000], [' 7 ', 7000], ['Sat, 21 Nov 2026 10:00:09 GMT', 9000], ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['soon', 0], ['-3', 0], ['', 0], [null, 0], ['99999999', 3600000],
  ];
  for (const [header, want] of table) assert.equal(retryAfter(header, now), want, String(header));
});

test('what an answer means', () => {
  const table = [
    [200, 'receipt'], [201, 'receipt'], [401, 'signin'], [0, 'retry'], [503, 'retry'], [500, 'retry'], [502, 'retry'], [429, 'retry'],
    [408, 'retry'], [302, 'retry'], [400, 'refused'], [403, 'refused'], [404, 'refused'], [409, 'refused'], [413, 'refused'], [422, 'refused'], [418, 'refused'],
  ];
  for (const [status, want] of table) {
    const out = outcomeOf(status, '', null, now);
    assert.equal(out.kind, want, String(status));
    if (want !== 'receipt') assert.match(out.sentence, /\.$/, String(status));
  }
  assert.equal(outcomeOf(503, '', '9', now).wait, 9000);
  assert.equal(outcomeOf(422, '{"detail":"The digest does not match."}', null, now).sentence, 'The digest does not match.');
  for (const body of ['', '<html>', '{}', '{"detail":7}', 'null']) assert.equal(detailOf(body), '', body);
});

test('a receipt must agree in every part', async () => {
  const i = item();
  const verified = [];
  const verify = (key, body) => verified.push([key, body]);
  assert.equal((await checkReceipt(i, receiptFor(i), keys, verify)).photo_id, 'F001');
  assert.deepEqual(verified, [['P1', receiptFor(i)]]);
  for (const [name, more] of Object.entries({ capture: { capture_id: 'ff'.repeat(16) }, digest: { digest: 'cd'.repeat(32) }, size: { size: 9 } })) {
    await assert.rejects(checkReceipt(i, receiptFor(i, more), keys, verify), /another photo/, name);
  }
  await assert.rejects(checkReceipt(i, receiptFor(i, { key_id: 'k2' }), keys, verify), UnknownKey);
  await assert.rejects(checkReceipt(i, 'OK', keys, verify), /no receipt/);
  await assert.rejects(checkReceipt(i, 'null', keys, verify), /another photo/);
  await assert.rejects(checkReceipt(i, receiptFor(i), keys, async () => { throw new Error('bad signature'); }), /bad signature/);
  assert.equal(verified.length, 1);
});

test('the headers of an upload', () => {
  assert.deepEqual(headersOf(item()), {
    'Content-Type': 'application/vnd.clinivault.capture', 'Capture-Id': '0'.repeat(31) + '1',
    'Content-Digest': `sha-256=:${Buffer.from('ab'.repeat(32), 'hex').toString('base64')}:`,
    Accept: 'application/json, application/problem+json',
  });
});

/** An uploader over a queue in memory; answers are given by a function of the item and the attempt. */
function bench(items, answer, more = {}) {
  const stored = new Map(items.map((i) => [i.capture_id, i]));
  const events = [];
  const timers = [];
  const b = { stored, events, timers, sent: [], fetched: 0 };
  const queue = {
    list: async () => [...stored.values()],
    update: async (id, change) => void (stored.has(id) && stored.set(id, { ...stored.get(id), ...change })), // what is gone stays gone
    received: async (id) => void stored.delete(id),
  };
  b.uploader = new Uploader({
    queue, owner: 'p1', verify: () => {}, now: () => now, random: () => 0,
    receiptKeys: async (fresh) => ((b.fetched += fresh ? 1 : 0), keys),
    alone: (act) => act(),
    later: (act, ms) => timers.push({ act, ms }),
    cancel: () => {},
    send: async (i, progress) => {
      b.sent.push(i.capture_id.slice(-1));
      assert.equal(stored.get(i.capture_id).state, 'sending');
      progress(4);
      return { status: 0, body: '', retryAfter: null, ...(await answer(i, b.sent.length)) };
    },
    ...more,
  });
  for (const type of ['progress', 'received', 'failed', 'waiting', 'signin']) {
    b.uploader.addEventListener(type, (e) => events.push([type, e.detail]));
  }
  b.types = () => events.map(([type]) => type).filter((type) => type !== 'progress');
  return b;
}

test('photos go one by one and leave the queue with their receipts', async () => {
  const b = bench([item(2), item(1), item(3, 'p2')], (i, n) => ({ status: n === 1 ? 201 : 200, body: receiptFor(i) }));
  await b.uploader.start();
  assert.deepEqual(b.sent, ['1', '2']);
  assert.deepEqual(b.types(), ['received', 'received']);
  assert.deepEqual(b.events[0], ['progress', { capture_id: item(1).capture_id, sent: 4, total: 8 }]);
  assert.deepEqual([...b.stored.values()].map((i) => i.owner), ['p2']);
});

test('a receipt that does not verify keeps the photo', async () => {
  const b = bench([item(1), item(2)], (i) => ({ status: 201, body: receiptFor(i) }), { verify: async () => { throw new Error('forged'); } });
  await b.uploader.start();
  assert.deepEqual(b.sent, ['1']);
  assert.deepEqual(b.types(), ['waiting']);
  assert.equal(b.stored.size, 2);
  assert.match(b.stored.get(item(1).capture_id).last_error, /could not be verified/);
});

test('an unknown receipt key is asked for once more', async () => {
  const b = bench([item(1)], (i) => ({ status: 201, body: receiptFor(i, { key_id: 'k2' }) }), {
    receiptKeys: async (fresh) => (fresh ? [...keys, { key_id: 'k2', public_key: 'P2' }] : keys),
  });
  await b.uploader.start();
  assert.deepEqual(b.types(), ['received']);
});

test('a refused photo is kept and does not hold up the others', async () => {
  const b = bench([item(1), item(2)], (i, n) => (n === 1 ? { status: 422, body: '{"detail":"Not this way."}' } : { status: 201, body: receiptFor(i) }));
  await b.uploader.start();
  assert.deepEqual(b.types(), ['failed', 'received']);
  const kept = b.stored.get(item(1).capture_id);
  assert.deepEqual([kept.state, kept.last_error, kept.attempts], ['failed', 'Not this way.', 1]);
  await b.uploader.kick();
  assert.deepEqual(b.sent, ['1', '2'], 'a failed photo must not go by itself');
  await b.uploader.retry(kept.capture_id);
  assert.deepEqual(b.sent, ['1', '2', '1']);
});

test('silence and 503 wait, at least as long as the server asks', async () => {
  for (const [answer, want] of [[{ status: 0 }, 1000], [{ status: 503, retryAfter: '120' }, 120000], [{ status: 503 }, 1000]]) {
    const b = bench([item(1), item(2)], (i, n) => (n === 1 ? answer : { status: 201, body: receiptFor(i) }));
    await b.uploader.start();
    assert.deepEqual(b.types(), ['waiting']);
    assert.deepEqual(b.timers.map((t) => t.ms), [want]);
    assert.equal(b.events.at(-1)[1].retry_at, new Date(now + want).toISOString());
    assert.equal(b.stored.get(item(1).capture_id).state, 'sealed');
    b.timers[0].act();
    await b.uploader.kick();
    assert.equal(b.stored.size, 0);
  }
});

test('an ended session keeps everything and asks to sign in', async () => {
  const b = bench([item(1), item(2)], () => ({ status: 401 }));
  await b.uploader.start();
  assert.deepEqual(b.sent, ['1']);
  assert.deepEqual(b.types(), ['signin']);
  assert.equal(b.timers.length, 0, 'no use in trying again before the sign-in');
  assert.equal(b.stored.size, 2);
});

test('a kick during a run looks once more and never sends twice at once', async () => {
  let inFlight = 0;
  let most = 0;
  const b = bench([item(1)], async (i) => {
    most = Math.max(most, ++inFlight);
    if (i.capture_id === item(1).capture_id) {
      b.stored.set(item(2).capture_id, item(2));
      void b.uploader.kick();
      void b.uploader.kick();
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
    inFlight--;
    return { status: 201, body: receiptFor(i) };
  });
  await b.uploader.start();
  assert.deepEqual(b.sent, ['1', '2']);
  assert.equal(most, 1);
  assert.equal(b.stored.size, 0);
});

test('a stopped uploader starts nothing', async () => {
  const b = bench([item(1)], (i) => ({ status: 201, body: receiptFor(i) }));
  b.uploader.stop();
  await b.uploader.kick();
  assert.deepEqual(b.sent, []);
});

test('a stop while photos go ends it after the one under way', async () => {
  const b = bench([item(1), item(2)], (i) => {
    b.uploader.stop();
    return { status: 201, body: receiptFor(i) };
  });
  await b.uploader.start();
  assert.deepEqual(b.sent, ['1']);
  assert.deepEqual(b.types(), ['received']);
});

test('nothing is sent while another tab does', async () => {
  let free = () => {};
  const other = new Promise((resolve) => (free = resolve));
  const b = bench([item(1)], (i) => ({ status: 201, body: receiptFor(i) }), { alone: async (act) => { await other; await act(); } });
  const run = b.uploader.start();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(b.sent, []);
  b.stored.delete(item(1).capture_id); // the other tab's receipt
  free();
  await run;
  assert.deepEqual(b.sent, [], 'what the other tab sent went twice');
});

test('an unreadable queue waits instead of failing', async () => {
  const b = bench([item(1)], () => ({ status: 201 }), {
    queue: { list: async () => { throw new Error('disk'); }, update: async () => {}, received: async () => {} },
  });
  await b.uploader.start();
  assert.deepEqual(b.types(), ['waiting']);
  assert.equal(b.timers.length, 1);
});
