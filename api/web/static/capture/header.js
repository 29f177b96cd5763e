// @ts-check
// The header of an envelope (vault/FORMAT.md, section 2): a key for this one photo, sealed to the vault, and the facts sealed
// with it. The encapsulation is the module's: ML-KEM-768 with X25519, or X25519 alone where a browser runs no WebAssembly.

import { t } from '../lib/words.js';
import { fromHex } from './bytes.js';
import { join, sealShared } from './hpke.js';

/** @import { Sealing } from './wasm.js' */
/** @import { Intake } from './intake.js' */
/** @import { Facts } from './seal.js' */

const encoder = new TextEncoder();
const keyDomain = encoder.encode('clinivault/capture/key/v1\0');
const factsDomain = encoder.encode('clinivault/capture/facts/v1\0');
const maxFacts = 4096;
const factsStep = 512; // facts are padded with spaces to a multiple of it, so that their size tells little

const isID = (/** @type {unknown} */ s) => typeof s === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(s);
const isText = (/** @type {unknown} */ s, /** @type {number} */ most, /** @type {RegExp} */ refused) =>
  typeof s === 'string' && encoder.encode(s).length <= most && !refused.test(s) && s.isWellFormed?.() !== false;
const between = (/** @type {unknown} */ x, /** @type {number} */ least, /** @type {number} */ most) => typeof x === 'number' && x >= least && x <= most;
const warnings = ['blur', 'dark', 'eyes', 'face', 'far', 'glare', 'tattoo', 'text', 'wristband'];

/** @type {Record<string, (x: any) => boolean>} what each fact may be; every one has to be there */
const facts = {
  capture_id: (x) => typeof x === 'string' && /^[0-9a-f]{32}$/.test(x) && !/^0+$/.test(x),
  patient: isID,
  encounter: (x) => x === '' || isID(x),
  body_site: (x) => x !== '' && isText(x, 80, /\p{Cc}/u),
  laterality: (x) => ['', 'left', 'right', 'midline', 'bilateral'].includes(x),
  author: isID,
  device: (x) => x === '' || isID(x),
  media_type: (x) => ['image/jpeg', 'image/png', 'image/heic'].includes(x),
  note: (x) => isText(x, 2000, /[^\P{Cc}\n\t]/u),
  consent: (x) => only(x, consent) && Object.keys(x).length === 3,
  taken_at: (x) => typeof x === 'string' && /^2[01]\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(x) && !Number.isNaN(Date.parse(x)),
};
const isBoolean = (/** @type {unknown} */ x) => typeof x === 'boolean';
const consent = { record: isBoolean, teaching: isBoolean, publication: isBoolean };
/** @type {Record<string, (x: any) => boolean>} */
const measures = {
  pixels_per_mm: (x) => between(x, 0.1, 1000),
  colour: (x) => Array.isArray(x) && x.length === 12 && x.every((n) => between(n, -16, 16)),
  sharpness: (x) => between(x, 0, 1),
  overruled: (x) => Array.isArray(x) && x.join() === warnings.filter((w) => x.includes(w)).join(),
};

/** @param {any} x @param {Record<string, (x: any) => boolean>} shape @returns {boolean} an object of nothing but these */
const only = (x, shape) => typeof x === 'object' && x !== null && Object.entries(x).every(([name, value]) => Object.hasOwn(shape, name) && shape[name](value));

/**
 * Says which fact the format does not allow, by the same rules as the vault: what it would refuse is not sealed at all.
 * @param {any} given
 */
export function checkFacts(given) {
  for (const [name, fits] of Object.entries(facts)) if (!fits(given?.[name])) throw new Error(t('The photo cannot be sealed: {fact} is not of the form that the vault takes.', { fact: name }));
  const { measures: measured, ...rest } = given;
  const fine = Object.keys(rest).every((name) => Object.hasOwn(facts, name)) && (measured === undefined || only(measured, measures));
  if (!fine) throw new Error(t('The photo cannot be sealed: it has a fact that the vault does not know.'));
}

/** @param {Facts} given @returns {Uint8Array<ArrayBuffer>} as JSON, padded */
export function paddedFacts(given) {
  checkFacts(given);
  const raw = encoder.encode(JSON.stringify(given));
  if (raw.length > maxFacts) throw new Error(t('The note is too long.'));
  const out = new Uint8Array(Math.ceil(raw.length / factsStep) * factsStep).fill(0x20);
  out.set(raw);
  raw.fill(0);
  return out;
}

/** @param {number} n @returns {Uint8Array} */
function u32(n) {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, n);
  return out;
}

/** @param {number} n @returns {Uint8Array} */
const u16 = (n) => new Uint8Array([n >> 8, n & 0xff]);

/**
 * Makes a fresh key and the whole header around it.
 * @param {Sealing} module
 * @param {Intake} intake
 * @param {Facts} given
 * @returns {Promise<{ header: Uint8Array<ArrayBuffer>, key: Uint8Array<ArrayBuffer> }>} the caller zeroes the key
 */
export async function newCaptureHeader(module, intake, given) {
  const plain = paddedFacts(given);
  const key = crypto.getRandomValues(new Uint8Array(32));
  try {
    const { magic, kem, written } = module.way;
    const front = join(encoder.encode(magic), u32(intake.epoch), fromHex(given.capture_id), written ? u16(kem) : new Uint8Array(0));
    const { enc, shared } = await module.encapsulate(intake);
    const sealedKey = await sealShared(kem, shared, join(keyDomain, front), key);
    const toFacts = join(front, u16(enc.length + sealedKey.length), enc, sealedKey);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const secret = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: join(factsDomain, toFacts) }, secret, plain);
    return { header: join(toFacts, u32(iv.length + sealed.byteLength), iv, new Uint8Array(sealed)), key };
  } catch (err) {
    key.fill(0);
    throw err;
  } finally {
    plain.fill(0);
  }
}
