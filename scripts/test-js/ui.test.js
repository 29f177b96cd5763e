// The pure parts of the pages: refusals, addresses, sign-in, times, the queue
// panel, the capture form, the chart, the log.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Problem, address, call, offline, problemFrom } from '../../api/web/static/lib/api.js';
import { current, errorWords, pause, stateWords, tags } from '../../api/web/static/lib/attach.js';
import { safeNext, signInSentence } from '../../api/web/static/lib/next.js';
import { bornDay, countText } from '../../api/web/static/lib/patientlist.js';
import { namedPatient } from '../../api/web/static/lib/patients.js';
import { clockTime, exactTime, leftOver, localTime } from '../../api/web/static/lib/time.js';
import { passwordGap } from '../../api/web/static/lib/password.js';
import { verifyWords } from '../../api/web/static/lib/verify.js';
import { hintText, othersText, rowWords, sentText, sizeText } from '../../api/web/static/pages/capture-queue.js';

test('addresses are filled and escaped', () => {
  assert.equal(address('/api/{id}/{kind}', { id: 'A/../B', kind: 'x' }), '/api/A%2F..%2FB/x');
  assert.throws(() => address('/api/{id}', {}), /needs id/);
  assert.throws(() => address(undefined), /no address/);
});

test('a refusal gives its sentence, and one of our own where there is none', () => {
  const p = problemFrom(409, '{"title":"Conflict","detail":"A face is still visible.","request_id":"R1"}', null);
  assert.deepEqual([p.status, p.message, p.requestID], [409, 'A face is still visible.', 'R1']);
  assert.deepEqual(p.residual, []);
  const box = { x0: 1, y0: 2, x1: 3, y1: 4 };
  const seen = problemFrom(409, JSON.stringify({ detail: 'x', residual: [{ box }, {}, null, { box: { ...box, x1: 1 } }] }), null);
  assert.deepEqual(seen.residual, [box]);
  for (const body of ['', '<html>proxy</html>', 'null', '{"detail":7}', '[]']) {
    assert.match(problemFrom(503, body, '7').message, /Nothing was changed/, body);
  }
  assert.equal(problemFrom(503, '', '7').retryAfter, 7);
  assert.equal(problemFrom(503, '', 'soon').retryAfter, 0);
});

test('calls speak JSON and turn silence into a problem', async (t) => {
  const seen = [];
  const told = [];
  globalThis.dispatchEvent = (event) => told.push(event.type);
  t.after(() => delete globalThis.dispatchEvent);
  t.mock.method(globalThis, 'fetch', async (url, request) => {
    seen.push([url, request.method, request.body, request.cache]);
    if (url === '/down') throw new TypeError('network');
    if (url === '/gone') return new Response('{"detail":"Gone."}', { status: 404 });
    return new Response(url === '/none' ? null : '{"ok":1}', { status: url === '/none' ? 204 : 200 });
  });
  assert.deepEqual(await call('POST', '/x', { a: 1 }), { ok: 1 });
  assert.deepEqual(seen[0], ['/x', 'POST', '{"a":1}', 'no-store']);
  assert.equal(await call('POST', '/none'), null);
  await assert.rejects(call('GET', '/gone'), (e) => e instanceof Problem && e.status === 404 && e.message === 'Gone.');
  await assert.rejects(call('GET', '/down'), (e) => e instanceof Problem && e.status === 0 && e.message === offline);
  assert.deepEqual(told, ['clinivault-silent'], 'what the page is told of silence');
});

test('after signing in one stays on this site', () => {
  const origin = 'https://vault.test';
  for (const good of ['/captures', '/audit?patient=A&before=9', '/photos/ABC']) assert.equal(safeNext(good, origin), good);
  for (const bad of [null, '', 'captures', '//evil.test', '/\\evil.test', '/\t/evil.test', 'https://evil.test/', 'javascript:alert(1)',
    '/sign-in?next=/', '/sign-out', '/a\nb', '/..//evil.test']) {
    assert.equal(safeNext(bad, origin), '/', String(bad));
  }
});

test('a refused sign-in is said plainly', () => {
  assert.match(signInSentence({ status: 401, message: 'x' }), /login or the password is wrong/);
  assert.match(signInSentence({ status: 429, message: 'x', retryAfter: 30 }), /wait 30 seconds/);
  assert.match(signInSentence({ status: 429, message: 'x', retryAfter: 600 }), /wait 10 minutes/);
  assert.equal(signInSentence({ status: 423, message: 'Locked for now.' }), 'Locked for now.');
});

test('times', () => {
  assert.equal(localTime('2026-11-21T22:05:09.000Z', 'UTC'), '21 Nov 2026, 22:05');
  assert.equal(exactTime('2026-11-21T22:05:09.000Z', 'UTC'), '21 Nov 2026, 22:05:09');
  assert.equal(exactTime('yesterday'), 'not yet');
  assert.equal(localTime(null), 'not yet');
  assert.equal(localTime('yesterday'), 'not yet');
  assert.equal(clockTime('2026-11-21T22:05:09.000Z', 'UTC'), '22:05:09');
  assert.equal(leftOver(61_001), '1:02');
  assert.equal(leftOver(-5), '0:00');
});

test('a queue row says received by itself never: all sent still waits for the receipt', () => {
  const item = { state: 'sending', last_error: '', size: 2_000_000 };
  assert.match(rowWords(item, { sent: 2_000_000, total: 2_000_000 }).text, /Waiting for the signed receipt/);
  assert.deepEqual(rowWords(item, { sent: 500_000, total: 2_000_000 }), { state: 'Sending', tone: 'wait', text: '500 kB of 2.0 MB', part: 0.25 });
  assert.match(rowWords({ ...item, state: 'sealed', last_error: 'No connection.' }, undefined).text, /No connection/);
  const failed = rowWords({ ...item, state: 'failed', last_error: 'The patient was not found.' }, undefined);
  assert.deepEqual([failed.tone, failed.state], ['bad', 'Not taken']);
  assert.match(failed.text, /not found\. The sealed photo is kept/);
  for (const state of ['sealed', 'sending', 'failed']) {
    assert.doesNotMatch(rowWords({ ...item, state }, { sent: 1, total: 1 }).state, /received/i);
  }
  assert.equal(sizeText(10), '1 kB');
});

test('the line at the top counts what is on the device', () => {
  assert.equal(hintText([], 0), '');
  assert.equal(hintText([{ state: 'failed' }, { state: 'sealed' }], 3), '1 not taken, please look, 1 on the way');
  assert.equal(hintText([], 2), 'All 2 photos were received');
});

test('patients are counted in words', () => {
  assert.match(countText(0, 'x'), /No patient found/);
  assert.match(countText(0, ' '), /no patient here for you/);
  assert.equal(countText(1, ''), '1 patient');
  assert.match(countText(50, ''), /first 50/);
});

test('a day of birth is written as people write it', () => {
  assert.equal(bornDay('1951-03-14'), '14 Mar 1951');
  assert.equal(bornDay('unknown'), 'unknown');
});

test('attachments are filed by what is to be done', () => {
  const a = (state) => ({ id: state, target: 'fhir', state });
  assert.deepEqual(current([{ ...a('attached'), version: 3 }, { ...a('pending'), version: 5 }], 5).map((x) => x.state), ['pending']);
  assert.deepEqual(tags([]), ['open']);
  assert.deepEqual(tags(null), ['open']);
  assert.deepEqual(tags([a('attached'), a('attached')]), ['attached']);
  assert.deepEqual(tags([a('attached'), a('failed')]), ['failed', 'open']);
  assert.deepEqual(tags([a('pending')]), ['pending', 'open']);
  assert.equal(stateWords('attached').tone, 'good');
  assert.notEqual(stateWords('pending').tone, 'good');
  assert.ok(pause(0) < pause(3) && pause(100) === 30_000);
});

test('a broken log is never called verified', () => {
  const good = verifyWords({ ok: true, size: 12, checkpoints: 1, last_checkpoint: '2026-11-21T22:05:09.000Z', root: 'abc=' }, 'UTC');
  assert.ok(good.good);
  assert.match(good.lines[0], /^Verified: the log is whole\. All 12 entries agree with 1 signed checkpoint, the last of 21 Nov 2026, 22:05\.$/);
  const young = verifyWords({ ok: true, size: 12, covered: 9, checkpoints: 2, root: 'abc=' });
  assert.match(young.lines[0], /^Verified: the log is whole\. Of 12 entries, the last 3 are newer than any checkpoint .* the 9 before agree with 2 signed checkpoints\.$/);
  assert.match(verifyWords({ ok: true, size: 12, covered: 11, checkpoints: 2 }).lines[0], /the last one is newer/);
  assert.doesNotMatch(young.lines.join(' '), /All 12/);
  const bad = verifyWords({ ok: false, size: 12, checkpoints: 1, problem: 'entry 4 was changed', first_bad: 4 });
  assert.equal(bad.good, false);
  assert.match(bad.lines.join(' '), /NOT whole: entry 4 was changed\. The first entry that is wrong is number 4/);
  assert.doesNotMatch(bad.lines.join(' '), /verified/i);
});

test('a password is long enough and written the same twice', () => {
  for (const [name, password, again, want] of [
    ['good', 'twelve chars', undefined, ''], ['good twice', 'twelve chars', 'twelve chars', ''],
    ['short', 'eleven char', undefined, 'at least 12'], ['short in characters, not in bytes', '\u{1F600}'.repeat(11), undefined, 'at least 12'],
    ['other', 'twelve chars', 'twelve Chars', 'not the same'], ['empty again', 'twelve chars', '', 'not the same'],
  ]) {
    const got = passwordGap(password, again);
    assert.ok(want === '' ? got === '' : got.includes(want), `${name}: got "${got}", want "${want}"`);
  }
});

test('an attachment that is still tried says so', () => {
  assert.equal(errorWords({ id: 'A', target: 'fhir', state: 'failed', last_error: 'Refused.' }), 'Refused.');
  assert.match(errorWords({ id: 'A', target: 'fhir', state: 'pending', last_error: 'No answer.' }), /tried again by itself.*No answer\./);
  assert.equal(errorWords({ id: 'A', target: 'fhir', state: 'pending', last_error: '' }), '');
});

test('a link may name the patient, and only by an ID of ours', () => {
  const id = 'AOGXI7FA6FJIUUKSZ2ZTN7OYME';
  assert.equal(namedPatient(`#patient=${id}`), id);
  for (const hash of ['', '#', '#queue', `#patient=${id}x`, `#patient=../${id}`, `#patient=${id.toLowerCase()}`, `#x&patient=${id}`]) {
    assert.equal(namedPatient(hash), '', hash);
  }
});

test('photos of other people are counted, not shown', () => {
  assert.equal(othersText(0), '');
  assert.match(othersText(1), /^One sealed photo .* it goes /);
  assert.match(othersText(3), /^3 sealed photos .* they go /);
});

test('one photo and several are spoken of as what they are, on their way and received', () => {
  for (const [sent, waiting, title, text, away = false] of [
    [1, 1, 'Sealed and on its way', /^It is sealed;.* received it\./], [1, 0, 'Received by the vault', /^The vault has it, with a/],
    [3, 3, 'Sealed and on their way', /^They are sealed;.* received them\./], [3, 1, 'Sealed and on their way', /^They are sealed/],
    [3, 0, 'Received by the vault', /^The vault has all 3, each with a.*copies.*checks them/],
    [1, 1, 'Sealed; goes when the network is back', /^It is sealed/, true], [2, 1, 'Sealed; they go when the network is back', /^They are sealed/, true],
    [1, 0, 'Received by the vault', /^The vault has it, with a/, true],
  ]) {
    const said = sentText(sent, waiting, away);
    assert.equal(said.title, title, `${sent} sent, ${waiting} waiting`);
    assert.match(said.text, text);
  }
});
