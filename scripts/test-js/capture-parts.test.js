// Sending in parts: what is cut, what is sent again, and what an upload ends with.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { bytesOf, Cut, flights, joined, largest, nextPart, readUpload, unit } from '../../api/web/static/capture/parts.js';
import { transfer } from '../../api/web/static/capture/transfer.js';

const sha256 = (b) => createHash('sha256').update(b).digest('hex');

test('parts that overlap are joined', () => {
  const p = (offset, size) => ({ offset, size });
  for (const [given, want] of [
    [[], []], [[p(0, 2), p(2, 2)], [p(0, 4)]], [[p(4, 2), p(0, 2)], [p(0, 2), p(4, 2)]], [[p(0, 9), p(1, 2)], [p(0, 9)]], [[p(0, 3), p(1, 4)], [p(0, 5)]],
  ]) assert.deepEqual(joined(given), want);
  assert.equal(bytesOf([p(0, 3), p(1, 4), p(9, 1)]), 6);
});

test('the next part fills the first gap', () => {
  const total = 5 * unit + 7;
  const table = [
    [[], 2 * unit, { offset: 0, size: 2 * unit }],
    [[{ offset: 0, size: unit }], 2 * unit, { offset: unit, size: 2 * unit }],
    [[{ offset: 0, size: unit }, { offset: 2 * unit, size: unit }], largest, { offset: unit, size: unit }],
    [[{ offset: 0, size: 5 * unit }], largest, { offset: 5 * unit, size: 7 }],
    [[{ offset: 0, size: total }], largest, null],
  ];
  for (const [taken, size, want] of table) assert.deepEqual(nextPart(total, taken, size), want);
});

test('the cut gets smaller with silence and larger again with luck', () => {
  const cut = new Cut();
  assert.equal(cut.size, largest);
  for (const want of [largest / 2, largest / 4, largest / 8, unit, unit]) {
    cut.lost();
    assert.equal(cut.size, Math.max(unit, want));
  }
  for (let i = 0; i < 4; i++) cut.went();
  assert.equal(cut.size, 2 * unit);
  for (let i = 0; i < 40; i++) cut.went();
  assert.equal(cut.size, largest);
});

test('what a server says is read with care', () => {
  assert.deepEqual(readUpload('{"held":[{"offset":0,"size":5,"more":1},{"offset":-1,"size":5},{"offset":1.5,"size":5},null],"receipt":null}'),
    { held: [{ offset: 0, size: 5 }], receipt: '' });
  assert.deepEqual(readUpload('{"held":[],"receipt":{"a":1}}'), { held: [], receipt: '{"a":1}' });
  for (const odd of ['', 'null', '<html>', '{"held":7}', '[]']) assert.deepEqual(readUpload(odd), { held: [], receipt: '' }, odd);
});

/** A server of uploads in memory; fault says what goes wrong with a request: an answer, or 'lost' after it was done. */
function server(envelope, fault = () => null) {
  const s = { parts: new Map(), received: 0, asked: [], most: 0, flying: 0, begun: false, progress: [] };
  const digest = sha256(envelope);
  const held = () => joined([...s.parts].map(([offset, b]) => ({ offset, size: b.length })));
  const answer = (status, body = '') => ({ status, body: typeof body === 'string' ? body : JSON.stringify(body), retryAfter: null });
  const act = (method, url, headers, body) => {
    if (method === 'POST' && url === '/u') {
      assert.equal(JSON.parse(body).digest, digest);
      s.begun = true;
      return s.received ? answer(200, { held: [], receipt: { photo_id: 'F1' } }) : answer(201, { held: held(), receipt: null });
    }
    if (!s.begun) return answer(404);
    if (method === 'PUT') {
      const offset = Number(url.split('/').at(-1));
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      assert.equal(headers['Content-Type'], 'application/partial-upload');
      assert.equal(headers['Content-Digest'], `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`);
      assert.equal(offset % unit, 0);
      s.parts.set(offset, bytes);
      return answer(204);
    }
    if (method === 'GET') return answer(200, { held: held(), receipt: null });
    if (bytesOf(held()) !== envelope.length) return answer(409);
    const whole = Buffer.alloc(envelope.length);
    for (const [offset, b] of s.parts) b.copy(whole, offset);
    if (sha256(whole) !== digest) return answer(422, { type: 'urn:problem-type:clinivault:digest' });
    s.received++;
    return answer(201, { photo_id: 'F1' });
  };
  s.ask = async (method, url, headers, body) => {
    s.asked.push(`${method} ${url}`);
    s.most = Math.max(s.most, ++s.flying);
    await new Promise((resolve) => (s.slow ? setTimeout(resolve, s.slow) : setImmediate(resolve)));
    s.flying--;
    const wrong = fault(method, url, s.asked.length, s);
    if (wrong === 'silent') return answer(0);
    if (wrong && wrong !== 'lost') return wrong;
    const done = act(method, url, headers, body);
    return wrong === 'lost' ? answer(0) : done;
  };
  const item = { capture_id: 'ab'.repeat(16), envelope: envelope.buffer.slice(envelope.byteOffset, envelope.byteOffset + envelope.length), size: envelope.length, sha256: digest };
  s.send = () => transfer({ captures: '/c', uploads: '/u', ask: s.ask }, item, (n) => s.progress.push(n));
  return s;
}

const photo = (n) => Buffer.from(Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 11)) % 256));

test('a small photo goes in one piece', async () => {
  const s = server(photo(1000), () => ({ status: 201, body: '{}', retryAfter: null }));
  assert.equal((await s.send()).status, 201);
  assert.deepEqual(s.asked, ['POST /c']);
});

test('a large photo goes in parts, several at once, and tells what was received', async () => {
  const s = server(photo(9 * largest + 5));
  s.slow = 100; // milliseconds: far longer than a part takes to be cut
  const got = await s.send();
  assert.deepEqual([got.status, JSON.parse(got.body)], [201, { photo_id: 'F1' }]);
  assert.equal(s.most, flights);
  assert.equal(s.parts.size, 10);
  assert.deepEqual(s.progress, [...s.progress].sort((a, b) => a - b));
  assert.equal(s.progress.at(-1), 9 * largest + 5);
});

test('an upload goes on where it was', async () => {
  const envelope = photo(6 * largest);
  const s = server(envelope);
  s.begun = true;
  for (const at of [0, 2 * largest, 3 * largest]) s.parts.set(at, envelope.subarray(at, at + largest));
  assert.equal((await s.send()).status, 201);
  assert.equal(s.asked.filter((a) => a.startsWith('PUT')).length, 3);
  assert.equal(s.progress[0], 3 * largest);
  assert.equal((await s.send()).status, 200, 'the answer with the receipt was lost');
  assert.equal(s.received, 1);
});

test('parts that were not heard of go again, smaller', async () => {
  for (const kind of ['silent', 'lost']) {
    let n = 0;
    const s = server(photo(4 * largest), (method) => (method === 'PUT' && ++n % 3 === 2 ? kind : null));
    assert.equal((await s.send()).status, 201, kind);
    assert.ok([...s.parts.values()].some((b) => b.length < largest), kind);
    assert.equal(s.received, 1);
  }
});

test('four silences in a row end the turn, and what was received stays', async () => {
  const s = server(photo(20 * largest), (method, _, n) => (method === 'PUT' && n > 6 ? 'silent' : null));
  assert.equal((await s.send()).status, 0);
  assert.ok(s.parts.size > 0);
  assert.ok(s.asked.length < 20, `${s.asked.length} requests`);
});

test('what the server says ends the upload with its answer', async () => {
  for (const [name, when, status, want] of [
    ['signed out at the begin', 'POST /u', 401, 401], ['signed out meanwhile', 'PUT', 401, 401], ['busy', 'PUT', 503, 503], ['not allowed', 'POST /u', 403, 403],
    ['too large', 'PUT', 413, 413], ['gone meanwhile', 'PUT', 404, 503], ['too much overlap', 'PUT', 409, 503], ['another photo', 'POST /u', 409, 409],
    ['not a patient of theirs', 'finish', 404, 404], ['another photo at the end', 'finish', 409, 409], ['no envelope', 'finish', 422, 422],
  ]) {
    const s = server(photo(2 * largest), (method, url) => (`${method} ${url}`.includes(when) ? { status, body: '', retryAfter: null } : null));
    assert.equal((await s.send()).status, want, name);
    assert.equal(s.received, 0, name);
  }
});

test('parts that the store lost go again', async () => {
  let once = true;
  const s = server(photo(3 * largest), (method, url, _, it) => {
    if (method === 'POST' && url.endsWith('/finish') && once) {
      once = false;
      it.parts.delete(largest);
    }
    return null;
  });
  assert.equal((await s.send()).status, 201);
  assert.equal(s.received, 1);
});

test('a store that keeps losing parts is for later', async () => {
  const s = server(photo(3 * largest), (method, url, _, it) => {
    if (method === 'POST' && url.endsWith('/finish')) it.parts.delete(0);
    return null;
  });
  assert.equal((await s.send()).status, 503);
});

test('parts that are not the whole are thrown away and sent anew', async () => {
  let once = true;
  const s = server(photo(2 * largest), (method, url, _, it) => {
    if (method !== 'POST' || !url.endsWith('/finish') || !once) return null;
    once = false;
    it.parts.clear();
    return { status: 422, body: '{"type":"urn:problem-type:clinivault:digest"}', retryAfter: null };
  });
  assert.equal((await s.send()).status, 201);
});
