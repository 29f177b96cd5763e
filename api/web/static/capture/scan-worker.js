// @ts-check
// The scanner's worker: a frame comes in, the codes in it go out, and the frame is gone.

import { loadReader, readCodes, turns } from './scan-read.js';

/** @typedef {{ frame: ImageBitmap }} Asked */
/** @typedef {{ codes: import('./scan-read.js').Code[] } | { ready: true } | { broken: true }} Told */

const here = /** @type {{ postMessage: (told: Told) => void, onmessage: ((event: MessageEvent<Asked>) => void) | null }} */ (/** @type {unknown} */ (globalThis));
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext('2d', { willReadFrequently: true });
let at = 0; // in turns

/** @param {ImageBitmap} frame */
async function read(frame) {
  const { width, height } = frame;
  canvas.width = width;
  canvas.height = height;
  context?.drawImage(frame, 0, 0);
  frame.close();
  const pixels = context?.getImageData(0, 0, width, height);
  canvas.width = canvas.height = 1; // lets go of the picture
  if (!pixels) return [];
  const codes = await readCodes(pixels, turns[at]);
  pixels.data.fill(0);
  if (codes.length === 0) at = (at + 1) % turns.length; // the turn that found one is tried again
  return codes;
}

here.onmessage = async ({ data }) => {
  try {
    here.postMessage({ codes: await read(data.frame) });
  } catch {
    here.postMessage({ codes: [] }); // a frame that cannot be read holds nothing
  }
};

try {
  await loadReader({ wasmURL: new URL('../wasm/zxing/reader/zxing_reader.wasm', import.meta.url).href });
  here.postMessage({ ready: true });
} catch {
  here.postMessage({ broken: true });
}
