// @ts-check
// A sign-in by passkey prepares the person's own device for the times without a network: the same question to the passkey
// carries a salt, and what it answers closes the list of patients that the capture page keeps here. The answer stays in this
// browser. Whoever undoes it on a device is not prepared there by a sign-in again.

import { answerOf, keepFor } from '../capture/unlock.js';
import { intake } from '../capture/offline.js';
import { offlineUse, ward } from '../capture/wardkeep.js';
import { call } from './api.js';
import { within } from './kept.js';
import * as passkey from './passkey.js';
import { door, othersOut, settle } from './sign-in.js';

/** @import { Person } from './sign-in.js' */
/** @import { Shown } from '../capture/unlock.js' */

const moment = 1_500; // milliseconds that the person waits for it

/**
 * Signs in with a passkey, asking the person or, silently, waiting for what they pick beside the login field, and prepares
 * the device.
 * @param {boolean} silently
 * @returns {Promise<Person>}
 */
export async function signInPrepared(silently) {
  const asked = await call('POST', door('/passkey/begin'));
  const options = passkey.requestOptions(asked.options);
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const credential = await passkey.showWith(options, salt, silently);
  await othersOut();
  const { person } = await call('POST', door('/passkey'), { ticket: asked.ticket, credential: passkey.answerOf(credential) });
  await settle();
  const prepared = prepareBy(person, { options, salt, credential }).catch(() => {}); // then the page offers it
  await Promise.race([prepared, new Promise((resolve) => setTimeout(resolve, moment))]);
  return person;
}

/**
 * Prepares the device by a passkey that was just shown: once for each passkey, until the vault signs with another key; not a
 * device of several people, and not where the person undid it.
 * @param {Person} person @param {Shown} shown
 */
export async function prepareBy(person, shown) {
  if (!answerOf(shown.credential) || !person.roles.includes('clinician') || (await undone(person.id))) return; // others have no list
  const [now, { receipt_keys: signers }, use] = await Promise.all([
    call('GET', door(), undefined, { background: true }), intake('/api/v1/intake'), offlineUse(person.id),
  ]);
  if (now.shared || now.person.id !== person.id) return;
  const same = use?.credentials.some((id) => passkey.toBase64URL(id) === shown.credential.id);
  if (!same || !signers.every((s) => use?.signers.includes(s.key_id))) await keepFor(person.id, signers, shown);
}

/** @param {string} person */
const undone = async (person) => (await within(ward, 'readonly', (s) => s.get(`undone ${person}`))) !== undefined;

/** Deletes the way in and the list from this device, and remembers that this was wished. @param {string} person */
export const undo = (person) => within(ward, 'readwrite', (s) => {
  s.delete(`list ${person}`);
  s.delete(`use ${person}`);
  return s.put(true, `undone ${person}`);
});
