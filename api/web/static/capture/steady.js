// @ts-check
// When a code counts. One frame may be misread; the same code twice is taken. Two bands in view may be two patients, so
// neither counts.

import { parseBand } from './wristband.js';

/** @typedef {import('./wristband.js').Band} Band */
/** @typedef {{ symbology: string, text: string, gs1: boolean }} Code */
/** @typedef {{ band: Band, raw: Code } | { refused: string } | { many: true } | null} Verdict */

/** How far apart two equal reads may be, in milliseconds. */
export const together = 2_000;

export class Steady {
  #last = '';
  #at = 0;
  #told = '';

  /**
   * Takes what one frame holds. What codes without GS1's mark hold is decided where the patient is looked up.
   * @param {Code[]} codes
   * @param {number} now in milliseconds
   * @returns {Verdict}
   */
  take(codes, now) {
    /** @type {Map<string, { band: Band, raw: Code }>} */
    const bands = new Map();
    let refused = '';
    let why = '';
    for (const raw of codes) {
      const read = parseBand(raw.symbology, raw.text, 'record_number');
      if ('refused' in read) {
        refused = read.refused;
        why = `${read.why} ${raw.text}`;
      } else {
        bands.set(`${read.kind} ${read.value}`, { band: read, raw });
      }
    }
    if (bands.size > 1) {
      this.#last = '';
      return { many: true };
    }
    const [key, found] = [...bands][0] ?? [why, null];
    if (key === '') return null;
    const again = key === this.#last && now - this.#at <= together;
    this.#last = key;
    this.#at = now;
    if (!again) return null;
    if (found) return found;
    if (this.#told === why) return null; // said once
    this.#told = why;
    return { refused };
  }
}
