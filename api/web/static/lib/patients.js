// @ts-check
// Searching patients. The words go in the body of a POST, never into an address.

import { call } from './api.js';
import { sentence } from './dom.js';

/**
 * @typedef {object} Patient
 * @property {string} id
 * @property {string} name
 * @property {string} record_number
 * @property {string} birth_date
 * @property {{ id: string, label: string, started_at: string | null, ended_at: string | null }[] | null} encounters
 */

/**
 * @param {string} url
 * @param {string} query empty: everybody one may see
 * @returns {Promise<Patient[]>}
 */
export async function findPatients(url, query) {
  const answer = await call('POST', url, { q: query.trim() });
  return answer?.patients ?? [];
}

/**
 * Searches while the person types; an older answer never replaces a newer one.
 * @param {HTMLInputElement} input
 * @param {string} url
 * @param {(found: Patient[], query: string) => void} done
 * @param {(told: string, err: unknown) => void} failed
 * @returns {() => void} searches at once
 */
export function searchAsTyped(input, url, done, failed) {
  let turn = 0;
  let timer = 0;
  const search = async () => {
    const mine = ++turn;
    const query = input.value;
    try {
      const found = await findPatients(url, query);
      if (mine === turn) done(found, query);
    } catch (err) {
      if (mine === turn) failed(sentence(err), err);
    }
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = window.setTimeout(search, 250);
  });
  return search;
}

/**
 * The patient that a link to the capture page names behind its #, where no server and no log sees it; '' when none.
 * @param {string} hash of the address
 */
export const namedPatient = (hash) => /^#patient=([A-Z2-7]{26})$/.exec(hash)?.[1] ?? '';
