// Bytes, hashes and the one cipher of vault/FORMAT.md. Node's own OpenSSL does the work; ML-KEM-768, which Node 20
// does not have, comes from @noble/post-quantum.
import { createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, verify } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

/** Refused says why something MUST NOT open: sealed, truncated, trailing, format, epoch or signature. */
export class Refused extends Error {
  constructor(kind, what) {
    super(`${kind}: ${what}`);
    this.kind = kind;
  }
}

export const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
export const ascii = (s) => Buffer.from(s, 'latin1');
export const u8 = (n) => Buffer.from([n]);
export const u16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b; };
export const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
export const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
export const text = (s) => { const b = Buffer.from(s, 'utf8'); return Buffer.concat([u16(b.length), b]); };
/** list is a list of texts, each with a u32 length: section 9. */
export const list = (...texts) => Buffer.concat(texts.flatMap((s) => { const b = Buffer.from(s, 'utf8'); return [u32(b.length), b]; }));

/** base64 decodes strictly: padding there, no bit over. */
export function base64(s) {
  const b = Buffer.from(s, 'base64');
  if (b.toString('base64') !== s) throw new Refused('format', 'base64');
  return b;
}

/** openGCM opens nonce ‖ ciphertext ‖ tag. */
export function openGCM(key, aad, sealed) {
  if (key.every((b) => b === 0)) throw new Refused('sealed', 'all-zero key');
  const d = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
  d.setAAD(aad);
  d.setAuthTag(sealed.subarray(sealed.length - 16));
  try {
    return Buffer.concat([d.update(sealed.subarray(12, sealed.length - 16)), d.final()]);
  } catch {
    throw new Refused('sealed', 'does not open');
  }
}

/** openChunks opens the chunks of section 1. */
export function openChunks(key, domain, bound, sealed) {
  const out = [];
  const aad = (index, last) => Buffer.concat([ascii(domain), sha256(bound), u64(index), u8(last)]);
  for (let index = 0, at = 0; ; index++, at += 65564) {
    const piece = sealed.subarray(at, at + 65564);
    const last = at + 65564 >= sealed.length ? 1 : 0;
    if (piece.length < 29) throw new Refused('truncated', 'a piece shorter than a chunk');
    try {
      out.push(openGCM(key, aad(index, last), piece));
    } catch (cause) {
      try {
        openGCM(key, aad(index, 1 - last), piece);
      } catch {
        throw cause;
      }
      throw new Refused(last ? 'truncated' : 'trailing', 'a chunk at the wrong end');
    }
    if (last) return Buffer.concat(out);
  }
}

/** openShort opens u8 1 ‖ GCM: section 5. */
export function openShort(key, domain, aad, sealed) {
  if (sealed.length < 29) throw new Refused('truncated', 'a short value');
  if (sealed[0] !== 1) throw new Refused('format', 'version of a short value');
  return openGCM(key, Buffer.concat([ascii(domain), aad]), sealed.subarray(1));
}

export const openSmall = (key, aad, sealed) => openShort(key, 'clinivault/small/v1\0', aad, sealed);

export function unwrap(key, aad, wrapped) {
  if (wrapped.length !== 61) throw new Refused('format', 'size of a wrapped key');
  const inner = openShort(key, 'clinivault/wrap/v1\0', aad, wrapped);
  if (inner.every((b) => b === 0)) throw new Refused('format', 'all-zero key');
  return inner;
}

const spki = { ed25519: '302a300506032b6570032100', x25519: '302a300506032b656e032100' };
export const publicKey = (kind, raw) => createPublicKey({ key: Buffer.concat([Buffer.from(spki[kind], 'hex'), raw]), format: 'der', type: 'spki' });
const privateX25519 = (raw) => createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]), format: 'der', type: 'pkcs8' });
export const rawPublic = (key) => createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12);

/** verifyEd25519 throws unless key signed message. */
export function verifyEd25519(key, message, signature) {
  if (key.length !== 32 || signature.length !== 64 || !verify(null, message, publicKey('ed25519', key), signature)) {
    throw new Refused('signature', 'Ed25519');
  }
}

/** x25519 gives the shared secret and the own public half. */
export function x25519(privateRaw, peerRaw) {
  const own = privateX25519(privateRaw);
  return { shared: diffieHellman({ privateKey: own, publicKey: publicKey('x25519', peerRaw) }), own: rawPublic(own) };
}

export const hkdf = (ikm, salt, info, length) => Buffer.from(hkdfSync('sha256', ikm, salt, info, length));

/** openChaCha opens ChaCha20-Poly1305 (RFC 8439) with the tag at the end. */
export function openChaCha(key, nonce, sealed) {
  const d = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  d.setAuthTag(sealed.subarray(sealed.length - 16));
  try {
    return Buffer.concat([d.update(sealed.subarray(0, sealed.length - 16)), d.final()]);
  } catch {
    throw new Refused('sealed', 'does not open');
  }
}

/** openHPKE opens RFC 9180 base mode with MLKEM768-X25519, HKDF-SHA256 and AES-256-GCM: section 3. */
export function openHPKE(seed, info, enc, sealed) {
  const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest();
  const pq = ml_kem768.keygen(new Uint8Array(expanded.subarray(0, 64)));
  const pqSecret = ml_kem768.decapsulate(new Uint8Array(enc.subarray(0, 1088)), pq.secretKey);
  const share = enc.subarray(1088);
  const classic = x25519(expanded.subarray(64), share);
  const secret = createHash('sha3-256').update(pqSecret).update(classic.shared).update(share).update(classic.own)
    .update(ascii('\\.//^\\')).digest();
  return openScheduled(0x647a, secret, info, sealed);
}

const labeled = (suite) => ({
  extract: (salt, label, ikm) => createHmac('sha256', salt).update(Buffer.concat([ascii('HPKE-v1'), suite, ascii(label), ikm])).digest(),
  expand: (prk, label, info, length) => createHmac('sha256', prk) // one block is enough
    .update(Buffer.concat([u16(length), ascii('HPKE-v1'), suite, ascii(label), info, u8(1)])).digest().subarray(0, length),
});

/** openFallback opens RFC 9180 base mode with DHKEM(X25519, HKDF-SHA256) and the fallback key of a seed: sections 2 and 3. */
export function openFallback(seed, info, enc, sealed) {
  const none = Buffer.alloc(0);
  const kem = labeled(Buffer.concat([ascii('KEM'), u16(0x0020)]));
  const ikm = hkdf(seed, none, ascii('clinivault/intake/fallback/v1\0'), 32);
  const secretKey = kem.expand(kem.extract(none, 'dkp_prk', ikm), 'sk', none, 32);
  const classic = x25519(secretKey, enc);
  const secret = kem.expand(kem.extract(none, 'eae_prk', classic.shared), 'shared_secret', Buffer.concat([enc, classic.own]), 32);
  return openScheduled(0x0020, secret, info, sealed);
}

/** openScheduled is the key schedule of RFC 9180, 5.1, in base mode, and its first message. */
function openScheduled(kem, secret, info, sealed) {
  const { extract, expand } = labeled(Buffer.concat([ascii('HPKE'), u16(kem), u16(1), u16(2)]));
  const none = Buffer.alloc(0);
  const context = Buffer.concat([u8(0), extract(none, 'psk_id_hash', none), extract(none, 'info_hash', info)]);
  const prk = extract(secret, 'secret', none);
  return openGCM(expand(prk, 'key', context, 32), none, Buffer.concat([expand(prk, 'base_nonce', context, 12), sealed]));
}
