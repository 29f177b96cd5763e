// @ts-check
// The queue of sealed captures on this device, in IndexedDB: ciphertext and what is needed to send it, nothing else.
// The device cannot open what is here, nor can whoever steals it. An item leaves only through received().

/** @import { Item } from './state.js' */

const databaseName = 'clinivault-capture';
const storeName = 'sealed';

/** The device could not keep a sealed photo. The message says what to do. */
export class QueueError extends Error {
  /** @param {string} sentence @param {unknown} [cause] */
  constructor(sentence, cause) {
    super(sentence, { cause });
    this.name = 'QueueError';
  }
}

/** Fires 'change' after every change, also by another tab. */
export class Queue extends EventTarget {
  /** @type {IDBDatabase} */ #db;
  /** @type {BroadcastChannel} */ #channel;

  /** @param {IDBDatabase} db */
  constructor(db) {
    super();
    this.#db = db;
    this.#channel = new BroadcastChannel(databaseName);
    this.#channel.onmessage = () => this.dispatchEvent(new Event('change'));
    db.onversionchange = () => db.close();
  }

  /**
   * Keeps a sealed capture; it is on the disk when the promise resolves. A number that is taken is refused.
   * @param {Item} item
   */
  async put(item) {
    try {
      await this.#write((store) => store.add(item));
    } catch (err) {
      if (err instanceof DOMException && err.name === 'QuotaExceededError') {
        throw new QueueError('This device has no space left for the sealed photo. Send the waiting photos, then take it again.', err);
      }
      throw new QueueError('The sealed photo could not be kept on this device. Take it again, or use another device.', err);
    }
  }

  /** @returns {Promise<Item[]>} everything, oldest first */
  async list() {
    const items = /** @type {Item[]} */ (await this.#read((store) => store.getAll()));
    return items.sort((a, b) => a.created_at.localeCompare(b.created_at));
  }

  /** @param {string} captureID @returns {Promise<Item | undefined>} */
  get(captureID) {
    return this.#read((store) => store.get(captureID));
  }

  /**
   * Notes how sending goes. An item that is gone stays gone.
   * @param {string} captureID
   * @param {{ state?: Item['state'], attempts?: number, last_error?: string }} change
   */
  update(captureID, change) {
    const { state, attempts, last_error } = change;
    return this.#write((store) => {
      const got = store.get(captureID);
      got.onsuccess = () => {
        if (!got.result) return;
        store.put({
          ...got.result,
          state: state ?? got.result.state,
          attempts: attempts ?? got.result.attempts,
          last_error: last_error ?? got.result.last_error,
        });
      };
    });
  }

  /**
   * Drops the sealed copy. Only for a capture whose receipt was verified (state.js, checkReceipt).
   * @param {string} captureID
   */
  received(captureID) {
    return this.#write((store) => store.delete(captureID));
  }

  close() {
    this.#channel.close();
    this.#db.close();
  }

  /**
   * @template T
   * @param {(store: IDBObjectStore) => IDBRequest<T>} act
   * @returns {Promise<T>}
   */
  #read(act) {
    return new Promise((resolve, reject) => {
      const request = act(this.#db.transaction(storeName, 'readonly').objectStore(storeName));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  /**
   * Resolves when the change is durable, not merely done.
   * @param {(store: IDBObjectStore) => unknown} act
   * @returns {Promise<void>}
   */
  #write(act) {
    return new Promise((resolve, reject) => {
      const tx = this.#db.transaction(storeName, 'readwrite', { durability: 'strict' });
      tx.oncomplete = () => {
        this.#channel.postMessage('change');
        this.dispatchEvent(new Event('change'));
        resolve();
      };
      tx.onabort = () => reject(tx.error ?? new Error('the queue gave up'));
      act(tx.objectStore(storeName));
    });
  }
}

/**
 * Opens the queue and asks the browser not to clear it.
 * @returns {Promise<Queue>}
 */
export async function openQueue() {
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: 'capture_id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another tab holds an older queue'));
  }).catch((err) => {
    throw new QueueError('This browser cannot keep sealed photos (private window, or storage is off). Use a normal window.', err);
  });
  return new Queue(db);
}

/**
 * Asks for storage that the browser does not clear by itself.
 * @returns {Promise<boolean>} whether it is granted; without it photos are safe until the disk runs low
 */
export async function keepStorage() {
  try {
    return (await navigator.storage?.persist?.()) ?? false;
  } catch {
    return false;
  }
}
