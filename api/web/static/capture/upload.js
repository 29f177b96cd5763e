// @ts-check
// Sends the queue of the signed-in person, one by one, until each is received. Events (CustomEvent, detail):
//   progress {capture_id, sent, total}   received {capture_id, photo_id, received_at}
//   failed   {capture_id, sentence}      waiting  {capture_id, sentence, retry_at}      signin {sentence}

import { backoff, checkReceipt, outcomeOf, sendable, UnknownKey } from './state.js';
import { transfer } from './transfer.js';

/** @import { Queue } from './queue.js' */
/** @import { Item } from './state.js' */
/** @import { Answer } from './transfer.js' */

const lockName = 'clinivault-upload';

/**
 * @typedef {object} Parts what an uploader works with; the functions have browser defaults
 * @property {Pick<Queue, 'list' | 'update' | 'received'>} queue
 * @property {string} owner ID of the signed-in person
 * @property {(fresh: boolean) => Promise<{ key_id: string, public_key: string }[]>} receiptKeys fresh: ask the vault again
 * @property {(publicKey: string, receiptJSON: string) => Promise<void> | void} verify fails unless the key signed the receipt
 * @property {string} [url] of POST /api/v1/captures
 * @property {string} [uploads] of POST /api/v1/uploads; without it all goes in one piece
 * @property {(item: Item, progress: (sent: number) => void) => Promise<Answer>} [send]
 * @property {(act: () => Promise<void>) => Promise<void>} [alone] runs act while no other tab does
 * @property {(act: () => void, ms: number) => unknown} [later]
 * @property {(handle: any) => void} [cancel]
 * @property {() => number} [now]
 * @property {() => number} [random]
 */

export class Uploader extends EventTarget {
  /** @type {Required<Omit<Parts, 'url' | 'uploads'>>} */ #parts;
  /** @type {Promise<void> | null} the run under way */ #running = null;
  /** @type {boolean} whether to look again after this run */ #again = false;
  /** @type {any} timer of the next attempt */ #timer = null;
  #stopped = false;

  /** @param {Parts} parts */
  constructor(parts) {
    super();
    const { url = '', uploads = '' } = parts;
    this.#parts = {
      send: (item, progress) => transfer({ captures: url, uploads }, item, progress),
      alone: async (act) => void (await navigator.locks.request(lockName, act)),
      later: (act, ms) => setTimeout(act, ms),
      cancel: (handle) => clearTimeout(handle),
      now: Date.now,
      random: Math.random,
      ...parts,
    };
  }

  /** Sends now, and whenever the network comes back. Call it on page load. @returns {Promise<void>} */
  start() {
    this.#stopped = false;
    globalThis.addEventListener?.('online', this.#online);
    return this.kick();
  }

  /** Starts nothing more; an upload under way ends by itself. */
  stop() {
    this.#stopped = true;
    globalThis.removeEventListener?.('online', this.#online);
    this.#parts.cancel(this.#timer);
  }

  #online = () => void this.kick();

  /** Sends what waits, at once. @returns {Promise<void>} resolved when nothing more can be sent for now */
  kick() {
    if (this.#stopped) return Promise.resolve();
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#parts.cancel(this.#timer);
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#again) void this.kick(); // asked for while the run was ending
    });
    return this.#running;
  }

  /** Puts a failed capture back in line, at the person's word. @param {string} captureID */
  async retry(captureID) {
    await this.#parts.queue.update(captureID, { state: 'sealed', last_error: '' });
    return this.kick();
  }

  async #run() {
    try {
      do {
        this.#again = false;
        await this.#parts.alone(() => this.#drain());
      } while (this.#again && !this.#stopped);
    } catch {
      this.#wait('', 'The queue on this device could not be read. Trying again.', backoff(3, this.#parts.random()));
    }
  }

  /** Sends item after item until none is left or one has to wait. Runs under the lock. */
  async #drain() {
    const { queue, owner } = this.#parts;
    for (const item of sendable(await queue.list(), owner)) {
      if (this.#stopped || !(await this.#one(item))) return;
    }
  }

  /** @param {Item} item @returns {Promise<boolean>} whether to go on with the next */
  async #one(item) {
    const { queue, send, now, random } = this.#parts;
    const { capture_id, size } = item;
    const attempts = item.attempts + 1;
    await queue.update(capture_id, { state: 'sending', attempts });
    const answer = await send(item, (sent) => this.#emit('progress', { capture_id, sent: Math.min(sent, size), total: size }));
    const out = outcomeOf(answer.status, answer.body, answer.retryAfter, now());
    if (out.kind === 'receipt') {
      const fault = await this.#accept(item, out.body);
      if (!fault) return true;
      await queue.update(capture_id, { state: 'sealed', last_error: fault });
      this.#wait(capture_id, fault, backoff(attempts, random()));
      return false;
    }
    if (out.kind === 'refused') {
      await queue.update(capture_id, { state: 'failed', last_error: out.sentence });
      this.#emit('failed', { capture_id, sentence: out.sentence });
      return true;
    }
    await queue.update(capture_id, { state: 'sealed', last_error: out.sentence });
    if (out.kind === 'signin') this.#emit('signin', { capture_id, sentence: out.sentence });
    else this.#wait(capture_id, out.sentence, Math.max(out.wait, backoff(attempts, random())));
    return false;
  }

  /**
   * Drops the sealed copy if the receipt is the vault's and for these bytes.
   * @param {Item} item
   * @param {string} body
   * @returns {Promise<string>} '' or what is wrong, as a sentence
   */
  async #accept(item, body) {
    const { queue, receiptKeys, verify } = this.#parts;
    let receipt;
    try {
      try {
        receipt = await checkReceipt(item, body, await receiptKeys(false), verify);
      } catch (err) {
        if (!(err instanceof UnknownKey)) throw err;
        receipt = await checkReceipt(item, body, await receiptKeys(true), verify);
      }
    } catch {
      return 'The receipt could not be verified, so the sealed photo is kept. Trying again; tell your IT team if this stays.';
    }
    await queue.received(item.capture_id);
    this.#emit('received', { capture_id: item.capture_id, photo_id: receipt.photo_id, received_at: receipt.received_at });
    return '';
  }

  /** @param {string} capture_id @param {string} sentence @param {number} ms */
  #wait(capture_id, sentence, ms) {
    if (this.#stopped) return;
    this.#parts.cancel(this.#timer);
    this.#timer = this.#parts.later(() => void this.kick(), ms);
    this.#emit('waiting', { capture_id, sentence, retry_at: new Date(this.#parts.now() + ms).toISOString() });
  }

  /** @param {string} type @param {object} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
