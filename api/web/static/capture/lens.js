// @ts-check
// What a camera can do besides showing a picture: zoom, lamp, focus at a point, its largest photo. Cameras differ, so
// each is asked (W3C MediaStream Image Capture, 5), and what it does not say it has is not offered.

/** @typedef {{ min: number, max: number, step: number }} Range */

/** The most pixels of a photo: the vault takes 50 megapixels. */
export const mostPixels = 50e6;

/** How long a focus set by a tap holds before the camera looks for itself again, in milliseconds. */
const focusHold = 4000;

/**
 * @param {any} range of a capability
 * @returns {Range | null} null when the camera cannot change it
 */
export function rangeOf(range) {
  const { min, max, step } = range ?? {};
  if (!Number.isFinite(min) || !Number.isFinite(max) || max <= min) return null;
  return { min, max, step: Number.isFinite(step) && step > 0 ? step : (max - min) / 50 };
}

/**
 * The zoom after a pinch.
 * @param {number} before zoom when the fingers came down
 * @param {number} ratio of the distances of the fingers, now to then
 * @param {Range} range
 */
export function pinched(before, ratio, range) {
  const wished = Number.isFinite(ratio) && ratio > 0 ? before * ratio : before;
  const stepped = range.min + Math.round((wished - range.min) / range.step) * range.step;
  return Math.min(range.max, Math.max(range.min, stepped));
}

/**
 * The settings of the largest photo that the vault takes; null when the camera does not tell its sizes.
 * @param {any} capabilities of ImageCapture.getPhotoCapabilities
 * @returns {{ imageWidth: number, imageHeight: number } | null}
 */
export function largestPhoto(capabilities) {
  const width = capabilities?.imageWidth?.max;
  const height = capabilities?.imageHeight?.max;
  if (!(width > 0) || !(height > 0)) return null;
  const k = Math.min(1, Math.sqrt(mostPixels / (width * height)));
  return { imageWidth: Math.floor(width * k), imageHeight: Math.floor(height * k) };
}

/** The controls of one running track. None of its methods throws: a camera that refuses stays as it is. */
export class Lens {
  /** @type {MediaStreamTrack} */ #track;
  /** @type {any} */ #has;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #focusing;

  /** @param {MediaStreamTrack} track */
  constructor(track) {
    this.#track = track;
    this.#has = track.getCapabilities?.() ?? {};
  }

  /** @returns {Range | null} */
  get zoomRange() {
    return rangeOf(this.#has.zoom);
  }

  /** @returns {number} */
  get zoom() {
    return /** @type {any} */ (this.#track.getSettings()).zoom ?? 1;
  }

  /** Whether the camera has a lamp. */
  get hasTorch() {
    return this.#has.torch === true;
  }

  /** Whether a tap can say where to focus. */
  get hasFocus() {
    const modes = this.#has.focusMode ?? [];
    return navigator.mediaDevices?.getSupportedConstraints && 'pointsOfInterest' in navigator.mediaDevices.getSupportedConstraints() &&
      (modes.includes('single-shot') || modes.includes('continuous'));
  }

  /** @param {number} value within zoomRange */
  async setZoom(value) {
    await this.#set({ zoom: value });
  }

  /** @param {boolean} on @returns {Promise<boolean>} whether it is as wished */
  setTorch(on) {
    return this.#set({ torch: on });
  }

  /**
   * Focuses at a point, and lets the camera look for itself again after a while.
   * @param {number} x 0 to 1 from the left @param {number} y 0 to 1 from the top
   * @returns {Promise<boolean>} whether the camera does it
   */
  async focusAt(x, y) {
    if (!this.hasFocus) return false;
    const modes = this.#has.focusMode;
    const done = await this.#set({ pointsOfInterest: [{ x, y }], focusMode: modes.includes('single-shot') ? 'single-shot' : 'continuous' });
    clearTimeout(this.#focusing);
    if (done && modes.includes('continuous')) this.#focusing = setTimeout(() => void this.#set({ focusMode: 'continuous' }), focusHold);
    return done;
  }

  /** @param {object} settings @returns {Promise<boolean>} */
  async #set(settings) {
    try {
      await this.#track.applyConstraints({ advanced: [/** @type {any} */ (settings)] });
      return true;
    } catch {
      return false;
    }
  }
}
