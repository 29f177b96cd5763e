// @ts-check
// The queue of sealed captures on this device, in IndexedDB: ciphertext and what is needed to send it, nothing else.
// The device cannot open what is here, nor can whoever steals it. An item leaves only through received(). Where the device has
// no space left a photo is held in this page's memory, sealed all the same, and goes to the disk as soon as there is room.

import { t } from '../lib/words.js';

/** @import { Item } from './state.js' */
/** @typedef {{ state?: Item['state'], attempts?: number, last_error?: string }} Note how sending goes */

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
  /** @type {Map<string, Item>} what found no room on the disk */ #memory = new Map();
  /** @type {Map<string, Note>} what could not be noted there */ #notes = new Map();

  /** @param {IDBDatabase} db */
  constructor(db) {
    super();
    this.#db = db;
    this.#channel = new BroadcastChannel(databaseName);
    this.#channel.onmessage = () => this.dispatchEvent(new Event('change'));
    db.onversionchange = () => db.close();
  }

  /**
   * Keeps a sealed capture: on the disk when the promise resolves to true, in memory when to false. A number that is taken is
   * refused.
   * @param {Item} item
   * @returns {Promise<boolean>}
   */
  async put(item) {
    try {
      await this.#write((store) => store.add(item));
      return true;
    } catch (err) {
      if (err instanceof DOMException && err.name === 'ConstraintError') {
        throw new QueueError(t('The sealed photo could not be kept on this device. Take it again, or use another device.'), err);
      }
      this.#memory.set(item.capture_id, { ...item, unsaved: true });
      this.#changed();
      return false;
    }
  }

  /** @returns {Promise<Item[]>} everything, oldest first; what is only in memory says so */
  async list() {
    const items = /** @type {Item[]} */ (await this.#read((store) => store.getAll()));
    return [...items, ...this.#memory.values()].map((i) => ({ ...i, ...this.#notes.get(i.capture_id) }))
      .sort((a, b) => a.created_at.localeCompare(b.created_at));
  }

  /** @param {string} captureID @returns {Promise<Item | undefined>} */
  async get(captureID) {
    const item = this.#memory.get(captureID) ?? (await this.#read((store) => store.get(captureID)));
    return item && { ...item, ...this.#notes.get(captureID) };
  }

  /**
   * Notes how sending goes. An item that is gone stays gone. On a full disk the note is kept in memory: sending goes on.
   * @param {string} captureID
   * @param {Note} change
   */
  async update(captureID, change) {
    const before = this.#notes.get(captureID);
    const note = { ...before, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) };
    const held = this.#memory.get(captureID);
    if (held) {
      this.#memory.set(captureID, { ...held, ...note });
      this.#changed();
      return;
    }
    try {
      await this.#write((store) => {
        const got = store.get(captureID);
        got.onsuccess = () => {
          if (got.result) store.put({ ...got.result, ...note });
        };
      });
      this.#notes.delete(captureID);
    } catch {
      this.#notes.set(captureID, note);
      this.#changed();
    }
  }

  /**
   * Drops the sealed copy. Only for a capture whose receipt was verified (state.js, checkReceipt). What it leaves room for
   * goes from memory to the disk.
   * @param {string} captureID
   */
  async received(captureID) {
    this.#notes.delete(captureID);
    if (this.#memory.delete(captureID)) this.#changed();
    else await this.#write((store) => store.delete(captureID));
    for (const item of [...this.#memory.values()]) {
      const { unsaved, ...plain } = item;
      try {
        await this.#write((store) => store.add(plain));
      } catch {
        return; // still no room
      }
      this.#memory.delete(item.capture_id);
      this.#changed();
    }
  }

  /** Whether this page alone holds a sealed photo: leaving it would lose that. */
  get holdsUnsaved() {
    return this.#memory.size > 0;
  }

  /** Tells this page that something changed, and the browser whether the page may be left without a question. */
  #changed() {
    globalThis.removeEventListener('beforeunload', stay);
    if (this.holdsUnsaved) globalThis.addEventListener('beforeunload', stay);
    this.dispatchEvent(new Event('change'));
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

/** @param {Event} event */
const stay = (event) => event.preventDefault();

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
    throw new QueueError(t('This browser cannot keep sealed photos (private window, or storage is off). Use a normal window.'), err);
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
