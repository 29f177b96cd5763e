// The pure parts of signing in, of the lock and of remedies.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Problem, call, remedy } from '../../api/web/static/lib/api.js';
import { Idle, answers, isOther } from '../../api/web/static/lib/idle.js';
import { answerOf, fromBase64URL, passkeySentence, requestOptions, toBase64URL } from '../../api/web/static/lib/passkey.js';
import { creationOptions } from '../../api/web/static/lib/passkeymake.js';
import { pinGap } from '../../api/web/static/lib/password.js';
import { secondStep } from '../../api/web/static/lib/sign-in.js';
import { typedWay } from '../../api/web/static/lib/stepup.js';

/** Answers each request in turn. */
function server(t, ...replies) {
  const seen = [];
  t.mock.method(globalThis, 'fetch', async (url, request) => {
    seen.push([request.method, url, request.headers['Clinivault-Background'] ?? '']);
    const [status, kind] = replies[seen.length - 1] ?? [200, ''];
    const body = status === 200 ? '{"done":true}' : JSON.stringify({ type: `urn:problem-type:clinivault:${kind}`, detail: `No: ${kind}.` });
    return new Response(body, { status });
  });
  return seen;
}

test('a remedy that helps is followed by one more try of the same request', async (t) => {
  let asked = 0;
  remedy('kind-a', async () => ++asked > 0);
  const seen = server(t, [403, 'kind-a'], [200, '']);
  assert.deepEqual(await call('POST', '/x', { a: 1 }), { done: true });
  assert.equal(asked, 1);
  assert.deepEqual(seen.map((s) => s[1]), ['/x', '/x']);
});

test('a remedy is asked once for a request, and another one after it', async (t) => {
  let a = 0;
  let b = 0;
  remedy('kind-a', async () => ++a > 0);
  remedy('kind-b', async () => ++b > 0);
  const seen = server(t, [403, 'kind-a'], [401, 'kind-b'], [403, 'kind-a']);
  await assert.rejects(call('GET', '/x'), (err) => err instanceof Problem && err.kind === 'kind-a');
  assert.deepEqual([a, b, seen.length], [1, 1, 3]);
});

test('a remedy that the person turned down leaves the refusal', async (t) => {
  remedy('kind-a', async () => false);
  const seen = server(t, [403, 'kind-a']);
  await assert.rejects(call('GET', '/x'), /No: kind-a/);
  assert.equal(seen.length, 1);
});

test('what a page asks by itself asks the person nothing, and says so to the server', async (t) => {
  let asked = 0;
  remedy('kind-a', async () => ++asked > 0);
  remedy('prove-device', async () => ++asked > 0);
  const seen = server(t, [403, 'kind-a'], [401, 'prove-device'], [200, '']);
  await assert.rejects(call('GET', '/x', undefined, { background: true }));
  assert.equal(asked, 0);
  await call('GET', '/x', undefined, { background: true });
  assert.equal(asked, 1, 'the device proves itself without a person');
  assert.deepEqual(seen.map((s) => s[2]), ['1', '1', '1']);
});

test('base64url goes there and back', () => {
  for (const bytes of [[], [0], [255, 254], [1, 2, 3], [251, 240, 0, 255, 63]]) {
    const text = toBase64URL(Uint8Array.from(bytes).buffer);
    assert.match(text, /^[A-Za-z0-9_-]*$/);
    assert.deepEqual([...new Uint8Array(fromBase64URL(text))], bytes);
    assert.deepEqual([...new Uint8Array(fromBase64URL(text + '='.repeat((4 - (text.length % 4)) % 4)))], bytes, 'with padding');
  }
});

test('options become what the browser takes, and answers what the server takes', () => {
  const asked = { publicKey: { challenge: 'AQID', rpId: 'localhost', userVerification: 'required', allowCredentials: [{ id: '_-8', type: 'public-key' }] } };
  const got = requestOptions(asked);
  assert.deepEqual([...new Uint8Array(got.challenge)], [1, 2, 3]);
  assert.deepEqual([...new Uint8Array(got.allowCredentials[0].id)], [255, 239]);
  assert.equal(got.userVerification, 'required');
  assert.deepEqual(requestOptions({ challenge: 'AQID' }).allowCredentials, []);
  const made = creationOptions({ challenge: 'AQID', user: { id: 'BA', name: 'n', displayName: 'd' }, excludeCredentials: [{ id: 'BQ', type: 'public-key' }] });
  assert.deepEqual([...new Uint8Array(made.user.id), ...new Uint8Array(made.excludeCredentials[0].id)], [4, 5]);
  const bytes = Uint8Array.from([1]).buffer;
  const back = answerOf({
    id: 'AQ', rawId: bytes, type: 'public-key', getClientExtensionResults: () => ({}), response: { clientDataJSON: bytes, signature: bytes, authenticatorData: bytes, userHandle: null },
  });
  assert.deepEqual(back.response, { clientDataJSON: 'AQ', signature: 'AQ', authenticatorData: 'AQ' });
  assert.equal(JSON.parse(JSON.stringify(back)).rawId, 'AQ');
});

test('what the browser says of a passkey is said plainly, and other errors are left alone', () => {
  const named = (name) => Object.assign(new Error('x'), { name });
  assert.match(passkeySentence(named('NotAllowedError')), /another way/);
  assert.match(passkeySentence(named('SecurityError')), /address/);
  assert.equal(passkeySentence(new Error('The code is wrong.')), '');
  assert.equal(passkeySentence('x'), '');
});

test('the second step wants six digits or a recovery code', () => {
  const now = { ticket: 'T', code: ' 123 456 ', recovery: '', byRecovery: false };
  assert.deepEqual(secondStep(now), { body: { ticket: 'T', code: '123456' } });
  for (const code of ['', '12345', '1234567', 'abcdef']) assert.equal(secondStep({ ...now, code }).at, 'code', code);
  assert.equal(secondStep({ ...now, byRecovery: true }).at, 'recovery');
  assert.deepEqual(secondStep({ ...now, byRecovery: true, recovery: ' ABCD-EFGH ' }), { body: { ticket: 'T', code: 'ABCD-EFGH' } });
});

test('what a step-up asks to be typed', () => {
  const none = { passkey: false, code: false, password: false, pin: true, hospital: '' };
  assert.equal(typedWay(none), '');
  assert.equal(typedWay({ ...none, password: true }), 'password');
  assert.equal(typedWay({ ...none, password: true, code: true }), 'code');
});

test('PINs that anybody tries first are refused', () => {
  for (const bad of ['', '12345', '1234567890123', '123456', '987654', '000000', 'abcdef', '12 456']) assert.notEqual(pinGap(bad), '', bad);
  assert.equal(pinGap('593027'), '');
});

test('a screen that was left alone is over after its time, and the server is told of use now and then', () => {
  let now = 0;
  const idle = new Idle({ after: 60_000, now: () => now });
  now = 59_999;
  assert.equal(idle.over(), false);
  assert.equal(idle.tells(), false, 'nobody did anything');
  now = 60_000;
  assert.equal(idle.over(), true);
  idle.touch();
  assert.equal(idle.over(), false);
  assert.equal(idle.tells(), true);
  assert.equal(idle.tells(), false, 'told already');
  now += 14_999;
  idle.touch();
  assert.equal(idle.tells(), false, 'too soon');
  now += 1;
  assert.equal(idle.tells(), true);
  assert.equal(new Idle({ after: 0, now: () => now }).over(), false);
});

test('tabs of one browser lock, open and leave together', () => {
  assert.equal(answers('busy', { locked: false, dedicated: false }), 'touch');
  assert.equal(answers('busy', { locked: true, dedicated: false }), '');
  assert.equal(answers('locked', { locked: false, dedicated: false }), 'lock');
  assert.equal(answers('locked', { locked: true, dedicated: false }), '');
  assert.equal(answers('open', { locked: true, dedicated: false }), 'look');
  assert.equal(answers('open', { locked: false, dedicated: false }), '');
  assert.equal(answers('open', { locked: false, dedicated: true }), 'look', 'a page that is nothing but the lock');
  assert.equal(answers({ left: 'A' }, { locked: true, dedicated: true, person: 'A' }), 'leave');
  assert.equal(answers({ left: 'A' }, { locked: false, dedicated: false, person: 'B' }), '', 'somebody else went');
  assert.equal(answers({ left: '' }, { locked: false, dedicated: false, person: '' }), '', 'a page of nobody');
  assert.equal(answers('anything', { locked: false, dedicated: false }), '');
});

test('another person in another tab ends this one', () => {
  for (const [name, word, person, want] of [
    ['the same', { person: 'A' }, 'A', false], ['another', { person: 'B' }, 'A', true], ['nobody here', { person: 'B' }, '', false],
    ['a word', 'busy', 'A', false], ['nothing said', { person: '' }, 'A', false], ['no text', { person: 7 }, 'A', false], ['null', null, 'A', false],
  ]) assert.equal(isOther(word, person), want, name);
});
