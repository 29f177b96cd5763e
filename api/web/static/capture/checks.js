// @ts-check
// The live checks: small frames of the viewfinder to a worker, one at a time and always the newest, and calm warnings back.
// A frame is at most 320 pixels a side, goes to the worker without a copy, and is cleared there. When the checks cannot run
// that is said once; the camera works without them.

import { scriptURL } from '../lib/worker.js';
import { Calm, round, told } from './checks-plan.js';

/** @import { Check, Code, Found, Warning } from './checks-plan.js' */
/** @typedef {{ pixels_per_mm: number, colour: number[] | null }} Scale the 12 numbers of a 3 × 4 matrix, by rows, for linear sRGB; null where the patches were not to be trusted */
/** @typedef {{ warnings: Warning[], sharpness: number, scale: Scale | null }} Still sharpness is 0 to 1, under 0.5 is blurred */
/** @typedef {{ found: { check: Check, found: Found[] }[], scale: Scale | null }} Answer */

const side = 320; // pixels of a frame, at most
const crop = 256; // pixels of the camera's own for the focus
const sheetSide = 1024; // pixels in which a scale sheet is looked for
const pause = 40; // milliseconds between an answer and the next frame: the viewfinder goes first
const startWithin = 30_000;
const answerWithin = 10_000;

/**
 * 'warnings' has detail {warnings, fps}, after each frame; 'off' is fired once when the checks cannot run.
 */
export class Checks extends EventTarget {
  /** @type {{ worker: string, wasm: string, exec: string }} */ #addresses;
  /** @type {Promise<Worker> | null} */ #starting = null;
  /** @type {Worker | null} */ #worker = null;
  /** @type {Map<number, { done: (answer: Answer | null) => void, timer: ReturnType<typeof setTimeout> }>} */ #asked = new Map();
  #ids = 0;
  #turn = 0; // counts starts and stops
  #running = false;
  #stills = 0; // being looked at
  #off = false;

  /** @param {{ worker: string, wasm: string, exec: string }} addresses of the worker's script, the Go module and its loader */
  constructor(addresses) {
    super();
    this.#addresses = addresses;
  }

  /** Looks at what a video shows until stop(). @param {HTMLVideoElement} video */
  start(video) {
    this.stop();
    const mine = ++this.#turn;
    this.#running = true;
    void this.#loop(video, mine).catch(() => this.#fail());
  }

  /** Stops looking; the worker ends with it, when no taken photo is still being looked at. */
  stop() {
    this.#turn++;
    this.#running = false;
    this.#endWhenIdle();
  }

  /**
   * Looks once and thoroughly at a taken photo; goes on after stop().
   * @param {HTMLCanvasElement} canvas its data-photo-width tells how wide the photo itself is, in pixels, when it is wider
   * @returns {Promise<Still>} rejects where the checks cannot run
   */
  async still(canvas) {
    const { width, height } = canvas;
    if (!width || !height) throw new Error('no picture');
    const full = Number(canvas.dataset.photoWidth) || width;
    const k = Math.min(1, sheetSide / Math.max(width, height));
    const pictures = Promise.all([
      small(canvas, width, height),
      middle(canvas, width, height),
      createImageBitmap(canvas, { resizeWidth: Math.max(1, Math.round(width * k)), resizeHeight: Math.max(1, Math.round(height * k)), resizeQuality: 'medium' }),
    ]);
    this.#stills++;
    try {
      const [frame, sharp, sheet] = await pictures;
      const scaled = sheet.width;
      const answer = await this.#ask({
        looks: [{ picture: frame, checks: ['light', 'face', 'lying', 'tattoo', 'text'] }, { picture: sharp, checks: ['sharp'] }], sheet,
      });
      if (!answer) throw new Error('not looked at');
      const found = answer.found.flatMap((a) => a.found);
      const scale = answer.scale ? { ...answer.scale, pixels_per_mm: (answer.scale.pixels_per_mm * full) / scaled } : null;
      return { warnings: tooFar(told(found), scale), sharpness: 1 - Math.max(0, ...found.filter((f) => f.code === 'blur').map((f) => f.score)), scale };
    } finally {
      this.#stills--;
      this.#endWhenIdle();
    }
  }

  /** @param {HTMLVideoElement} video @param {number} mine */
  async #loop(video, mine) {
    const calm = new Calm();
    /** @type {number[]} when frames were answered, the last second */
    let times = [];
    for (let n = 0; mine === this.#turn; n++) {
      const { videoWidth: width, videoHeight: height } = video;
      if (!width || !height || video.readyState < 2 || document.hidden) {
        await later(100);
        continue;
      }
      const check = round[n % round.length];
      const picture = await (check === 'sharp' ? middle(video, width, height) : small(video, width, height)).catch(() => null);
      if (!picture) {
        await later(100); // between two frames, or the camera just went
        continue;
      }
      const answer = await this.#ask({ looks: [{ picture, checks: check === 'sharp' ? ['sharp'] : ['light', check] }] });
      if (mine !== this.#turn) return;
      if (!answer) return this.#fail();
      const now = performance.now();
      for (const a of answer.found) calm.take(a.check, a.found, now);
      times = [...times.filter((t) => now - t < 1000), now];
      this.dispatchEvent(new CustomEvent('warnings', { detail: { warnings: calm.shown(), fps: times.length } }));
      await later(pause);
    }
  }

  /**
   * @param {{ looks: { picture: ImageBitmap, checks: Check[] }[], sheet?: ImageBitmap }} ask
   * @returns {Promise<Answer | null>} null when the worker fails
   */
  async #ask(ask) {
    /** @type {Worker} */
    let worker;
    const pictures = [...ask.looks.map((l) => l.picture), ...(ask.sheet ? [ask.sheet] : [])];
    try {
      worker = await (this.#starting ??= this.#launch());
    } catch {
      for (const p of pictures) p.close();
      this.#fail();
      return null;
    }
    const id = this.#ids++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(), answerWithin);
      this.#asked.set(id, { timer, done: resolve });
      worker.postMessage({ id, ...ask }, pictures);
    });
  }

  /** @returns {Promise<Worker>} with the module running */
  #launch() {
    const { worker: address, wasm, exec } = this.#addresses;
    if (typeof WebAssembly !== 'object' || typeof OffscreenCanvas !== 'function' || !wasm || !exec) return Promise.reject(new Error('no module'));
    const worker = new Worker(scriptURL(address), { type: 'module' });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      const failed = () => {
        reject(new Error('the checks did not start'));
        if (this.#worker === worker) this.#end();
      };
      const timer = setTimeout(failed, startWithin);
      worker.onerror = failed;
      worker.onmessage = ({ data }) => {
        if (data.ready || data.broken) clearTimeout(timer);
        if (data.broken) return failed();
        if (data.ready) return resolve(worker);
        const asked = this.#asked.get(data.id);
        this.#asked.delete(data.id);
        clearTimeout(asked?.timer);
        asked?.done(data);
      };
      worker.postMessage({ wasm, exec });
    });
  }

  #endWhenIdle() {
    if (!this.#running && this.#stills === 0) this.#end();
  }

  /** Ends the worker; whoever waits for it hears null. */
  #end() {
    this.#worker?.terminate();
    this.#worker = this.#starting = null;
    const waiting = [...this.#asked.values()];
    this.#asked.clear();
    for (const { done, timer } of waiting) {
      clearTimeout(timer);
      done(null);
    }
  }

  #fail() {
    if (this.#off) return;
    this.#off = true;
    this.dispatchEvent(new Event('off'));
  }
}

const leastPixelsPerMM = 3;

/**
 * Where the sheet tells the scale, it decides whether the camera is too far away.
 * @param {Warning[]} warnings @param {Scale | null} scale
 * @returns {Warning[]}
 */
function tooFar(warnings, scale) {
  if (!scale) return warnings;
  const others = warnings.filter((w) => w.code !== 'far');
  return scale.pixels_per_mm < leastPixelsPerMM ? [...others, { code: 'far' }] : others;
}

/** @param {number} ms */
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {HTMLVideoElement | HTMLCanvasElement} from @param {number} width @param {number} height */
function small(from, width, height) {
  const k = Math.min(1, side / Math.max(width, height));
  return createImageBitmap(from, {
    resizeWidth: Math.max(1, Math.round(width * k)), resizeHeight: Math.max(1, Math.round(height * k)), resizeQuality: 'medium',
  });
}

/** The middle, in the picture's own pixels. @param {HTMLVideoElement | HTMLCanvasElement} from @param {number} width @param {number} height */
function middle(from, width, height) {
  const w = Math.min(crop, width);
  const h = Math.min(crop, height);
  return createImageBitmap(from, Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h);
}
