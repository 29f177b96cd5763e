// @ts-check
// The last photo of the same site, laid thin over the live picture so that the next one is taken from the same place. It
// comes sealed to a key of this page alone and lies in memory alone, until drop().

import { address, call } from '../lib/api.js';
import { fromBase64, toBase64 } from './bytes.js';
import { newKeyPair, openBase, publicBytes } from './hpke.js';

/** @typedef {{ id: string, state: string, body_site: string, laterality: string, taken_at: string }} Earlier */

/** What the server seals for; it binds the number of the photo too (api/API.md, "The last photo for comparison"). */
const info = new TextEncoder().encode('clinivault/ghost/v1');

/** Photos that can be shown to who took them. */
const shown = new Set(['in_review', 'approved']);

/**
 * The photos of this site and side, newest first.
 * @param {Earlier[]} photos of one patient
 * @param {string} site @param {string} side
 * @returns {Earlier[]}
 */
export function sameSite(photos, site, side) {
  return photos
    .filter((p) => shown.has(p.state) && p.body_site === site && (p.laterality ?? '') === side)
    .sort((a, b) => b.taken_at.localeCompare(a.taken_at));
}

/**
 * The sites that were photographed before, each once, newest first.
 * @param {Earlier[]} photos of one patient
 * @returns {Earlier[]} the newest of each site and side
 */
export function earlierSites(photos) {
  /** @type {Map<string, Earlier>} */
  const newest = new Map();
  for (const p of photos) {
    const key = `${p.body_site} ${p.laterality ?? ''}`;
    const old = newest.get(key);
    if (p.body_site && (!old || old.taken_at < p.taken_at)) newest.set(key, p);
  }
  return [...newest.values()].sort((a, b) => b.taken_at.localeCompare(a.taken_at));
}

export class Ghost {
  /** @type {HTMLCanvasElement} */ #canvas;
  /** @type {string | undefined} */ #pattern;
  /** @type {CryptoKeyPair | null} */ #key = null;
  #turn = 0;

  /** @param {HTMLCanvasElement} canvas where it is drawn @param {string | undefined} pattern address of the call, with {id} */
  constructor(canvas, pattern) {
    this.#canvas = canvas;
    this.#pattern = pattern;
  }

  /** Whether a picture lies there. */
  get shown() {
    return this.#canvas.width > 1;
  }

  /**
   * Fetches and draws a photo.
   * @param {Earlier} photo
   * @returns {Promise<boolean>} false when it was dropped meanwhile
   */
  async show({ id, state }) {
    const mine = ++this.#turn;
    this.#key ??= await newKeyPair();
    const own = this.#key;
    const sealed = await call('POST', address(this.#pattern, { id }), { public_key: toBase64(await publicBytes(own)), approved: state === 'approved' });
    const picture = await openBase(own.privateKey, fromBase64(sealed.enc), info, fromBase64(sealed.sealed), new TextEncoder().encode(id));
    const bitmap = await createImageBitmap(new Blob([picture], { type: sealed.media_type }));
    picture.fill(0);
    try {
      if (mine !== this.#turn) return false;
      this.#canvas.width = bitmap.width;
      this.#canvas.height = bitmap.height;
      this.#canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      return true;
    } finally {
      bitmap.close();
    }
  }

  /** Forgets picture and key. */
  drop() {
    this.#turn++;
    this.#key = null;
    this.#canvas.width = this.#canvas.height = 0;
  }
}
