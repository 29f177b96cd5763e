// @ts-check
// What only the pages of signing in and of one's account do with passkeys, so that the capture page does not carry it: making
// one, and offering those that are there.

import { alone, answerOf, fromBase64URL, named, supported } from './passkey.js';

/** @param {any} options as the server sends them @returns {PublicKeyCredentialCreationOptions} */
export function creationOptions(options) {
  const asked = options.publicKey ?? options;
  return {
    ...asked, challenge: fromBase64URL(asked.challenge), user: { ...asked.user, id: fromBase64URL(asked.user.id) },
    excludeCredentials: named(asked.excludeCredentials),
    extensions: { ...asked.extensions, prf: {} }, // so that it can open what is kept for the time without a network
  };
}

/** @param {any} options @returns {Promise<Record<string, unknown>>} */
export function make(options) {
  return alone(false, async (signal) => answerOf(await navigator.credentials.create({ publicKey: creationOptions(options), signal })));
}

/** @returns {Promise<boolean>} whether the browser can offer passkeys beside the login field */
export async function offers() {
  if (!supported()) return false;
  const can = /** @type {any} */ (PublicKeyCredential).isConditionalMediationAvailable;
  return typeof can === 'function' && Boolean(await can.call(PublicKeyCredential));
}
