// Opening without the network: whom the opened key serves, when it is forgotten, and what of it stays in memory.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { memoryDisk } from './idb.mjs';

const page = new EventTarget();
for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent']) globalThis[name] = page[name].bind(page);
globalThis.PublicKeyCredential = function PublicKeyCredential() {};
globalThis.document = { body: { dataset: { session: '/api/v1/session' } } };
globalThis.location = { hostname: 'vault.example' };

/** @type {any[]} what the passkey was asked */
const asked = [];
/** What it answers to the salt; null: nothing. @type {Uint8Array<ArrayBuffer> | null} */
let answer = new Uint8Array(32).fill(7);
const credential = {
  id: 'x', rawId: new Uint8Array([1]).buffer, type: 'public-key', response: { clientDataJSON: new ArrayBuffer(1) },
  getClientExtensionResults: () => ({ prf: answer ? { results: { first: answer } } : {} }),
};
Object.defineProperty(globalThis, 'navigator', {
  configurable: true, value: { language: 'en', languages: ['en'], credentials: { get: async ({ publicKey }) => (asked.push(publicKey), credential) } },
});

const { openOffline, opened, prepare, prepared } = await import('../../api/web/static/capture/unlock.js');
const signers = [{ key_id: 'k1', public_key: 'P1' }];
const person = 'PERSON1';

/** @type {string[]} what the server heard */
let told = [];
beforeEach(async (t) => {
  told = [];
  asked.splice(0);
  globalThis.indexedDB = memoryDisk();
  page.dispatchEvent(new Event('clinivault-leave'));
  answer = new Uint8Array(32).fill(7);
  t.mock.method(globalThis, 'fetch', async (url, request) => {
    told.push(`${url} ${request.body ?? ''}`);
    const body = url.endsWith('/begin') ? { ticket: 'T', options: { publicKey: { challenge: 'AAAA', rpId: 'vault.example' } } } : {};
    return new Response(JSON.stringify(body));
  });
});

test('what was prepared serves its owner, and is forgotten at the lock and on leaving', async () => {
  assert.equal(await prepared(person), false);
  await prepare(person, signers);
  assert.equal(await prepared(person), true);
  assert.deepEqual(opened(person)?.signers, signers);
  assert.equal(opened('PERSON2'), null, 'another person');
  assert.ok(!told.some((line) => line.includes('prf')), `the server heard of the secret: ${told}`);
  for (const word of ['clinivault-lock', 'clinivault-leave']) {
    assert.equal((await openOffline(person)).person, person);
    assert.ok(opened(person));
    page.dispatchEvent(new Event(word));
    assert.equal(opened(person), null, word);
  }
  assert.equal(asked.at(-1).userVerification, 'required', 'finger, face or PIN');
  assert.equal(asked.at(-1).rpId, 'vault.example');
  globalThis.indexedDB = memoryDisk();
  await assert.rejects(openOffline(person), /not prepared/);
});

test('another passkey, or one without an answer, opens nothing and says so', async () => {
  await prepare(person, signers);
  page.dispatchEvent(new Event('clinivault-lock'));
  for (const wrong of [new Uint8Array(32).fill(8), null]) {
    answer = wrong;
    await assert.rejects(openOffline(person), /does not open this device/);
    assert.equal(opened(person), null);
  }
});

test('a passkey without an answer prepares nothing, nor does a browser that keeps nothing', async () => {
  answer = null;
  await assert.rejects(prepare(person, signers), /cannot open anything/);
  answer = new Uint8Array(32).fill(7);
  globalThis.indexedDB.full = true;
  await assert.rejects(prepare(person, signers), /keeps nothing/);
  globalThis.indexedDB.full = false;
  assert.equal(opened(person), null);
  assert.equal(await prepared(person), false);
});

test('of the private key nothing stays in memory but a handle that does not give it away', async (t) => {
  /** @type {Uint8Array[]} every buffer that held it in clear */
  const clear = [];
  const seen = (/** @type {any} */ b) => clear.push(new Uint8Array(b.buffer ?? b));
  const { exportKey, encrypt, decrypt, importKey } = Object.getPrototypeOf(crypto.subtle);
  const spy = (/** @type {any} */ name, /** @type {any} */ act) => t.mock.method(Object.getPrototypeOf(crypto.subtle), name, act);
  spy('encrypt', async function encrypted(how, key, data) {
    const out = await encrypt.call(this, how, key, data);
    seen(data);
    return out;
  });
  spy('decrypt', async function decrypted(...given) {
    const out = await decrypt.apply(this, given);
    seen(out);
    return out;
  });
  spy('exportKey', async function exported(form, key) {
    const out = await exportKey.call(this, form, key);
    if (form === 'pkcs8') seen(out);
    return out;
  });
  spy('importKey', async function imported(form, data, ...more) {
    if (form === 'pkcs8') seen(data);
    return importKey.call(this, form, data, ...more);
  });
  await prepare(person, signers);
  assert.equal(opened(person)?.privateKey.extractable, false);
  assert.equal(clear.length, 4, 'exported, sealed, opened again, taken in');
  clear.forEach((bytes, i) => assert.ok(bytes.length > 0 && bytes.every((b) => b === 0), `buffer ${i} of ${bytes.length} bytes still holds it`));
});
