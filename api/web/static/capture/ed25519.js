// @ts-check
// Checks Ed25519 signatures (RFC 8032): by WebCrypto, and by arithmetic of our own where a browser has none yet. It only
// checks: nothing here is secret, so its time may tell what it likes.

const p = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (/** @type {bigint} */ n) => ((n % p) + p) % p;

/** @param {bigint} n @param {bigint} e */
function power(n, e) {
  let out = 1n;
  for (let base = mod(n); e > 0n; e >>= 1n, base = mod(base * base)) if (e & 1n) out = mod(out * base);
  return out;
}

const invert = (/** @type {bigint} */ n) => power(n, p - 2n);
const d = mod(-121665n * invert(121666n));
const rootOfMinusOne = power(2n, (p - 1n) / 4n);

/** @typedef {[bigint, bigint, bigint, bigint]} Point X, Y, Z, T of RFC 8032, 5.1.4 */

/** @param {Point} a @param {Point} b @returns {Point} */
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * t1 * t2 * d);
  const e = mod(2n * z1 * z2);
  const [f, g, h, i] = [b - a, e - c, e + c, b + a];
  return [mod(f * g), mod(h * i), mod(g * h), mod(f * i)];
}

/** @param {Point} point @param {bigint} n @returns {Point} */
function times(point, n) {
  /** @type {Point} */
  let out = [0n, 1n, 1n, 0n];
  for (let at = point; n > 0n; n >>= 1n, at = add(at, at)) if (n & 1n) out = add(out, at);
  return out;
}

const little = (/** @type {Uint8Array} */ b) => b.reduceRight((n, x) => (n << 8n) | BigInt(x), 0n);

/** @param {Uint8Array} b 32 bytes @returns {Point | null} RFC 8032, 5.1.3 */
function decode(b) {
  const raw = little(b);
  const y = raw & ((1n << 255n) - 1n);
  if (y >= p) return null;
  const square = mod((y * y - 1n) * invert(d * y * y + 1n));
  let x = power(square, (p + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * rootOfMinusOne);
  const sign = raw >> 255n;
  if (mod(x * x) !== square || (x === 0n && sign === 1n)) return null;
  if ((x & 1n) !== sign) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

/** @param {Point} point @returns {bigint} its 32 bytes as a number, RFC 8032, 5.1.2 */
function encode([x, y, z]) {
  const by = invert(z);
  return mod(y * by) | ((mod(x * by) & 1n) << 255n);
}

const base = /** @type {Point} */ (decode(new Uint8Array(32).fill(0x66).with(0, 0x58)));

/**
 * The check by arithmetic (RFC 8032, 5.1.7).
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} signature 64 bytes
 * @param {Uint8Array} message
 * @returns {Promise<boolean>}
 */
export async function verifyByHand(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const point = decode(key);
  const s = little(signature.subarray(32));
  if (!point || s >= order) return false;
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(signature.subarray(0, 32));
  hashed.set(key, 32);
  hashed.set(message, 64);
  const k = little(new Uint8Array(await crypto.subtle.digest('SHA-512', hashed))) % order;
  const [x, y, z, t] = times(point, k);
  return encode(add(times(base, s), [mod(-x), y, z, mod(-t)])) === little(signature.subarray(0, 32));
}

/**
 * Whether key signed message.
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} signature 64 bytes
 * @param {Uint8Array} message
 * @returns {Promise<boolean>}
 */
export async function verify(key, signature, message) {
  let known;
  try {
    known = await crypto.subtle.importKey('raw', /** @type {BufferSource} */ (key), 'Ed25519', false, ['verify']);
  } catch {
    return verifyByHand(key, signature, message); // a browser without Ed25519, or no key at all
  }
  return crypto.subtle.verify('Ed25519', known, /** @type {BufferSource} */ (signature), /** @type {BufferSource} */ (message));
}
