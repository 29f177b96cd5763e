// @ts-check
// Checks who signed a receipt (vault/FORMAT.md, section 6).

import { fromBase64, fromHex, toHex } from './bytes.js';
import { verify } from './ed25519.js';
import { join } from './hpke.js';

const encoder = new TextEncoder();
const domain = encoder.encode('clinivault/receipt/v1\0');

/** @param {string} s @returns {Uint8Array} the text with its length before it */
function text(s) {
  const b = encoder.encode(s);
  return join(new Uint8Array([b.length >> 8, b.length & 0xff]), b);
}

/** @param {number} n @returns {Uint8Array} */
function u64(n) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(n));
  return out;
}

/**
 * The bytes that the signature of a receipt covers.
 * @param {{ capture_id: string, photo_id: string, digest: string, size: number, received_at: string, key_id: string }} r
 */
export const signedBytes = (r) =>
  join(domain, text(r.capture_id), text(r.photo_id), fromHex(r.digest), u64(r.size), u64(Date.parse(r.received_at)), text(r.key_id));

/**
 * Rejects unless the key signed the receipt. That it is about the right photo, the caller compares (state.js).
 * @param {string} publicKey base64
 * @param {string} receiptJSON
 */
export async function verifyReceipt(publicKey, receiptJSON) {
  let good = false;
  try {
    const r = JSON.parse(receiptJSON);
    const key = fromBase64(publicKey);
    const id = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', key))).slice(0, 16);
    good = r.key_id === id && (await verify(key, fromBase64(r.signature), signedBytes(r)));
  } catch {
    // Whatever is not of the form of a receipt is none.
  }
  if (!good) throw new Error('The receipt is not signed by the vault.');
}
