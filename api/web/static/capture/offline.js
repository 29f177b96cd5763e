// @ts-check
// What taking a photo needs from the server, kept for the times without it: the public keys to seal to and the list of body
// sites. And the clock: a device's own may be wrong, so each answer of the server's is compared with it.

import { Problem, call, onAnswer } from '../lib/api.js';
import { keep, kept } from '../lib/kept.js';
import { t } from '../lib/words.js';
import { readIntake } from './intake.js';

/** @import { Intake } from './intake.js' */

/** How long kept keys may be sealed to, in milliseconds: a key that went out of use meanwhile is still opened. */
export const keysFor = 7 * 24 * 3600_000;

/** From this difference on, the server's clock counts and the page says so, in milliseconds. */
export const tolerance = 2 * 60_000;

/** skew: the server's time less the device's; seen: the server's last time that was heard; both in milliseconds */
const clock = { skew: 0, seen: 0 };

const ready = kept('clock').then((last) => {
  if (last && clock.seen === 0) Object.assign(clock, { skew: Number(last.skew) || 0, seen: Number(last.seen) || 0 });
});

onAnswer.listeners.push((answer) => {
  const told = Date.parse(answer.headers.get('Date') ?? '');
  if (!Number.isFinite(told)) return;
  const before = clock.skew;
  clock.skew = told + 500 - Date.now(); // the header has whole seconds (RFC 9110, 6.6.1)
  const news = told - clock.seen > 60_000 || Math.abs(clock.skew - before) > 5_000;
  clock.seen = told;
  if (!news) return;
  void keep('clock', { ...clock });
  globalThis.dispatchEvent(new Event('clinivault-clock'));
});

/** @returns {Promise<number>} by how much the server is ahead of this device, in milliseconds; 0 while it is not known */
export async function clockSkew() {
  await ready;
  return clock.skew;
}

/**
 * The time to go by. Pure.
 * @param {number} device @param {{ skew: number, seen: number }} heard
 * @returns {number} the device's own where it agrees with the server's, never before the last time that the server told
 */
export function corrected(device, heard) {
  const off = Math.abs(heard.skew) > tolerance ? heard.skew : 0;
  return Math.max(device + off, heard.seen);
}

/** @returns {Date} now, by the server's clock where the device's is wrong */
export function trustedNow() {
  return new Date(corrected(Date.now(), clock));
}

/**
 * How wrong a clock is, for a sentence; empty when it is right. Pure.
 * @param {number} skew in milliseconds
 * @returns {{ amount: number, unit: 'minutes' | 'hours' | 'days', late: boolean } | null} late: the device is behind
 */
export function wrongBy(skew) {
  const off = Math.abs(skew);
  if (off <= tolerance) return null;
  const [unit, size] = off >= 36 * 3600_000 ? /** @type {const} */ (['days', 24 * 3600_000]) : off >= 90 * 60_000 ? /** @type {const} */ (['hours', 3600_000]) : /** @type {const} */ (['minutes', 60_000]);
  return { amount: Math.round(off / size), unit, late: skew > 0 };
}

/**
 * The server's answer, or the one that was kept when there is none now.
 * @param {string} url
 * @returns {Promise<any>} undefined: neither
 */
async function freshOrKept(url) {
  try {
    const value = await call('GET', url);
    await keep('intake', { value, at: trustedNow().getTime() });
    return value;
  } catch (err) {
    if (!(err instanceof Problem) || (err.status !== 0 && err.status < 500)) throw err;
    const last = await kept('intake');
    await ready;
    return last && trustedNow().getTime() - last.at <= keysFor ? last.value : undefined;
  }
}

/**
 * The vault's public keys, asked for anew or, without a network, kept for at most 7 days.
 * @param {string} url of GET /api/v1/intake
 * @returns {Promise<Intake>} rejects with a sentence
 */
export async function intake(url) {
  let raw;
  try {
    raw = await freshOrKept(url);
  } catch (err) {
    if (err instanceof Problem && err.status === 401) throw new Error(t('Sign in again to take photos.'), { cause: err });
    throw new Error(t('The server gave no sealing key. Try again in a minute.'), { cause: err });
  }
  if (raw === undefined) throw new Error(t('This device was without a network for more than 7 days, so its sealing key is too old. Connect once, then take the photo.'));
  return readIntake(raw);
}
