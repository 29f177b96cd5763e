// @ts-check
// What becomes of a queued capture: pure decisions, no storage and no network.

/**
 * A sealed capture in the queue. Nothing of the facts is here in clear: no patient, no site, no name.
 * @typedef {object} Item
 * @property {string} capture_id
 * @property {ArrayBuffer} envelope ciphertext
 * @property {number} size bytes of the envelope
 * @property {string} sha256 of the envelope, lowercase hexadecimal
 * @property {string} owner ID of the person who took it; only they can send it
 * @property {string} created_at UTC
 * @property {'sealed' | 'sending' | 'failed'} state
 * @property {number} attempts
 * @property {string} last_error sentence for the person, '' if none
 * @property {boolean} [unsaved] the disk had no room: it is only in the memory of the page
 */

/**
 * @typedef {{ kind: 'receipt', body: string }
 *   | { kind: 'refused', sentence: string }
 *   | { kind: 'signin', sentence: string }
 *   | { kind: 'retry', sentence: string, wait: number }} Outcome wait: what the server asked for, in milliseconds; 0 if nothing
 */

/** Status 0 stands for "no answer came". */
export const noAnswer = 0;

/** What is said of a photo then. */
export const noConnection = 'No connection. The photo stays sealed on this device.';

const statusSentences = new Map([
  [400, 'The server could not read this upload.'],
  [403, 'You may not add photos for this patient.'],
  [404, 'The patient was not found, or is not one of yours.'],
  [409, 'Another photo was already received under this number.'],
  [413, 'The photo is larger than the server takes.'],
  [422, 'The server could not accept this photo.'],
]);

/**
 * Makes a queue item of an envelope.
 * @param {{ capture_id: string, envelope: ArrayBuffer, size: number, sha256: string }} sealed
 * @param {string} owner
 * @param {Date} now
 * @returns {Item}
 */
export function newItem(sealed, owner, now) {
  const { capture_id, envelope, size, sha256 } = sealed;
  if (!/^[0-9a-f]{32}$/.test(capture_id) || !/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError('not a sealed capture');
  if (!owner) throw new TypeError('a queued capture needs its owner');
  if (size <= 0 || envelope.byteLength !== size) throw new TypeError('envelope of another size');
  return { capture_id, envelope, size, sha256, owner, created_at: now.toISOString(), state: 'sealed', attempts: 0, last_error: '' };
}

/**
 * Which items may be sent now by this person, oldest first. "sending" counts: whoever asks holds the lock, so it was left by
 * a page that is gone.
 * @template {{ owner: string, state: string, created_at: string, capture_id: string }} T
 * @param {T[]} items
 * @param {string} owner
 * @returns {T[]}
 */
export function sendable(items, owner) {
  return items
    .filter((i) => i.owner === owner && i.state !== 'failed')
    .sort((a, b) => (a.created_at + a.capture_id < b.created_at + b.capture_id ? -1 : 1));
}

/**
 * Milliseconds to wait before the next attempt: 2 s doubled per attempt up to 5 min, of which a random half to whole, so that
 * a ward's devices do not come back all at once.
 * @param {number} attempts made so far, at least 1
 * @param {number} random in [0, 1)
 */
export function backoff(attempts, random) {
  const full = Math.min(300_000, 2000 * 2 ** Math.min(Math.max(attempts, 1) - 1, 20));
  return Math.round(full * (0.5 + random / 2));
}

/**
 * Retry-After (RFC 9110, 10.2.3) in milliseconds, at most an hour; 0 if absent or unreadable.
 * @param {string | null} header seconds or a date
 * @param {number} now unix milliseconds
 */
export function retryAfter(header, now) {
  if (!header) return 0;
  const text = header.trim();
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(wait) && wait > 0 ? Math.min(wait, 3_600_000) : 0;
}

/**
 * What an answer to an upload means.
 * @param {number} status HTTP status, or noAnswer
 * @param {string} body
 * @param {string | null} retryAfterHeader
 * @param {number} now unix milliseconds
 * @returns {Outcome}
 */
export function outcomeOf(status, body, retryAfterHeader, now) {
  if (status === 200 || status === 201) return { kind: 'receipt', body };
  if (status === 401) return { kind: 'signin', sentence: 'Sign in again; the photo stays sealed on this device and goes afterwards.' };
  const wait = retryAfter(retryAfterHeader, now);
  if (status === noAnswer) return { kind: 'retry', sentence: noConnection, wait };
  if (status === 408 || status === 425 || status === 429 || status >= 500 || status < 400) {
    return { kind: 'retry', sentence: 'The server cannot take photos at the moment. The photo stays sealed on this device.', wait };
  }
  return { kind: 'refused', sentence: detailOf(body) || statusSentences.get(status) || `The server refused this photo (${status}).` };
}

/**
 * The sentence of an RFC 9457 problem, '' if there is none.
 * @param {string} body
 * @returns {string}
 */
export function detailOf(body) {
  try {
    const detail = JSON.parse(body)?.detail;
    return typeof detail === 'string' ? detail.slice(0, 500) : '';
  } catch {
    return '';
  }
}

/**
 * Checks a receipt against the item it answers; rejects with a sentence unless every part agrees. Only then may the sealed
 * copy go.
 * @param {{ capture_id: string, size: number, sha256: string }} item
 * @param {string} body of the answer
 * @param {{ key_id: string, public_key: string }[]} keys published by the vault
 * @param {(publicKey: string, receiptJSON: string) => Promise<void> | void} verify fails unless the key signed the receipt
 * @returns {Promise<{ capture_id: string, photo_id: string, digest: string, size: number, received_at: string, key_id: string }>}
 */
export async function checkReceipt(item, body, keys, verify) {
  /** @type {any} */
  let r;
  try {
    r = JSON.parse(body);
  } catch {
    throw new Error('The answer was no receipt.');
  }
  if (r?.capture_id !== item.capture_id || r.digest !== item.sha256 || r.size !== item.size) {
    throw new Error('The receipt is for another photo.');
  }
  const key = keys.find((k) => k.key_id === r.key_id);
  if (!key) throw new UnknownKey('The receipt is signed with a key this page does not know.');
  await verify(key.public_key, body);
  return r;
}

/** A receipt by a key that was not published when the keys were fetched: fetch them again. */
export class UnknownKey extends Error {}
