// A sign-in by passkey prepares the device for the time without a network: whose, when, and that the server hears nothing of
// what the passkey answers to this browser's salt.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { memoryDisk } from './idb.mjs';

const page = new EventTarget();
for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent']) globalThis[name] = page[name].bind(page);
globalThis.indexedDB = memoryDisk();
globalThis.PublicKeyCredential = function PublicKeyCredential() {};
globalThis.document = { body: { dataset: { session: '/api/v1/session' } } };
globalThis.location = { hostname: 'vault.example' };

const secret = new Uint8Array(32).fill(0xa7);
/** What the passkey is asked, and what it answers with. */
const authenticator = { asked: [], id: 1, answers: true };
const credential = () => ({
  id: Buffer.from([authenticator.id]).toString('base64url'), rawId: new Uint8Array([authenticator.id]).buffer, type: 'public-key',
  response: { clientDataJSON: new ArrayBuffer(1) },
  getClientExtensionResults: () => ({ appid: false, prf: authenticator.answers ? { results: { first: secret.slice() } } : {} }),
});
Object.defineProperty(globalThis, 'navigator', {
  configurable: true, value: { language: 'en', languages: ['en'], credentials: { get: async (asked) => (authenticator.asked.push(asked), credential()) } },
});

const { openOffline, opened, prepare, prepared } = await import('../../api/web/static/capture/unlock.js');
const { signInPrepared, undo } = await import('../../api/web/static/lib/prepare.js');
const { keepList, keptList, offlineUse } = await import('../../api/web/static/capture/wardkeep.js');

const person = { id: 'PERSON1', name: 'Demo Clinician', roles: ['clinician'] };
const key = (n) => ({ key_id: `k${n}`, public_key: `P${n}` });
/** @type {any} what the server says; a function is called */
let server;
/** @type {string[]} what it heard */
let told = [];

beforeEach(async (t) => {
  page.dispatchEvent(new Event('clinivault-leave'));
  globalThis.indexedDB = memoryDisk();
  Object.assign(authenticator, { asked: [], id: 1, answers: true });
  told = [];
  server = {
    '/api/v1/session/passkey/begin': { ticket: 'T', options: { publicKey: { challenge: 'AAAA', rpId: 'vault.example' } } },
    '/api/v1/session/passkey': { person }, '/api/v1/session': { person, session_id: 'S' },
    '/api/v1/session/step-up/begin': { ticket: 'T', options: { publicKey: { challenge: 'AAAA', rpId: 'vault.example' } } }, '/api/v1/session/step-up': {},
    '/api/v1/intake': { epoch: 1, kem: 'MLKEM768-X25519', key: 'AAAA', receipt_keys: [key(1)] },
  };
  t.mock.method(globalThis, 'fetch', async (url, request) => {
    told.push(`${url} ${request.body ?? ''}`);
    const answer = server[url];
    if (answer === undefined) return new Response('{}', { status: 503 });
    return new Response(JSON.stringify(typeof answer === 'function' ? await answer() : answer));
  });
});

test('one question signs in and prepares: the passkey opens the device then, and nothing is open before', async () => {
  assert.deepEqual(await signInPrepared(false), person);
  assert.equal(authenticator.asked.length, 1);
  const [{ publicKey, mediation }] = authenticator.asked;
  assert.equal(publicKey.extensions.prf.eval.first.length, 32);
  assert.equal(mediation, undefined);
  assert.equal(await prepared(person.id), true);
  assert.equal(opened(person.id), null, 'a locked screen stays locked');
  assert.deepEqual((await openOffline(person.id)).signers, [key(1)]);
});

test('silently it waits beside the login field, and prepares all the same', async () => {
  await signInPrepared(true);
  assert.equal(authenticator.asked[0].mediation, 'conditional');
  assert.equal(await prepared(person.id), true);
});

test('what the passkey answers to the salt never leaves the browser', async () => {
  await signInPrepared(false);
  assert.ok(told.some((line) => line.startsWith('/api/v1/session/passkey {')), `the passkey was shown: ${told}`);
  for (const line of told) {
    assert.ok(!/prf|results/.test(line), `the server heard of the secret: ${line}`);
    assert.ok(!line.includes(Buffer.from(secret).toString('base64url').slice(0, 40)) && !line.includes('167,167'), `the server heard the secret: ${line}`);
  }
  assert.ok(told.some((line) => line.includes('"appid":false')), 'what else the authenticator says goes there');
});

for (const [name, change] of Object.entries({
  'a passkey without an answer': () => (authenticator.answers = false), 'a device of several people': () => (server['/api/v1/session'].shared = true),
  'somebody who takes no photos': () => (server['/api/v1/session/passkey'] = { person: { ...person, roles: ['reviewer'] } }),
  'somebody else who signed in meanwhile': () => (server['/api/v1/session'] = { person: { ...person, id: 'PERSON2' } }),
  'a server that gives no keys': () => delete server['/api/v1/intake'], 'a browser that keeps nothing': () => (globalThis.indexedDB.full = true),
})) {
  test(`${name}: signed in, and not prepared`, async () => {
    change();
    assert.equal((await signInPrepared(false)).id, person.id);
    assert.equal(await prepared(person.id), false);
  });
}

test('a passkey without an answer has the server asked for nothing more', async () => {
  authenticator.answers = false;
  await signInPrepared(false);
  assert.ok(!told.some((line) => line.startsWith('/api/v1/intake')), `asked: ${told}`);
});

test('a prepared device is prepared again for another passkey or another signer alone', async () => {
  const now = async () => Buffer.from((await offlineUse(person.id)).publicKey).toString('hex');
  await signInPrepared(false);
  const first = await now();
  await signInPrepared(false);
  assert.equal(await now(), first, 'the same passkey');
  authenticator.id = 2;
  await signInPrepared(false);
  const second = await now();
  assert.notEqual(second, first, 'another passkey');
  server['/api/v1/intake'].receipt_keys = [key(1), key(2)];
  await signInPrepared(false);
  assert.notEqual(await now(), second, 'the vault signs with another key');
  assert.deepEqual((await offlineUse(person.id)).signers, ['k1', 'k2']);
});

const list = { person: person.id, enc: new Uint8Array(1), sealed: new Uint8Array(1), issued: 1, expires: 2, high: 1 };

test('a list that only the last passkey opens goes with it', async () => {
  await signInPrepared(false);
  await keepList(list);
  await signInPrepared(false);
  assert.ok(await keptList(person.id), 'the same passkey opens it');
  authenticator.id = 2;
  await signInPrepared(false);
  assert.equal(await keptList(person.id), undefined);
});

test('whoever undid it is not prepared by a sign-in, until they ask for it', async () => {
  await signInPrepared(false);
  await keepList(list);
  await undo(person.id);
  assert.equal(await prepared(person.id), false);
  assert.equal(await keptList(person.id), undefined);
  await signInPrepared(false);
  assert.equal(await prepared(person.id), false, 'by a sign-in');
  await prepare(person.id, [key(1)]);
  assert.equal(await prepared(person.id), true);
  authenticator.id = 2;
  await signInPrepared(false);
  assert.deepEqual([...new Uint8Array((await offlineUse(person.id)).credentials[0])], [2], 'from then on by sign-ins again');
});

test('a sign-in waits no longer than a moment for it', async () => {
  let asked = () => {};
  const begun = new Promise((resolve) => (asked = resolve));
  server['/api/v1/intake'] = () => (asked(), new Promise(() => {}));
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    globalThis.indexedDB = undefined; // whose answers come by timers, too
    const signing = signInPrepared(false);
    await begun;
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(1_499);
    assert.equal(await Promise.race([signing.then(() => 'in'), new Promise((resolve) => setImmediate(() => resolve('waiting')))]), 'waiting');
    mock.timers.tick(1);
    assert.equal((await signing).id, person.id);
  } finally {
    mock.timers.reset();
  }
});

test('an account without a passkey is told where to make one', async (t) => {
  t.mock.method(globalThis, 'fetch', async () => new Response('{"detail":"You have no passkey."}', { status: 409 }));
  await assert.rejects(prepare(person.id, [key(1)]), (err) => err.cause === 'account' && /^You have no passkey yet\. Add one/.test(err.message));
});
