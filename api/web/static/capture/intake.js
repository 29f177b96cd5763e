// @ts-check
// What the vault publishes to its capture clients: the key to seal to, and the keys that sign receipts.

import { Problem, call } from '../lib/api.js';

/**
 * @typedef {object} Intake
 * @property {number} epoch
 * @property {string} key base64 of the intake public key
 * @property {string} fallback_key base64 of the one for a browser without WebAssembly; empty where such photos are not taken
 * @property {{ key_id: string, public_key: string }[]} receipt_keys
 */

export const kem = 'MLKEM768-X25519';
export const fallbackKEM = 'DHKEM-X25519';

/**
 * Checks an answer of GET /api/v1/intake.
 * @param {any} raw
 * @returns {Intake}
 */
export function readIntake(raw) {
  const isText = (/** @type {unknown} */ x) => typeof x === 'string' && x.length > 0;
  const keys = raw?.receipt_keys;
  if (!Number.isInteger(raw?.epoch) || raw.epoch < 1 || !isText(raw.key) || !Array.isArray(keys) || keys.length === 0 ||
      !keys.every((/** @type {any} */ k) => isText(k?.key_id) && isText(k?.public_key))) {
    throw new Error('The server gave no usable sealing key. Tell your IT team.');
  }
  if (raw.kem !== kem) throw new Error('The server uses a newer seal than this page. Load the page again.');
  return {
    epoch: raw.epoch,
    key: raw.key,
    fallback_key: raw.fallback_kem === fallbackKEM && isText(raw.fallback_key) ? raw.fallback_key : '',
    receipt_keys: keys.map((/** @type {any} */ k) => ({ key_id: k.key_id, public_key: k.public_key })),
  };
}

/**
 * Fetches the intake keys; behind a locked screen, once it is open again.
 * @param {string} url of GET /api/v1/intake
 * @returns {Promise<Intake>}
 */
export async function fetchIntake(url) {
  let raw;
  try {
    raw = await call('GET', url);
  } catch (err) {
    if (!(err instanceof Problem)) throw err;
    throw new Error(err.status === 401 ? 'Sign in again to take photos.' : 'The server gave no sealing key. Try again in a minute.');
  }
  return readIntake(raw);
}
