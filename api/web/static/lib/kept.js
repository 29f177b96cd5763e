// @ts-check
// What this browser keeps so that the capture page opens without a network: the number of the person who signed in here
// last, public keys, body sites, the clock. Never a name, a patient, a photo, or a secret.

const storeName = 'kept';

/** @param {string} name @returns {Promise<IDBDatabase>} */
function database(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another page holds the store'));
  });
}

/**
 * @template T
 * @param {string} name of the database
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T | undefined>} undefined where this browser keeps nothing
 */
export async function within(name, mode, act) {
  try {
    const db = await database(name);
    try {
      return await new Promise((resolve, reject) => {
        const tx = db.transaction(storeName, mode);
        const request = act(tx.objectStore(storeName));
        tx.oncomplete = () => resolve(request.result);
        tx.onabort = () => reject(tx.error);
      });
    } finally {
      db.close();
    }
  } catch {
    return undefined; // storage is off or full: the page then needs the network
  }
}

const shell = 'clinivault-shell';

/** @param {string} name @returns {Promise<any>} */
export const kept = (name) => within(shell, 'readonly', (store) => store.get(name));

/** @param {string} name @param {unknown} value */
export const keep = (name, value) => within(shell, 'readwrite', (store) => store.put(value, name));

/** @param {string} name */
export const drop = (name) => within(shell, 'readwrite', (store) => store.delete(name));
