// @ts-check
// Loads the Go module that wraps capture keys and checks receipts. Addresses come from the page's data- attributes, since
// assets carry their hash.

/**
 * @typedef {object} SealModule
 * @property {(intakeKeyBase64: string, epoch: number, factsJSON: string) => { header: Uint8Array, key: Uint8Array }} newCaptureHeader
 *   throws with a sentence when the facts or the intake key are not acceptable
 * @property {(publicKeyBase64: string, receiptJSON: string) => void} verifyReceipt throws unless the key signed the receipt
 * @property {(rgba: Uint8ClampedArray, width: number, height: number) => Seen[]} preview
 *   what the detectors see on a small upright frame, in its pixels; seeing nothing means nothing
 */
/** @typedef {{ kind: 'face' | 'tattoo', score: number, faint: boolean, x0: number, y0: number, x1: number, y1: number }} Seen */

/** The page cannot seal, and so must not take a photo. The message says what to do. */
export class ModuleMissing extends Error {
  /** @param {string} sentence @param {unknown} [cause] */
  constructor(sentence, cause) {
    super(sentence, { cause });
    this.name = 'ModuleMissing';
  }
}

/** @type {Map<string, Promise<SealModule>>} one running module per address */
const loaded = new Map();

/**
 * Loads and starts the module once; later calls share it. A failure is not kept, so that a retry may work.
 * @param {{ execURL: string, wasmURL: string }} addresses of wasm_exec.js and capture.wasm
 * @returns {Promise<SealModule>}
 */
export function loadSeal({ execURL, wasmURL }) {
  if (!execURL || !wasmURL) {
    return Promise.reject(new ModuleMissing('This build has no sealing module, so it cannot take photos. Tell your IT team.'));
  }
  let p = loaded.get(wasmURL);
  if (!p) {
    p = start(execURL, wasmURL);
    loaded.set(wasmURL, p);
    p.catch(() => loaded.delete(wasmURL));
  }
  return p;
}

/** @param {string} execURL @param {string} wasmURL @returns {Promise<SealModule>} */
async function start(execURL, wasmURL) {
  const scope = /** @type {any} */ (globalThis);
  if (typeof WebAssembly !== 'object' || !crypto?.subtle) {
    throw new ModuleMissing('This browser cannot seal photos. Use a current browser, over HTTPS.');
  }
  try {
    if (!scope.Go) await import(execURL);
    const go = new scope.Go();
    const answer = await fetch(wasmURL, { credentials: 'same-origin' });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const { instance } = await WebAssembly.instantiate(await answer.arrayBuffer(), go.importObject);
    let ended = false;
    // Runs until the page goes; it returns to us at its first wait, when its functions are set.
    go.run(instance).then(() => (ended = true), () => (ended = true));
    const raw = scope.clinivault;
    if (typeof raw?.newCaptureHeader !== 'function') throw new Error('the module offers nothing');
    return wrap(raw, () => ended);
  } catch (err) {
    throw new ModuleMissing('The sealing module did not load, so no photo can be taken. Check the network and load the page again.', err);
  }
}

/**
 * Turns the module's {error} answers into exceptions.
 * @param {any} raw
 * @param {() => boolean} ended
 * @returns {SealModule}
 */
export function wrap(raw, ended) {
  const call = (/** @type {string} */ name, /** @type {unknown[]} */ args) => {
    if (ended()) throw new ModuleMissing('The sealing module stopped. Load the page again; photos in the queue are safe.');
    const out = raw[name](...args);
    if (out === undefined || out === null || out.error !== undefined) throw new Error(out?.error ?? 'the sealing module gave no answer');
    return out;
  };
  return {
    newCaptureHeader(key, epoch, facts) {
      const { header, key: secret } = call('newCaptureHeader', [key, epoch, facts]);
      return { header, key: secret };
    },
    verifyReceipt(key, receipt) {
      if (call('verifyReceipt', [key, receipt]) !== true) throw new Error('the receipt does not verify');
    },
    preview(rgba, width, height) {
      return call('preview', [rgba, width, height]).regions;
    },
  };
}
