// @ts-check
// What the ward list keeps on this device between two openings of the page: sealed bytes, and what is needed to open them
// with a passkey. No name, no number, no key in the clear.

import { within } from '../lib/kept.js';

/** The name of its database. */
export const ward = 'clinivault-ward';

/**
 * @typedef {object} KeptList
 * @property {string} person
 * @property {Uint8Array<ArrayBuffer>} enc
 * @property {Uint8Array<ArrayBuffer>} sealed to the key of offline use
 * @property {number} issued by the server's clock, in milliseconds
 * @property {number} expires
 * @property {number} high the latest time at which it was looked at
 */

/**
 * @typedef {object} OfflineUse
 * @property {string} person
 * @property {string} rpID
 * @property {ArrayBuffer[]} credentials IDs of passkeys
 * @property {Uint8Array<ArrayBuffer>} salt that the passkey answers to
 * @property {Uint8Array<ArrayBuffer>} publicKey that lists are sealed to
 * @property {string[]} signers key IDs that its holder trusts
 * @property {Uint8Array<ArrayBuffer>} iv
 * @property {Uint8Array<ArrayBuffer>} wrapped the private key and the signers, sealed under what the passkey answers
 */

/** @param {string} person @returns {Promise<KeptList | undefined>} */
export const keptList = (person) => within(ward, 'readonly', (s) => s.get(`list ${person}`));

/** @param {KeptList} list */
export const keepList = (list) => within(ward, 'readwrite', (s) => s.put(list, `list ${list.person}`));

/** @param {string} person */
export const dropList = (person) => within(ward, 'readwrite', (s) => s.delete(`list ${person}`));

/** Every list of everybody, at sign-out. The ways in by passkey stay; they open nothing then. */
export const dropLists = () => within(ward, 'readwrite', (s) => s.delete(IDBKeyRange.bound('list ', 'list ￿')));

/** @param {string} person @returns {Promise<OfflineUse | undefined>} */
export const offlineUse = (person) => within(ward, 'readonly', (s) => s.get(`use ${person}`));

/**
 * Keeps a way in, instead of the last one and of the list that only that one opens.
 * @param {OfflineUse} use
 * @returns {Promise<boolean>} whether this browser keeps it
 */
export const keepUse = async (use) => (await within(ward, 'readwrite', (s) => {
  s.delete(`list ${use.person}`);
  s.delete(`undone ${use.person}`);
  return s.put(use, `use ${use.person}`);
})) !== undefined;
