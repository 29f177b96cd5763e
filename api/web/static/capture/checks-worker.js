// @ts-check
// The worker of the checks: its own copy of the Go module looks at small frames, so that neither the viewfinder nor sealing
// waits for it. A frame comes in, what was found goes out, and the frame is gone.

/** @typedef {import('./checks-plan.js').Check} Check */
/** @typedef {import('./checks-plan.js').Found} Found */
/** @typedef {{ pixels_per_mm: number, colour: number[] | null } | null} Scale */
/** @typedef {{ exec: string, wasm: string }} Start */
/** @typedef {{ id: number, looks: { picture: ImageBitmap, checks: Check[] }[], sheet?: ImageBitmap }} Ask */
/** @typedef {{ ready: true } | { broken: true } | { id: number, found: { check: Check, found: Found[] }[], scale: Scale }} Told */

const here = /** @type {{ postMessage: (told: Told) => void, onmessage: ((event: MessageEvent<Start | Ask>) => void) | null }} */ (/** @type {unknown} */ (globalThis));
const scope = /** @type {any} */ (globalThis);
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext('2d', { willReadFrequently: true });

/**
 * Gives the pixels of a picture to look and clears them.
 * @template T @param {ImageBitmap} picture @param {(pixels: ImageData) => T} look @returns {T | null}
 */
function withPixels(picture, look) {
  const { width, height } = picture;
  canvas.width = width;
  canvas.height = height;
  context?.drawImage(picture, 0, 0);
  picture.close();
  const pixels = context?.getImageData(0, 0, width, height);
  canvas.width = canvas.height = 1; // lets go of the picture
  if (!pixels) return null;
  try {
    return look(pixels);
  } finally {
    pixels.data.fill(0);
  }
}

/** @param {Start} start */
async function load({ exec, wasm }) {
  if (!scope.Go) await import(exec);
  const go = new scope.Go();
  const answer = await fetch(wasm, { credentials: 'same-origin' });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const { instance } = await WebAssembly.instantiateStreaming(answer, go.importObject);
  const broken = () => here.postMessage({ broken: true });
  go.run(instance).then(broken, broken); // it never ends by itself
  if (typeof scope.clinivault?.live !== 'function') throw new Error('the module offers nothing');
}

/** @param {Ask} ask */
function answer({ id, looks, sheet }) {
  /** @type {{ check: Check, found: Found[] }[]} */
  const found = [];
  for (const { picture, checks } of looks) {
    withPixels(picture, ({ data, width, height }) => {
      for (const check of checks) {
        const said = scope.clinivault.live(data, width, height, check);
        found.push({ check, found: said.warnings ?? [] }); // a frame that cannot be looked at has nothing found
      }
    });
  }
  const said = sheet ? withPixels(sheet, ({ data, width, height }) => scope.clinivault.scale(data, width, height)) : null;
  here.postMessage({ id, found, scale: said?.pixels_per_mm ? { pixels_per_mm: said.pixels_per_mm, colour: said.colour ?? null } : null });
}

here.onmessage = async ({ data }) => {
  try {
    if ('id' in data) return answer(data);
    await load(data);
    here.postMessage({ ready: true });
  } catch {
    here.postMessage({ broken: true });
  }
};
