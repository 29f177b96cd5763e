// @ts-check
// Small conversions of bytes, shared by the capture modules.

/** @param {Uint8Array} b @returns {string} lowercase hexadecimal */
export function toHex(b) {
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
}

/** @param {string} s @returns {Uint8Array<ArrayBuffer>} */
export function fromHex(s) {
  if (s.length % 2 || !/^[0-9a-f]*$/.test(s)) throw new TypeError('not lowercase hexadecimal');
  const out = new Uint8Array(s.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(s.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** @param {Uint8Array} b @returns {string} base64 with padding (RFC 4648, 4) */
export function toBase64(b) {
  let s = '';
  for (const x of b) s += String.fromCharCode(x);
  return btoa(s);
}

/** @param {string} s base64 (RFC 4648, 4) @returns {Uint8Array<ArrayBuffer>} */
export const fromBase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));

/**
 * A fresh capture ID: 16 random bytes as 32 lowercase hexadecimal digits.
 * @returns {string}
 */
export function newCaptureID() {
  return toHex(crypto.getRandomValues(new Uint8Array(16)));
}

/**
 * What a camera's bytes are, from their first bytes; '' for anything the vault does not take.
 * The vault looks for itself; this only keeps a wrong label from being sealed.
 * @param {Uint8Array} b
 * @returns {string}
 */
export function mediaTypeOf(b) {
  const starts = (/** @type {number[]} */ want, at = 0) => want.every((x, i) => b[at + i] === x);
  if (starts([0xff, 0xd8, 0xff])) return 'image/jpeg';
  if (starts([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'image/png';
  if (starts([0x66, 0x74, 0x79, 0x70], 4)) {
    const brand = String.fromCharCode(...b.subarray(8, 12));
    if (['heic', 'heix', 'heim', 'heis', 'mif1'].includes(brand)) return 'image/heic';
  }
  return '';
}
