// @ts-check
// Ties a session to this browser's key and keeps showing, while a page is seen, that the key is here. A cookie that was
// carried to another browser is worth nothing once the next proof is due.

import { call } from './api.js';
import { browserName, base64, nameKey, ownKey, publicBytes, sign, storedKey } from './devicekey.js';

const path = '/api/v1/device';
const quiet = { background: true };
const noted = 'clinivault-proved';

/** @param {boolean} [door] for an act at a locked screen or at the door, not for this session @returns {Promise<string>} a number of the server's, to be signed once */
async function challenge(door = false) {
  return (await call('POST', `${path}/challenge`, { door }, quiet)).nonce;
}

/**
 * Binds the session that was just opened to this browser.
 * @returns {Promise<boolean>} false for a browser that can keep no key
 */
export async function bind() {
  if (!('indexedDB' in globalThis) || !globalThis.crypto?.subtle) return false;
  const key = await ownKey();
  const nonce = await challenge();
  const bound = await call('POST', `${path}/bind`, {
    key: base64(await publicBytes(key)), kind: 'browser', name: browserName(navigator.userAgent), nonce, signature: await sign(key, 'bind', nonce),
  }, quiet);
  await nameKey(bound.id);
  return true;
}

/**
 * Shows the server that the session still is where it was opened.
 * @returns {Promise<boolean>} false: it is not, or this browser's key is gone; only signing in again helps then
 */
export async function prove() {
  try {
    const proof = await deviceProof('prove');
    if (!proof) return await bind();
    const good = await call('POST', `${path}/prove`, proof, quiet);
    note(good.seconds);
    return true;
  } catch {
    return bind().catch(() => false);
  }
}

/**
 * A proof for an act that takes one.
 * @param {'prove' | 'unlock' | 'door'} [purpose]
 * @returns {Promise<{ device: string, nonce: string, signature: string } | null>} null: this browser is no known device
 */
export async function deviceProof(purpose = 'unlock') {
  const key = await storedKey();
  if (!key?.device) return null;
  const nonce = await challenge(purpose !== 'prove');
  return { device: key.device, nonce, signature: await sign(key, purpose, nonce) };
}

/** Remembers, for all tabs of this session, how long the proof counts. @param {number} seconds */
function note(seconds) {
  localStorage.setItem(noted, JSON.stringify({ session: document.body.dataset.sessionId ?? '', from: Date.now(), seconds }));
}

/**
 * When the next proof is due, in milliseconds from now: when six tenths of the last one's time are over, so that a
 * failed try can be made again.
 * @param {string | null} remembered @param {string} session @param {number} now
 * @returns {number} pure; 0: at once
 */
export function dueIn(remembered, session, now) {
  try {
    const last = JSON.parse(remembered ?? '');
    if (last.session !== session || !(last.from <= now)) return 0;
    return Math.max(0, last.from + last.seconds * 600 - now);
  } catch {
    return 0;
  }
}

const retry = 20_000;
let timer = 0;

/** Proves now and then while the page is seen, and at once when it is seen again. */
export function keepProving() {
  const plan = (/** @type {number} */ least) => {
    clearTimeout(timer);
    if (document.hidden) return;
    const due = dueIn(localStorage.getItem(noted), document.body.dataset.sessionId ?? '', Date.now());
    timer = setTimeout(turn, Math.max(due, least));
  };
  const turn = async () => {
    const good = await prove();
    plan(good ? 1_000 : retry);
  };
  document.addEventListener('visibilitychange', () => plan(0));
  plan(0);
}
