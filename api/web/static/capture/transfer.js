// @ts-check
// The way of one sealed photo to the server: in one piece when it is small, in parts otherwise. Parts that arrived stay with
// the server, so an upload goes on after a broken network, a reload or a killed browser where it was.

import { mend, problemFrom } from '../lib/api.js';
import { fromHex, toBase64 } from './bytes.js';
import { bytesOf, Cut, flights, largest, nextPart, readUpload } from './parts.js';
import { noAnswer } from './state.js';

/** @import { Item } from './state.js' */
/** @import { Part } from './parts.js' */

/**
 * @typedef {object} Answer
 * @property {number} status HTTP status, 0 when none came
 * @property {string} body
 * @property {string | null} retryAfter
 */
/** @typedef {(method: string, url: string, headers: Record<string, string>, body: BodyInit | null, sent?: (bytes: number) => void) => Promise<Answer>} Ask */

export const envelopeType = 'application/vnd.clinivault.capture';
const partType = 'application/partial-upload';
const accept = 'application/json, application/problem+json';
const stallTime = 30_000;
const tries = 4; // of parts that were not heard of, in a row; then the upload waits for its next turn
const rounds = 3; // of asking what is still missing

/** @param {Uint8Array} digest SHA-256 @returns {string} RFC 9530, 2 */
const digestHeader = (digest) => `sha-256=:${toBase64(digest)}:`;

/** The headers of an upload in one piece. @param {Item} item @returns {Record<string, string>} */
export function headersOf(item) {
  return { 'Content-Type': envelopeType, 'Capture-Id': item.capture_id, 'Content-Digest': digestHeader(fromHex(item.sha256)), Accept: accept };
}

/**
 * Sends one photo; never throws: silence is status 0.
 * @param {{ captures: string, uploads: string, ask?: Ask }} to addresses of POST /api/v1/captures and /api/v1/uploads
 * @param {Item} item
 * @param {(received: number) => void} progress bytes that the server has
 * @returns {Promise<Answer>} with a receipt where it went well
 */
export function transfer({ captures, uploads, ask = patient }, item, progress) {
  if (!uploads || item.size <= largest) return ask('POST', captures, headersOf(item), item.envelope, progress);
  return new Upload(uploads, ask, item, progress).run();
}

/** One photo on its way in parts. */
class Upload {
  #cut = new Cut();
  /** @type {Part[]} */ #held = [];
  /** @type {Set<Part>} */ #flying = new Set();
  #silent = 0;
  /** @type {Answer | null} what ends this run before its time */ #end = null;

  /** @param {string} url @param {Ask} ask @param {Item} item @param {(received: number) => void} progress */
  constructor(url, ask, item, progress) {
    this.url = url;
    this.ask = ask;
    this.item = item;
    this.progress = progress;
  }

  /** @returns {Promise<Answer>} */
  async run() {
    /** @type {Answer} */
    let last = { status: noAnswer, body: '', retryAfter: null };
    for (let round = 0; round < rounds; round++) {
      const begun = await this.#begin();
      if (begun) return begun;
      await Promise.all(Array.from({ length: flights }, () => this.#fly()));
      if (this.#end) return this.#end;
      last = await this.ask('POST', `${this.#own()}/finish`, { Accept: accept }, null);
      if (![404, 409].includes(last.status) && !(last.status === 422 && kindOf(last) === 'digest')) return last;
      if (last.status !== 422 && (await this.#complete())) return last; // nothing is missing: this is another refusal
    }
    return { ...last, status: 503 }; // the store keeps losing parts: later
  }

  #own() {
    return `${this.url}/${this.item.capture_id}`;
  }

  /** Announces the photo, or learns what is held of it. @returns {Promise<Answer | null>} an answer that ends the upload */
  async #begin() {
    const { capture_id, sha256, size } = this.item;
    const told = await this.ask('POST', this.url, { 'Content-Type': 'application/json', Accept: accept }, JSON.stringify({ capture_id, digest: sha256, size }));
    if (told.status !== 200 && told.status !== 201) return told;
    const { held, receipt } = readUpload(told.body);
    if (receipt) return { ...told, body: receipt };
    this.#held = held;
    this.progress(bytesOf(held));
    return null;
  }

  /** @returns {Promise<boolean>} whether the server says that it holds every byte */
  async #complete() {
    const told = await this.ask('GET', this.#own(), { Accept: accept }, null);
    return told.status === 200 && bytesOf(readUpload(told.body).held) === this.item.size;
  }

  /** Sends part after part, beside the other flights, until nothing is left to begin. */
  async #fly() {
    for (;;) {
      const part = this.#end ? null : nextPart(this.item.size, [...this.#held, ...this.#flying], this.#cut.size);
      if (!part) return;
      this.#flying.add(part);
      const answer = await this.#send(part);
      this.#flying.delete(part);
      this.#heard(part, answer);
    }
  }

  /** @param {Part} part @returns {Promise<Answer>} */
  async #send({ offset, size }) {
    const bytes = new Uint8Array(this.item.envelope, offset, size);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return this.ask('PUT', `${this.#own()}/${offset}`, { 'Content-Type': partType, 'Content-Digest': digestHeader(digest), Accept: accept }, bytes);
  }

  /** @param {Part} part @param {Answer} answer */
  #heard(part, answer) {
    if (answer.status === 204) {
      this.#silent = 0;
      this.#cut.went();
      this.#held.push(part);
      this.progress(bytesOf(this.#held));
      return;
    }
    const again = answer.status === noAnswer || (answer.status === 422 && kindOf(answer) === 'digest');
    if (again && ++this.#silent < tries) this.#cut.lost();
    else if (answer.status === 404 || answer.status === 409) this.#end ??= { ...answer, status: 503 }; // gone meanwhile: begin anew, later
    else this.#end ??= answer;
  }
}

/** @param {Answer} answer */
const kindOf = (answer) => problemFrom(answer.status, answer.body, answer.retryAfter).kind;

/**
 * A request, and once more where what the server wanted first could be given, such as the device's proof.
 * @type {Ask}
 */
async function patient(method, url, headers, body, sent) {
  const answer = await once(method, url, headers, body, sent);
  if (answer.status !== 401) return answer;
  const problem = problemFrom(answer.status, answer.body, answer.retryAfter);
  return problem.kind === 'prove-device' && (await mend(problem)) ? once(method, url, headers, body, sent) : answer;
}

/**
 * One request. XMLHttpRequest, since fetch does not tell that bytes still move: only silence is waited out, not slowness.
 * @type {Ask}
 */
function once(method, url, headers, body, sent) {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    /** @type {any} */
    let stalled;
    const alive = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => xhr.abort(), stallTime);
    };
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (e) => {
      alive();
      sent?.(e.loaded);
    };
    xhr.onprogress = alive;
    xhr.onloadend = () => {
      clearTimeout(stalled);
      const status = xhr.readyState === XMLHttpRequest.DONE ? xhr.status : noAnswer;
      resolve({ status, body: status ? xhr.responseText : '', retryAfter: status ? xhr.getResponseHeader('Retry-After') : null });
    };
    alive();
    xhr.send(/** @type {any} */ (body));
  });
}
