// @ts-check
// HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, by WebCrypto alone: one
// message for each encapsulation, sequence number 0. For what has to work without WebAssembly, and for what the server
// seals to a key of this page.

const text = new TextEncoder();
const empty = new Uint8Array(0);
const keySize = 32; // of X25519, and of AES-256
const nonceSize = 12;

/** The sizes of an encapsulated key and of the tag: 32 and 16 bytes. */
export const encSize = 32;
export const tagSize = 16;

/** The bytes did not open: another key, another binding, or somebody altered them. */
export class OpenError extends Error {
  constructor() {
    super('The sealed data could not be opened.');
    this.name = 'OpenError';
  }
}

/**
 * One array of several.
 * @param {...Uint8Array} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function join(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** @param {number} n @returns {Uint8Array<ArrayBuffer>} I2OSP(n, 2), RFC 8017, 4.1 */
const u16 = (n) => new Uint8Array([n >> 8, n & 0xff]);

/** The encapsulation of this module; another module's may stand before the same key schedule. */
export const dhkem = 0x0020;

const kemSuite = join(text.encode('KEM'), u16(dhkem)); // RFC 9180, 4.1 and 7.1
/** @param {number} kem @returns {Uint8Array} RFC 9180, 5.1, 7.2, 7.3 */
const suiteOf = (kem) => join(text.encode('HPKE'), u16(kem), u16(0x0001), u16(0x0002));
const base = new Uint8Array([9, ...new Uint8Array(keySize - 1)]); // base point, RFC 7748, 4.1
const version = text.encode('HPKE-v1');

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} data
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function hmac(key, data) {
  // WebCrypto takes no empty key; HMAC pads with zeros, so one zero byte is the same key (RFC 2104, 2).
  const raw = key.length ? key : new Uint8Array(1);
  const k = await crypto.subtle.importKey('raw', /** @type {BufferSource} */ (raw), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', k, /** @type {BufferSource} */ (data)));
}

/**
 * LabeledExtract (RFC 9180, 4): HKDF-Extract is one HMAC.
 * @param {Uint8Array} id of the suite
 * @param {Uint8Array} salt
 * @param {string} label
 * @param {Uint8Array} ikm
 */
const extract = (id, salt, label, ikm) => hmac(salt, join(version, id, text.encode(label), ikm));

/**
 * LabeledExpand (RFC 9180, 4) of at most 32 bytes: one block of HKDF-Expand.
 * @param {Uint8Array} id of the suite
 * @param {Uint8Array} prk
 * @param {string} label
 * @param {Uint8Array} info
 * @param {number} size
 */
async function expand(id, prk, label, info, size) {
  const block = await hmac(prk, join(u16(size), version, id, text.encode(label), info, new Uint8Array([1])));
  return block.slice(0, size);
}

/**
 * The shared secret of the KEM (4.1) from that of X25519, which it wipes.
 * @param {Uint8Array} dh
 * @param {Uint8Array} enc
 * @param {Uint8Array} own public key of the recipient
 */
async function sharedSecret(dh, enc, own) {
  const prk = await extract(kemSuite, empty, 'eae_prk', dh);
  dh.fill(0);
  return expand(kemSuite, prk, 'shared_secret', join(enc, own), keySize);
}

/**
 * The key schedule (5.1) in base mode, for the one message. It wipes the shared secret.
 * @param {number} kem
 * @param {Uint8Array} shared
 * @param {Uint8Array} info
 * @param {'encrypt' | 'decrypt'} use
 */
async function schedule(kem, shared, info, use) {
  const suite = suiteOf(kem);
  const context = join(new Uint8Array([0]), await extract(suite, empty, 'psk_id_hash', empty), await extract(suite, empty, 'info_hash', info));
  const secret = await extract(suite, shared, 'secret', empty);
  shared.fill(0);
  const raw = await expand(suite, secret, 'key', context, keySize);
  const iv = await expand(suite, secret, 'base_nonce', context, nonceSize);
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, [use]);
  raw.fill(0);
  secret.fill(0);
  return { key, iv };
}

/** @param {CryptoKey} secret @param {CryptoKey} other @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function x25519(secret, other) {
  const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: other }, secret, 8 * keySize));
  if (dh.every((b) => b === 0)) throw new OpenError(); // RFC 9180, 7.1.4
  return dh;
}

/** @param {Uint8Array} raw @returns {Promise<CryptoKey>} */
const publicOf = (raw) => crypto.subtle.importKey('raw', /** @type {BufferSource} */ (raw), 'X25519', true, []);

/**
 * Seals plain to a public key (RFC 9180, 6.1).
 * @param {Uint8Array} publicKey 32 bytes
 * @param {Uint8Array} info
 * @param {Uint8Array} plain
 * @param {Uint8Array} [aad]
 * @returns {Promise<{ enc: Uint8Array<ArrayBuffer>, cipher: Uint8Array<ArrayBuffer> }>} cipher is 16 bytes longer than plain
 */
export async function sealBase(publicKey, info, plain, aad = empty) {
  return sealWith(await newKeyPair(), publicKey, info, plain, aad);
}

/**
 * sealBase with a given ephemeral pair, for the vectors of the standard; never use a pair twice.
 * @param {CryptoKeyPair} pair
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} info
 * @param {Uint8Array} plain
 * @param {Uint8Array} aad
 */
export async function sealWith(pair, publicKey, info, plain, aad) {
  const { enc, shared } = await encapsulateTo(publicKey, pair);
  return { enc, cipher: await sealShared(dhkem, shared, info, plain, aad) };
}

/**
 * Encap (RFC 9180, 4.1).
 * @param {Uint8Array} publicKey 32 bytes
 * @param {CryptoKeyPair} [pair] for the vectors of the standard; never use one twice
 * @returns {Promise<{ enc: Uint8Array<ArrayBuffer>, shared: Uint8Array<ArrayBuffer> }>}
 */
export async function encapsulateTo(publicKey, pair) {
  const own = pair ?? (await newKeyPair());
  const enc = new Uint8Array(await crypto.subtle.exportKey('raw', own.publicKey));
  return { enc, shared: await sharedSecret(await x25519(own.privateKey, await publicOf(publicKey)), enc, publicKey) };
}

/**
 * Seals the one message of a shared secret, which it wipes.
 * @param {number} kem that made the secret (IANA, HPKE KEM identifiers)
 * @param {Uint8Array} shared 32 bytes
 * @param {Uint8Array} info
 * @param {Uint8Array} plain
 * @param {Uint8Array} [aad]
 * @returns {Promise<Uint8Array<ArrayBuffer>>} 16 bytes longer than plain
 */
export async function sealShared(kem, shared, info, plain, aad = empty) {
  const { key, iv } = await schedule(kem, shared, info, 'encrypt');
  const cipher = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: /** @type {BufferSource} */ (aad) }, key, /** @type {BufferSource} */ (plain));
  return new Uint8Array(cipher);
}

/**
 * Opens what was sealed to a key of ours (RFC 9180, 6.1). Rejects with OpenError.
 * @param {CryptoKey} privateKey of newKeyPair, or another for X25519 that may derive bits
 * @param {Uint8Array} enc 32 bytes
 * @param {Uint8Array} info
 * @param {Uint8Array} cipher
 * @param {Uint8Array} [aad]
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function openBase(privateKey, enc, info, cipher, aad = empty) {
  try {
    const own = await x25519(privateKey, await publicOf(base)); // the public half, RFC 7748, 6.1
    const shared = await sharedSecret(await x25519(privateKey, await publicOf(enc)), enc, own);
    const { key, iv } = await schedule(dhkem, shared, info, 'decrypt');
    const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: /** @type {BufferSource} */ (aad) }, key, /** @type {BufferSource} */ (cipher));
    return new Uint8Array(plain);
  } catch {
    throw new OpenError();
  }
}

/**
 * A fresh key pair whose private half cannot leave WebCrypto.
 * @returns {Promise<CryptoKeyPair>}
 */
export async function newKeyPair() {
  return /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey('X25519', false, ['deriveBits']));
}

/** The 32 bytes of a pair's public half. @param {CryptoKeyPair} pair */
export async function publicBytes(pair) {
  return new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
}

/** Whether this browser can do all of it. @returns {Promise<boolean>} */
export async function hpkeWorks() {
  try {
    await newKeyPair();
    return true;
  } catch {
    return false;
  }
}
