// @ts-check
// Reads the codes in one frame. It runs in the scanner's worker, away from the viewfinder; nothing of a frame is kept.

import { prepareZXingModule, readBarcodes } from '../wasm/zxing/reader/index.js';

/** @typedef {{ data: Uint8ClampedArray, width: number, height: number }} Pixels RGBA, as ImageData has them */
/** @typedef {{ symbology: string, text: string, gs1: boolean }} Code symbology: the identifier of ISO/IEC 15424 */

const matrices = /** @type {const} */ (['DataMatrix', 'QRCode']);
const linear = /** @type {const} */ (['Code128']);
const most = 4; // codes in one frame

const common = /** @type {const} */ ({ tryHarder: true, tryRotate: true, tryInvert: true, textMode: 'Plain', maxNumberOfSymbols: most, eanAddOnSymbol: 'Ignore' });

/**
 * Loads the reader. Its own default is a foreign address; this one has none.
 * @param {{ wasmURL: string } | { wasmBinary: ArrayBuffer }} from
 */
export async function loadReader(from) {
  const overrides = 'wasmURL' in from ? { locateFile: () => from.wasmURL } : { wasmBinary: from.wasmBinary };
  await prepareZXingModule({ overrides, fireImmediately: true });
}

/** @param {import('../wasm/zxing/reader/index.js').ReadResult} r @returns {Code} */
const codeOf = (r) => ({ symbology: r.symbologyIdentifier, text: r.text, gs1: r.contentType === 'GS1' });

/**
 * The angles by which a frame is turned, one at a time, to look for a linear code that lies across: the reader follows rows
 * and columns, and a code three times as long as it is high is crossed at up to ten degrees.
 */
export const turns = [15, 30, 45, 60, 75];

/**
 * The codes of a frame, at most four.
 * @param {Pixels} pixels
 * @param {number} [turn] of turns: where nothing is found, a linear code is looked for once more in the turned frame
 * @returns {Promise<Code[]>}
 */
export async function readCodes(pixels, turn = 0) {
  const found = await readBarcodes(/** @type {any} */ (pixels), { ...common, formats: [...matrices, ...linear], tryDenoise: true });
  if (found.length > 0 || turn === 0) return found.filter((r) => r.isValid).map(codeOf);
  const turned = turnedBy(pixels, turn);
  const again = await readBarcodes(/** @type {any} */ (turned), { ...common, formats: [...linear] });
  turned.data.fill(0);
  return again.filter((r) => r.isValid).map(codeOf);
}

/**
 * The frame turned about its middle, white around.
 * @param {Pixels} from
 * @param {number} degrees
 * @returns {Pixels}
 */
export function turnedBy({ data, width, height }, degrees) {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const [w, h] = [Math.ceil(width * cos + height * sin), Math.ceil(width * sin + height * cos)];
  const out = new Uint8ClampedArray(w * h * 4).fill(255);
  const source = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const target = new Uint32Array(out.buffer);
  for (let y = 0; y < h; y++) {
    let sx = (-w / 2) * cos + (y - h / 2) * sin + width / 2;
    let sy = (w / 2) * sin + (y - h / 2) * cos + height / 2;
    for (let x = 0; x < w; x++, sx += cos, sy -= sin) {
      const px = Math.floor(sx);
      const py = Math.floor(sy);
      if (px >= 0 && py >= 0 && px < width && py < height) target[y * w + x] = source[py * width + px];
    }
  }
  return { data: out, width: w, height: h };
}
