// @ts-check
// Being told on this browser when something waits (Push API). The message carries nothing; the key only says to the
// push service that it is this vault that sends.

import { call } from './api.js';
import { register } from './worker.js';

/** Whether this browser can be told at all. */
export const able = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

/** @param {string} base64 standard alphabet @returns {Uint8Array<ArrayBuffer>} */
export function bytesOf(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** @param {ArrayBuffer | null | undefined} a @param {Uint8Array} b */
export function same(a, b) {
  if (!a || a.byteLength !== b.length) return false;
  return new Uint8Array(a).every((byte, i) => byte === b[i]);
}

/** @returns {Promise<boolean>} whether this browser is told now, as far as it knows itself */
export async function isOn() {
  if (!able() || Notification.permission !== 'granted') return false;
  const registration = await navigator.serviceWorker.getRegistration('/');
  return Boolean(registration && (await registration.pushManager.getSubscription()));
}

/**
 * Asks the person, then the push service, then tells the vault. A subscription under a key that was replaced is made anew.
 * @param {{ key: string, subscribe: string }} addresses
 */
export async function turnOn(addresses) {
  if ((await Notification.requestPermission()) !== 'granted') {
    throw new Error('This browser does not allow Clinivault to tell you. Allow it in the browser’s settings for this address.');
  }
  const { key, epoch } = await call('GET', addresses.key);
  const wanted = bytesOf(key);
  const registration = await register();
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !same(subscription.options?.applicationServerKey, wanted)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  try {
    subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
  } catch {
    throw new Error('The browser’s push service does not answer. Check the network and try again.');
  }
  await call('POST', addresses.subscribe, { endpoint: subscription.endpoint, epoch });
}

/** Forgets this browser’s own half; the vault’s is forgotten by the list. */
export async function turnOff() {
  const registration = await navigator.serviceWorker?.getRegistration('/');
  const subscription = await registration?.pushManager.getSubscription();
  await subscription?.unsubscribe();
}
