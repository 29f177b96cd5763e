// @ts-check
// The key of this browser's profile, in IndexedDB. The browser signs with it and gives it to nobody, scripts of ours
// included: whoever steals a cookie cannot take the key along.

const databaseName = 'clinivault-device';
const storeName = 'keys';
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };

/** @typedef {{ name: string, privateKey: CryptoKey, publicKey: CryptoKey, device: string }} DeviceKey device: the server's name for it, or '' */

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: 'name' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another page holds the key'));
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore, done: (value: T) => void) => void} work
 * @returns {Promise<T | undefined>} what work gave, once it is on the disk
 */
async function within(mode, work) {
  const db = await database();
  try {
    return await new Promise((resolve, reject) => {
      const tx = db.transaction(storeName, mode);
      /** @type {T | undefined} */
      let value;
      work(tx.objectStore(storeName), (given) => {
        value = given;
      });
      tx.oncomplete = () => resolve(value);
      tx.onerror = tx.onabort = () => reject(tx.error);
    });
  } finally {
    db.close();
  }
}

/** @returns {Promise<DeviceKey | undefined>} the key, if this browser has one */
export function storedKey() {
  return within('readonly', (store, done) => {
    const asked = store.get('device');
    asked.onsuccess = () => done(asked.result);
  });
}

/** @returns {Promise<DeviceKey>} the key, made now where there is none; of two pages that make one, one wins */
export async function ownKey() {
  const held = await storedKey();
  if (held) return held;
  const pair = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  const fresh = { name: 'device', privateKey: pair.privateKey, publicKey: pair.publicKey, device: '' };
  const kept = await within('readwrite', (store, done) => {
    const asked = store.get('device');
    asked.onsuccess = () => {
      if (!asked.result) store.add(fresh);
      done(asked.result ?? fresh);
    };
  });
  return kept ?? fresh;
}

/** Notes the server's name for the key. @param {string} device */
export async function nameKey(device) {
  await within('readwrite', (store) => {
    const asked = store.get('device');
    asked.onsuccess = () => {
      if (asked.result) store.put({ ...asked.result, device });
    };
  });
}

/** @param {DeviceKey} key @returns {Promise<Uint8Array>} SubjectPublicKeyInfo, DER */
export async function publicBytes(key) {
  return new Uint8Array(await crypto.subtle.exportKey('spki', key.publicKey));
}

/**
 * What is signed, for one purpose and one number of the server's (vault/FORMAT.md section 13).
 * @param {string} purpose @param {string} nonce
 * @returns {Uint8Array<ArrayBuffer>} pure
 */
export function proofText(purpose, nonce) {
  return new TextEncoder().encode(`clinivault/device-proof/v1\n${purpose}\n${nonce}`);
}

/** @param {DeviceKey} key @param {string} purpose @param {string} nonce @returns {Promise<string>} base64 of r ‖ s */
export async function sign(key, purpose, nonce) {
  const how = { name: 'ECDSA', hash: 'SHA-256' };
  return base64(new Uint8Array(await crypto.subtle.sign(how, key.privateKey, proofText(purpose, nonce))));
}

/** @param {Uint8Array} bytes @returns {string} */
export function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** @param {Uint8Array} bytes @returns {string} */
export function hex(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** @param {string} text @returns {Promise<Uint8Array>} */
async function digest(text) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}

/** @param {Uint8Array} key @returns {Promise<string>} */
async function keyHash(key) {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(key))));
}

/**
 * What the device says first when it is enrolled (vault/FORMAT.md section 13).
 * @param {Uint8Array} opening @param {Uint8Array} key
 * @returns {Promise<Uint8Array>}
 */
export async function commitment(opening, key) {
  return digest(`clinivault/device-commitment/v1\n${hex(opening)}\n${await keyHash(key)}`);
}

/**
 * The six digits that device and approver compare.
 * @param {string} code @param {string} nonce @param {Uint8Array} opening @param {Uint8Array} key
 * @returns {Promise<string>}
 */
export async function comparison(code, nonce, opening, key) {
  const sum = await digest(`clinivault/device-number/v1\n${code}\n${nonce}\n${hex(opening)}\n${await keyHash(key)}`);
  const number = new DataView(sum.buffer).getBigUint64(0) % 1000000n;
  return String(number).padStart(6, '0');
}

/**
 * A name for a browser that people know again: "Chrome on Android".
 * @param {string} agent the User-Agent header's text
 * @returns {string} pure
 */
export function browserName(agent) {
  /** @type {[RegExp, string][]} */
  const browsers = [[/Edg(A|iOS)?\//, 'Edge'], [/Firefox\/|FxiOS\//, 'Firefox'], [/Chrome\/|CriOS\//, 'Chrome'], [/Safari\//, 'Safari']];
  /** @type {[RegExp, string][]} */
  const systems = [[/Android/, 'Android'], [/iPhone/, 'iPhone'], [/iPad/, 'iPad'], [/CrOS/, 'ChromeOS'], [/Windows/, 'Windows'], [/Macintosh|Mac OS X/, 'Mac'], [/Linux/, 'Linux']];
  const of = (/** @type {[RegExp, string][]} */ list, /** @type {string} */ none) => list.find(([shape]) => shape.test(agent))?.[1] ?? none;
  return `${of(browsers, 'Browser')} on ${of(systems, 'a device')}`;
}
