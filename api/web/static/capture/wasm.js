// @ts-check
// How this browser seals: by the Go module, which has ML-KEM, or by WebCrypto alone where WebAssembly is switched off (the
// lockdown modes of some devices). Addresses come from the page's data- attributes, since assets carry their hash.

import { t } from '../lib/words.js';
import { fromBase64 } from './bytes.js';
import { encapsulateTo, dhkem, hpkeWorks } from './hpke.js';
import { verifyReceipt } from './receipt.js';

/** @import { Intake } from './intake.js' */

/**
 * @typedef {object} Way how the key of a photo is sealed, and how its envelope says so (vault/FORMAT.md, section 2)
 * @property {string} name
 * @property {number} kem IANA, HPKE KEM identifiers
 * @property {string} magic
 * @property {boolean} written the number of the KEM stands in the header
 */

/**
 * @typedef {object} Sealing
 * @property {Way} way
 * @property {boolean} fallback there is no WebAssembly: no checks on the picture, no scanner, and a seal of the older kind
 * @property {(intake: Intake) => Promise<{ enc: Uint8Array, shared: Uint8Array }>} encapsulate rejects with a sentence
 * @property {(publicKeyBase64: string, receiptJSON: string) => Promise<void>} verifyReceipt rejects unless the key signed the receipt
 */

/** @type {{ hybrid: Way, fallback: Way }} */
export const ways = {
  hybrid: { name: 'MLKEM768-X25519', kem: 0x647a, magic: 'CVCAP1\n\0', written: false },
  fallback: { name: 'DHKEM-X25519', kem: dhkem, magic: 'CVCAP2\n\0', written: true },
};

/** The page cannot seal, and so must not take a photo. The message says what to do. */
export class ModuleMissing extends Error {
  /** @param {string} sentence @param {unknown} [cause] */
  constructor(sentence, cause) {
    super(sentence, { cause });
    this.name = 'ModuleMissing';
  }
}

/** @type {Map<string, Promise<Sealing>>} one running module per address */
const loaded = new Map();

/**
 * Loads and starts the module once; later calls share it. A failure is not kept, so that a retry may work. Only where there is
 * no WebAssembly at all it seals without: a module that did not load is no reason for a weaker seal.
 * @param {{ execURL: string, wasmURL: string }} addresses of wasm_exec.js and capture.wasm
 * @returns {Promise<Sealing>}
 */
export function loadSeal({ execURL, wasmURL }) {
  if (typeof WebAssembly !== 'object') return withoutModule();
  if (!execURL || !wasmURL) {
    return Promise.reject(new ModuleMissing(t('This build has no sealing module, so it cannot take photos. Tell your IT team.')));
  }
  let p = loaded.get(wasmURL);
  if (!p) {
    p = start(execURL, wasmURL);
    loaded.set(wasmURL, p);
    p.catch(() => loaded.delete(wasmURL));
  }
  return p;
}

/** @returns {Promise<Sealing>} */
async function withoutModule() {
  if (!(await hpkeWorks())) {
    throw new ModuleMissing(t('This browser cannot seal photos. Use a current browser, over HTTPS, or leave its lockdown mode for this page.'));
  }
  return {
    way: ways.fallback, fallback: true, verifyReceipt,
    async encapsulate(intake) {
      if (!intake.fallback_key) throw new ModuleMissing(t('This browser runs no WebAssembly, and this hospital takes no photos sealed without it. Leave the lockdown mode for this page, or use another device.'));
      return encapsulateTo(fromBase64(intake.fallback_key));
    },
  };
}

/** @param {string} execURL @param {string} wasmURL @returns {Promise<Sealing>} */
async function start(execURL, wasmURL) {
  const scope = /** @type {any} */ (globalThis);
  if (!crypto?.subtle) {
    throw new ModuleMissing(t('This browser cannot seal photos. Use a current browser, over HTTPS.'));
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
    if (typeof raw?.encapsulate !== 'function') throw new Error('the module offers nothing');
    return wrap(raw, () => ended);
  } catch (err) {
    throw new ModuleMissing(t('The sealing module did not load, so no photo can be taken. Check the network and load the page again.'), err);
  }
}

/**
 * Turns the module's {error} answers into exceptions.
 * @param {any} raw
 * @param {() => boolean} ended
 * @returns {Sealing}
 */
export function wrap(raw, ended) {
  const call = (/** @type {string} */ name, /** @type {unknown[]} */ args) => {
    if (ended()) throw new ModuleMissing(t('The sealing module stopped. Load the page again; photos in the queue are safe.'));
    const out = raw[name](...args);
    if (out === undefined || out === null || out.error !== undefined) throw new Error(out?.error ?? 'the sealing module gave no answer');
    return out;
  };
  return {
    way: ways.hybrid, fallback: false, verifyReceipt,
    async encapsulate(intake) {
      const { enc, shared } = call('encapsulate', [fromBase64(intake.key)]);
      return { enc, shared };
    },
  };
}
