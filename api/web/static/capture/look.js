// @ts-check
// Looks at a photo just taken, on the device, for what identifies a patient. Seeing nothing says nothing, so only what is
// seen is told.

/** @typedef {import('./wasm.js').SealModule} SealModule */
/** @typedef {import('./wasm.js').Seen} Seen */

/** The longest side that is looked at, in pixels. */
export const lookSide = 320;

/**
 * The size at which a picture is looked at.
 * @param {number} width @param {number} height
 * @returns {{ width: number, height: number }}
 */
export function lookSize(width, height) {
  const k = Math.min(1, lookSide / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * k)), height: Math.max(1, Math.round(height * k)) };
}

/**
 * What to tell the person who took the photo; empty when nothing was seen with certainty.
 * @param {Seen[]} seen
 */
export function lookText(seen) {
  const firm = seen.filter((s) => !s.faint);
  const face = firm.some((s) => s.kind === 'face');
  const tattoo = firm.some((s) => s.kind === 'tattoo');
  if (!face && !tattoo) return '';
  const what = face && tattoo ? 'A face and a tattoo seem' : `A ${face ? 'face' : 'tattoo'} seems`;
  return `${what} to be in the photo. If it is not needed, take the photo again without it. Otherwise send it: a reviewer covers what identifies the patient.`;
}

/**
 * Looks at a canvas. A module that cannot look, or fails, has seen nothing: sending must not depend on it. The small copy is
 * cleared again.
 * @param {HTMLCanvasElement} canvas @param {Partial<SealModule> | null} sealer
 * @returns {Seen[]}
 */
export function look(canvas, sealer) {
  if (!sealer?.preview || canvas.width === 0 || canvas.height === 0) return [];
  const { width, height } = lookSize(canvas.width, canvas.height);
  const small = document.createElement('canvas');
  Object.assign(small, { width, height });
  try {
    const paint = small.getContext('2d', { willReadFrequently: true });
    if (!paint) return [];
    paint.drawImage(canvas, 0, 0, width, height);
    const pixels = paint.getImageData(0, 0, width, height).data;
    try {
      return sealer.preview(pixels, width, height);
    } finally {
      pixels.fill(0);
    }
  } catch {
    return [];
  } finally {
    small.width = 0;
  }
}
