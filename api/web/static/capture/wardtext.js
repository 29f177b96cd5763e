// @ts-check
// Reads a ward list (vault/FORMAT.md, section 14): a text that the vault signed, sealed to a key of this device. Pure but
// for WebCrypto, so that it runs in tests as it does on the ward.

import { fromBase64, toHex } from './bytes.js';
import { openBase } from './hpke.js';

/** @typedef {import('../lib/patients.js').Patient} Patient */
/** @typedef {import('./wristband.js').Band} Band */
/** @typedef {Patient & { identifiers: { kind: string, value: string }[] }} WardPatient */
/** @typedef {{ key_id: string, public_key: string }} Signer base64 of an Ed25519 key */

/**
 * @typedef {object} Ward
 * @property {string} person
 * @property {string} device '' when the session was bound to none
 * @property {number} issued by the server's clock, in milliseconds
 * @property {number} expires
 * @property {import('./wristband.js').Plain} plain what codes without GS1's mark hold here
 * @property {boolean} complete false: the person treats more patients than a list holds
 * @property {WardPatient[]} patients
 */

const encoder = new TextEncoder();

/** The info of HPKE. */
export const info = encoder.encode('clinivault/ward-list-seal/v1');
const domain = encoder.encode('clinivault/ward-list/v1\0');
const longestLife = 24 * 3600_000;

/** A list that is not what the vault signed for this person on this device. */
export class ForgedError extends Error {
  constructor() {
    super('the ward list is not what the vault signed');
    this.name = 'ForgedError';
  }
}

/** A list that was signed with a key that this device does not know yet. */
export class SignerError extends Error {
  constructor() {
    super('the ward list was signed with a key that is not known here');
    this.name = 'SignerError';
  }
}

/**
 * Opens a list and checks it.
 * @param {CryptoKey} privateKey
 * @param {Uint8Array} enc @param {Uint8Array} sealed
 * @param {{ person: string, device: string, signers: Signer[] }} want device: '' where this browser has no name
 * @returns {Promise<{ ward: Ward, plain: Uint8Array<ArrayBuffer>, signer: string }>} plain is what was sealed; clear it after use
 */
export async function openWard(privateKey, enc, sealed, want) {
  const plain = await openBase(privateKey, enc, info, sealed).catch(() => null);
  if (!plain) throw new ForgedError();
  const { list, key_id: signer, signature } = parsed(new TextDecoder().decode(plain));
  if (typeof list !== 'string' || typeof signer !== 'string' || typeof signature !== 'string') throw new ForgedError();
  const known = want.signers.find((s) => s.key_id === signer);
  if (!known) throw new SignerError();
  if (!(await signedBy(known.public_key, signer, list, signature))) throw new ForgedError();
  const ward = readWard(parsed(list));
  if (ward.person !== want.person || ward.device !== want.device) throw new ForgedError();
  return { ward, plain, signer };
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new ForgedError();
  }
}

/** @param {string} key @param {string} id @param {string} list @param {string} signature */
async function signedBy(key, id, list, signature) {
  try {
    const raw = fromBase64(key);
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', raw));
    if (toHex(hash.subarray(0, 8)) !== id) return false;
    const text = encoder.encode(list);
    const message = new Uint8Array(domain.length + text.length);
    message.set(domain);
    message.set(text, domain.length);
    const verifier = await crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', verifier, fromBase64(signature), message);
  } catch {
    return false;
  }
}

/** @param {any} raw @returns {Ward} */
function readWard(raw) {
  const [issued, expires] = [Date.parse(raw.issued_at), Date.parse(raw.expires_at)];
  const fits = raw.version === 1 && typeof raw.person === 'string' && typeof raw.device === 'string' && Array.isArray(raw.patients) &&
    Number.isFinite(issued) && expires > issued && expires - issued <= longestLife && ['', 'record_number', 'nhs'].includes(raw.plain);
  if (!fits) throw new ForgedError();
  const patients = raw.patients.map((/** @type {any} */ p) => ({ ...p, encounters: p.encounters ?? [], identifiers: p.identifiers ?? [] }));
  return { person: raw.person, device: raw.device, issued, expires, plain: raw.plain, complete: raw.complete === true, patients };
}

/**
 * Who wears a band. Two patients with the same number are nobody: one of both is wrong.
 * @param {Ward} ward @param {Band} band
 * @returns {WardPatient | null}
 */
export function wearer(ward, band) {
  const found = ward.patients.filter((p) => (band.kind === 'record_number' && p.record_number === band.value) ||
    p.identifiers.some((n) => n.kind === band.kind && n.value === band.value));
  return found.length === 1 ? found[0] : null;
}

/** By how much a clock may go back by itself, in milliseconds: it is set right now and then. */
export const setBack = 2 * 60_000;

/**
 * Whether a list may be used. A clock that was set back does not prolong its life: then nobody can say what time it is.
 * @param {{ issued: number, expires: number, high: number }} list high: the latest time at which it was looked at
 * @param {number} now the best that is known, in milliseconds
 * @returns {'open' | 'expired' | 'clock'}
 */
export function lifeOf(list, now) {
  const latest = Math.max(list.issued, list.high);
  if (now >= list.expires || latest >= list.expires) return 'expired';
  return now < latest - setBack ? 'clock' : 'open';
}
