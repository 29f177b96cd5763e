// @ts-check
// Searching patients. The words go in the body of a POST, never into an address.

import { address, call } from './api.js';
import { fill, need, sentence, stamp } from './dom.js';

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

/** @param {Patient} p @returns {HTMLElement} a copy of the page's patient row */
export function patientRow(p) {
  const row = stamp('patient-row');
  fill(row, { name: p.name, born: p.birth_date, number: p.record_number });
  return row;
}

/** @param {Patient} p @param {string | undefined} pattern @returns {HTMLElement} */
export function patientLink(p, pattern) {
  const row = patientRow(p);
  row.querySelector('[data-part="link"]')?.setAttribute('href', address(pattern, { id: p.id }));
  return row;
}

/** @param {number} n @param {string} query */
export function countText(n, query) {
  if (n === 0) return query.trim() ? 'No patient found. Only patients you may see are searched.' : 'There is no patient here for you just now.';
  if (n >= 50) return 'The first 50 patients. Type more to narrow the list.';
  return n === 1 ? '1 patient' : `${n} patients`;
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

/** Wires the page's search for a patient, whose results lead on; a page without one is left alone. */
export function wireSearch() {
  const form = document.getElementById('patient-search');
  if (!(form instanceof HTMLFormElement)) return;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const count = need('patient-count', HTMLElement);
    const list = need('patient-results', HTMLUListElement);
    const query = need('patient-query', HTMLInputElement).value;
    try {
      const found = await findPatients(form.dataset.search ?? '', query);
      list.replaceChildren(...found.map((p) => patientLink(p, form.dataset.patient)));
      count.textContent = countText(found.length, query);
    } catch (err) {
      list.replaceChildren();
      count.textContent = sentence(err);
    }
  });
}
