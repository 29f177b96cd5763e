// @ts-check
// Opening without the network. A key pair for lists is made once, online, by a sign-in with a passkey or where the person
// asks for it; its private half is sealed under a secret that only the person's passkey answers with, after finger, face or
// PIN (Web Authentication Level 3, 10.1.4, extension prf). From then on the passkey opens the list where no server can be
// asked. The secret and the key are in memory until the screen locks.

import { Problem, call } from '../lib/api.js';
import * as passkey from '../lib/passkey.js';
import { door } from '../lib/sign-in.js';
import { t } from '../lib/words.js';
import { keepUse, offlineUse } from './wardkeep.js';

/** @typedef {import('./wardtext.js').Signer} Signer */
/** @typedef {import('./wardkeep.js').OfflineUse} OfflineUse */
/** @typedef {{ person: string, privateKey: CryptoKey, signers: Signer[] }} Opened */
/** @typedef {{ options: PublicKeyCredentialRequestOptions, salt: Uint8Array<ArrayBuffer>, credential: any }} Shown what a passkey was asked, and the credential that came */

const encoder = new TextEncoder();
const purpose = encoder.encode('clinivault/offline-key/v1');

/** @type {Opened | null} */
let held = null;
globalThis.addEventListener?.('clinivault-lock', forget);
globalThis.addEventListener?.('clinivault-leave', forget);

function forget() {
  held = null;
}

/** What a passkey opened since the screen was locked last. @param {string} person @returns {Opened | null} */
export const opened = (person) => (held?.person === person ? held : null);

/** Whether somebody prepared this device to be opened without the network. @param {string} person */
export const prepared = async (person) => passkey.supported() && (await offlineUse(person)) !== undefined;

/**
 * The key under which a private key is kept, from what a passkey answers.
 * @param {BufferSource} answer 32 bytes
 */
async function wrapping(answer) {
  const secret = await crypto.subtle.importKey('raw', answer, 'HKDF', false, ['deriveKey']);
  return crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: purpose }, secret,
    { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** What the sealed key is bound to. @param {{ person: string, publicKey: Uint8Array }} use */
function binding(use) {
  const person = encoder.encode(`${use.person}\0`);
  const out = new Uint8Array(person.length + use.publicKey.length);
  out.set(person);
  out.set(use.publicKey, person.length);
  return out;
}

/**
 * Seals a private key, exported for this one moment, and the keys that sign lists.
 * @param {BufferSource} answer of the passkey
 * @param {{ person: string, publicKey: Uint8Array }} use
 * @param {Uint8Array} pkcs8 @param {Signer[]} signers
 */
export async function wrap(answer, use, pkcs8, signers) {
  const text = encoder.encode(JSON.stringify({ key: [...pkcs8], signers }));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const wrapped = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: binding(use) }, await wrapping(answer), text));
  text.fill(0);
  return { iv, wrapped };
}

/**
 * Opens what wrap made. Rejects where the passkey is another, or the bytes are.
 * @param {BufferSource} answer @param {Pick<OfflineUse, 'person' | 'publicKey' | 'iv' | 'wrapped'>} use
 * @returns {Promise<Opened>}
 */
export async function unwrap(answer, use) {
  const text = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: use.iv, additionalData: binding(use) }, await wrapping(answer), use.wrapped));
  const { key, signers } = JSON.parse(new TextDecoder().decode(text));
  text.fill(0);
  const pkcs8 = Uint8Array.from(key);
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits']);
  pkcs8.fill(0);
  return { person: use.person, privateKey, signers };
}

/** @param {any} credential @returns {BufferSource | null} what it answered to the salt */
export const answerOf = (credential) => credential.getClientExtensionResults()?.prf?.results?.first ?? null;

/**
 * Prepares this device, with one question to the passkey. The server hears that it was shown, and nothing of its answer to
 * the salt.
 * @param {string} person @param {Signer[]} signers
 */
export async function prepare(person, signers) {
  if (!passkey.supported()) throw new Error(t('This browser has no passkeys, so the list stays closed without the network.'));
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const asked = await call('POST', door('/step-up/begin')).catch((err) => {
    if (!(err instanceof Problem) || err.status !== 409) throw err;
    throw new Error(t('You have no passkey yet. Add one on your account page, then press this again.'), { cause: 'account' });
  });
  const options = passkey.requestOptions(asked.options);
  const credential = await passkey.showWith(options, salt);
  await call('POST', door('/step-up'), { ticket: asked.ticket, credential: passkey.answerOf(credential) });
  const use = await keepFor(person, signers, { options, salt, credential });
  held = await unwrap(/** @type {BufferSource} */ (answerOf(credential)), use);
}

/**
 * Makes a key pair for lists and keeps it, closed by what the passkey answered.
 * @param {string} person @param {Signer[]} signers @param {Shown} shown
 * @returns {Promise<OfflineUse>} rejects with a sentence, its cause is 'account' where that page mends it
 */
export async function keepFor(person, signers, { options, salt, credential }) {
  const answer = answerOf(credential);
  if (!answer) throw new Error(t('This passkey cannot open anything without the network. Add another passkey on the page Account, on this device, and try again.'), { cause: 'account' });
  const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey('X25519', true, ['deriveBits']));
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey));
  const sealed = await wrap(answer, { person, publicKey }, pkcs8, signers);
  pkcs8.fill(0);
  const use = { person, rpID: options.rpId ?? location.hostname, credentials: [credential.rawId], salt, publicKey, signers: signers.map((s) => s.key_id), ...sealed };
  if (!(await keepUse(use))) throw new Error(t('This browser keeps nothing, so the list stays closed without the network.'));
  return use;
}

/**
 * Opens without the network.
 * @param {string} person
 * @returns {Promise<Opened>} rejects with a sentence
 */
export async function openOffline(person) {
  const use = await offlineUse(person);
  if (!use) throw new Error(t('This device was not prepared for the time without a network. What is sealed stays and is sent later.'));
  const credential = await passkey.showWith({
    challenge: crypto.getRandomValues(new Uint8Array(32)), rpId: use.rpID, userVerification: 'required', timeout: 120_000,
    allowCredentials: use.credentials.map((id) => ({ type: 'public-key', id })),
  }, use.salt);
  const answer = answerOf(credential);
  try {
    if (!answer) throw new Error('no answer');
    held = await unwrap(answer, use);
    return held;
  } catch {
    throw new Error(t('This passkey does not open this device. Use the one with which you prepared it, or connect to the network.'));
  }
}
