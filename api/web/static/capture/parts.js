// @ts-check
// How a sealed photo is cut into parts, and what is still to be sent of it. Pure.

/** @typedef {{ offset: number, size: number }} Part a run of bytes of the envelope */

/** The grid of the server: parts begin and end on it, but at the photo's end. */
export const unit = 65_536;
/** The largest part, and what is sent in one piece. */
export const largest = 524_288;
/** Parts under way at once. */
export const flights = 3;

/** How large the next parts are: smaller after silence, since a lost part costs less then, larger again once it goes well. */
export class Cut {
  size = largest;
  #good = 0;

  /** A part was received. */
  went() {
    if (++this.#good < 4 || this.size === largest) return;
    this.#good = 0;
    this.size = Math.min(largest, 2 * this.size);
  }

  /** Nothing was heard of a part. */
  lost() {
    this.#good = 0;
    this.size = Math.max(unit, this.size / 2);
  }
}

/**
 * The next part to send, or null when every byte is held or under way.
 * @param {number} total bytes of the photo
 * @param {Part[]} taken held by the server, or under way; in any order
 * @param {number} size of a part at most, a multiple of the grid
 * @returns {Part | null}
 */
export function nextPart(total, taken, size) {
  const runs = joined(taken);
  let at = 0;
  for (const r of runs) {
    if (r.offset > at) return { offset: at, size: Math.min(size, r.offset - at) };
    at = r.offset + r.size;
  }
  return at < total ? { offset: at, size: Math.min(size, total - at) } : null;
}

/**
 * What parts cover together.
 * @param {Part[]} parts
 * @returns {Part[]} in order, none touching another
 */
export function joined(parts) {
  /** @type {Part[]} */
  const out = [];
  for (const p of [...parts].sort((a, b) => a.offset - b.offset)) {
    const last = out.at(-1);
    if (last && p.offset <= last.offset + last.size) last.size = Math.max(last.size, p.offset + p.size - last.offset);
    else out.push({ ...p });
  }
  return out;
}

/** @param {Part[]} parts @returns {number} bytes */
export const bytesOf = (parts) => joined(parts).reduce((n, p) => n + p.size, 0);

/**
 * Reads what the server says of an upload.
 * @param {string} body
 * @returns {{ held: Part[], receipt: string }} receipt as JSON, '' while there is none; held is empty where it cannot be read
 */
export function readUpload(body) {
  try {
    const told = JSON.parse(body);
    const whole = (/** @type {any} */ n) => Number.isSafeInteger(n) && n >= 0;
    const held = (told.held ?? []).filter((/** @type {any} */ p) => whole(p?.offset) && whole(p?.size)).map((/** @type {Part} */ p) => ({ offset: p.offset, size: p.size }));
    return { held, receipt: told.receipt ? JSON.stringify(told.receipt) : '' };
  } catch {
    return { held: [], receipt: '' };
  }
}
