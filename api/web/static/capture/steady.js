// @ts-check
// When a code counts. One frame may be misread; the same twice is taken. Two bands in view may be two patients, so neither
// counts; but one band may carry two kinds of number, so those are taken together, and have to lead to one patient.

import { nhsChecks, parseBand } from './wristband.js';

/** @typedef {{ symbology: string, text: string, gs1: boolean }} Code */
/** @typedef {{ codes: Code[], numbers: string[] } | { refused: string } | { many: true } | null} Verdict codes: of one band, each of another kind */

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
    /** @type {Map<string, Code>} by number */
    const bands = new Map();
    const kinds = new Set();
    let refused = '';
    let why = '';
    for (const raw of codes) {
      const read = parseBand(raw.symbology, raw.text, 'record_number');
      if ('refused' in read) {
        refused = read.refused;
        why = `${read.why} ${raw.text}`;
      } else {
        bands.set(`${read.kind} ${read.value}`, raw);
        kinds.add(read.kind !== 'gsrn' && nhsChecks(read.value.replaceAll(' ', '')) ? 'nhs' : read.kind);
      }
    }
    if (bands.size > Math.min(kinds.size, 2)) {
      this.#last = '';
      return { many: true };
    }
    const key = [...bands.keys()].sort().join('\n') || why;
    if (key === '') return null;
    const again = key === this.#last && now - this.#at <= together;
    this.#last = key;
    this.#at = now;
    if (!again) {
      this.#told = '';
      return null;
    }
    if (bands.size > 0) return { codes: [...bands.values()], numbers: [...bands.keys()] };
    if (this.#told === why) return null; // said once while it is in view
    this.#told = why;
    return { refused };
  }
}
