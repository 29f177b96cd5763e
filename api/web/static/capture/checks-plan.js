// @ts-check
// Which check looks at which frame, and which warnings are shown: pure, so that it can be tested. A frame has time for one
// dear check beside the cheap one; and one frame alone neither puts a warning on the screen nor takes it away.

/** @typedef {'light' | 'sharp' | 'face' | 'lying' | 'tattoo' | 'text'} Check */
/** @typedef {'face' | 'eyes' | 'tattoo' | 'text' | 'wristband' | 'blur' | 'glare' | 'dark' | 'far'} Code */
/** @typedef {{ x0: number, y0: number, x1: number, y1: number }} Box in shares of the frame */
/** @typedef {{ code: Code, score: number, box?: Box }} Found what the module says of one frame; 0.5 and more is told */
/** @typedef {{ code: Code, box?: Box }} Warning */

/** The dear checks, in the order of frames. @type {readonly Check[]} */
export const round = ['face', 'text', 'sharp', 'face', 'tattoo', 'lying'];

/** From here a warning is told. */
export const firm = 0.5;

const ofLast = 3; // frames that the same check looked at
const needed = 2; // of these
const offAfter = 1000; // milliseconds without it

/** The order in which warnings are shown: who is in the picture first, then what is wrong with it. @type {readonly Code[]} */
const order = ['face', 'eyes', 'wristband', 'text', 'tattoo', 'dark', 'glare', 'blur', 'far'];

/**
 * The best of each code among what was found, firm ones alone.
 * @param {Found[]} found
 * @returns {Warning[]}
 */
export function told(found) {
  /** @type {Map<Code, Found>} */
  const best = new Map();
  for (const f of found) {
    const had = best.get(f.code);
    if (f.score >= firm && (!had || f.score > had.score)) best.set(f.code, f);
  }
  if (best.has('face')) best.delete('eyes'); // of that face
  return order.flatMap((code) => {
    const f = best.get(code);
    return f ? [f.box ? { code, box: f.box } : { code }] : [];
  });
}

/** Keeps warnings calm. */
export class Calm {
  /** @type {Map<string, { last: boolean[], at: number, shown: boolean, found: Found }>} by check and code */
  #kept = new Map();

  /**
   * Takes what a check said of a frame.
   * @param {Check} check @param {Found[]} found @param {number} now milliseconds
   */
  take(check, found, now) {
    /** @type {Map<string, Found>} */
    const here = new Map();
    for (const f of found) {
      const key = `${check} ${f.code}`;
      const had = here.get(key);
      if (f.score >= firm && (!had || f.score > had.score)) here.set(key, f);
    }
    for (const [key, f] of here) {
      if (!this.#kept.has(key)) this.#kept.set(key, { last: [], at: now, shown: false, found: f });
    }
    for (const [key, k] of this.#kept) {
      if (!key.startsWith(`${check} `)) continue;
      const f = here.get(key);
      k.last = [...k.last, Boolean(f)].slice(-ofLast);
      if (f) {
        k.found = f;
        k.at = now;
      }
      if (k.last.filter(Boolean).length >= needed) k.shown = true;
      else if (now - k.at >= offAfter) k.shown = false;
      if (!k.shown && !k.last.includes(true)) this.#kept.delete(key);
    }
  }

  /** What is shown now. @returns {Warning[]} */
  shown() {
    return told([...this.#kept.values()].filter((k) => k.shown).map((k) => ({ ...k.found, score: 1 })));
  }
}
