// @ts-check
// The photos that were taken and not sent: in memory alone, each with what was chosen when it was taken.

import { forget } from '../capture/camera.js';

/** @import { Frame } from '../capture/camera.js' */
/** @import { Details } from './capture-facts.js' */
/** @typedef {{ code: string, box?: { x0: number, y0: number, x1: number, y1: number } }} Warning */
/** @typedef {{ warnings: Warning[], sharpness: number, scale: { pixels_per_mm: number, colour: number[] | null } | null }} Still */

/**
 * @typedef {object} Shot
 * @property {Frame} frame
 * @property {Date} takenAt
 * @property {Details} details
 * @property {string} patient ID
 * @property {string[]} overruled warnings that the person had answered when it was taken
 * @property {Still | null} still what the checks say of it; null: not looked at
 * @property {Promise<void>} judged when the checks have looked at it, or could not
 * @property {string} note
 * @property {boolean} [sealing] it is being sealed: nobody else may empty it, or the vault gets nothing that can be looked at
 * @property {HTMLCanvasElement} thumb
 */

/** The most photos that wait for Send: they lie in memory. */
export const mostShots = 12;

/** The longer side of the small pictures, in pixels. */
const thumbSide = 160;

/**
 * A small picture of what was just drawn.
 * @param {HTMLCanvasElement} from
 * @returns {HTMLCanvasElement}
 */
export function thumbOf(from) {
  const small = document.createElement('canvas');
  const k = thumbSide / Math.max(from.width, from.height, 1);
  small.width = Math.max(1, Math.round(from.width * k));
  small.height = Math.max(1, Math.round(from.height * k));
  small.getContext('2d')?.drawImage(from, 0, 0, small.width, small.height);
  return small;
}

/** Marks the page as one that holds photos, for what must not load it anew: a new version waits until there are none. @param {Shot[]} shots */
export function markShots(shots) {
  if (shots.length > 0) document.body.dataset.frame = '';
  else delete document.body.dataset.frame;
  document.dispatchEvent(new Event('clinivault-frame'));
}

/** Throws a photo away. @param {Shot} shot */
export function drop(shot) {
  forget(shot.frame, shot.thumb);
  if (shot.still) shot.still.warnings.length = 0;
  shot.note = '';
}

/** Throws them all away but what is being sealed, which is the queue's. @param {Shot[]} shots */
export function dropAll(shots) {
  for (const shot of shots.splice(0)) if (!shot.sealing) drop(shot);
}

/** How long a deleted photo can be brought back, in milliseconds. */
export const undoWithin = 60_000;

/** The photo that was deleted last: its pixels lie in memory until it is brought back, or until empty(). */
export class Bin {
  /** @type {{ shot: Shot, at: number } | null} */ #held = null;
  #timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #changed;

  /** @param {(holds: boolean) => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {Shot} shot @param {number} at its place among the others */
  put(shot, at) {
    this.empty();
    this.#held = { shot, at };
    this.#timer = setTimeout(() => this.empty(), undoWithin);
    this.#changed(true);
  }

  /** Puts it back in its place. @param {Shot[]} shots @returns {Shot | null} null: there is none any more */
  restore(shots) {
    const held = this.#held;
    this.#held = null;
    this.empty();
    if (held) shots.splice(held.at, 0, held.shot);
    return held?.shot ?? null;
  }

  /** Clears it. */
  empty() {
    clearTimeout(this.#timer);
    if (this.#held) drop(this.#held.shot);
    this.#held = null;
    this.#changed(false);
  }
}

/**
 * How sharp a photo is, in words. Pure.
 * @param {number} sharpness 0 to 1
 * @returns {'sharp' | 'soft' | 'blurred'}
 */
export function sharpnessOf(sharpness) {
  if (sharpness >= 0.65) return 'sharp';
  return sharpness >= 0.5 ? 'soft' : 'blurred';
}
