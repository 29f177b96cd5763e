// @ts-check
// Seals a frame to the vault (vault/FORMAT.md, section 2), with a key for this one photo. Afterwards key and frame are
// zeroed: nobody but the vault can open the result.

import { fromHex, toHex } from './bytes.js';
import { newCaptureHeader } from './header.js';

/** @import { Sealing } from './wasm.js' */
/** @import { Intake } from './intake.js' */

/** Bytes of payload per chunk (FORMAT.md, section 1). */
export const chunkSize = 65536;
const nonceSize = 12;
const tagSize = 16;
const domain = new TextEncoder().encode('clinivault/capture/chunk/v1\0');

/**
 * @typedef {object} Facts as in FORMAT.md, section 2
 * @property {string} capture_id
 * @property {string} patient
 * @property {string} encounter
 * @property {string} body_site
 * @property {'' | 'left' | 'right' | 'midline' | 'bilateral'} laterality
 * @property {string} author
 * @property {string} device
 * @property {string} media_type
 * @property {string} note
 * @property {{ record: boolean, teaching: boolean, publication: boolean }} consent
 * @property {string} taken_at UTC with milliseconds, as Date.toISOString gives it
 * @property {{ pixels_per_mm?: number, colour?: number[], sharpness?: number, overruled?: string[] }} [measures] what was
 *   measured on the frame; overruled is sorted
 */

/**
 * @typedef {object} Envelope
 * @property {string} capture_id
 * @property {ArrayBuffer} envelope ciphertext
 * @property {number} size bytes of the envelope
 * @property {string} sha256 of the envelope, lowercase hexadecimal
 */

/**
 * The additional data of a chunk: domain ‖ SHA-256 of the header ‖ u64 index ‖ u8 last.
 * @param {Uint8Array} headerHash 32 bytes
 * @param {number} index from 0
 * @param {boolean} last
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function chunkAAD(headerHash, index, last) {
  if (headerHash.length !== 32) throw new RangeError('header hash of another size');
  const out = new Uint8Array(domain.length + 32 + 9);
  out.set(domain);
  out.set(headerHash, domain.length);
  new DataView(out.buffer).setBigUint64(domain.length + 32, BigInt(index));
  out[out.length - 1] = last ? 1 : 0;
  return out;
}

/**
 * Size of the chunks that hold n bytes.
 * @param {number} n at least 1
 */
export function chunksSize(n) {
  return n + Math.ceil(n / chunkSize) * (nonceSize + tagSize);
}

/**
 * Seals the picture behind its header into one envelope.
 * @param {Uint8Array<ArrayBuffer>} header
 * @param {Uint8Array<ArrayBuffer>} key 32 bytes
 * @param {Uint8Array<ArrayBuffer>} picture
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function sealChunks(header, key, picture) {
  if (picture.length === 0) throw new RangeError('The camera gave an empty picture. Take the photo again.');
  const { subtle } = crypto;
  const secret = await subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  const hash = new Uint8Array(await subtle.digest('SHA-256', header));
  const out = new Uint8Array(header.length + chunksSize(picture.length));
  out.set(header);
  let at = header.length;
  const count = Math.ceil(picture.length / chunkSize);
  for (let i = 0; i < count; i++) {
    const iv = crypto.getRandomValues(new Uint8Array(nonceSize));
    const additionalData = chunkAAD(hash, i, i === count - 1);
    const piece = picture.subarray(i * chunkSize, (i + 1) * chunkSize);
    const sealed = await subtle.encrypt({ name: 'AES-GCM', iv, additionalData, tagLength: 8 * tagSize }, secret, piece);
    out.set(iv, at);
    out.set(new Uint8Array(sealed), at + nonceSize);
    at += nonceSize + sealed.byteLength;
  }
  return out;
}

/**
 * Seals a frame. The frame's bytes are zeroed in every case, so a failed seal needs a new photo.
 * @param {Sealing} module
 * @param {Intake} intake
 * @param {Facts} facts
 * @param {Uint8Array<ArrayBuffer> | ArrayBuffer} frame
 * @returns {Promise<Envelope>}
 */
export async function seal(module, intake, facts, frame) {
  const picture = frame instanceof Uint8Array ? frame : new Uint8Array(frame);
  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  let secret;
  try {
    if (!facts.consent?.record) throw new Error('Without consent to the record no photo is sealed.');
    fromHex(facts.capture_id);
    const made = await newCaptureHeader(module, intake, facts);
    secret = made.key;
    const envelope = await sealChunks(made.header, secret, picture);
    const sha256 = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', envelope)));
    return { capture_id: facts.capture_id, envelope: envelope.buffer, size: envelope.length, sha256 };
  } finally {
    secret?.fill(0);
    picture.fill(0);
  }
}
