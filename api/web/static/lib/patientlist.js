// @ts-check
// Patients in a list, as the pages for many patients show them; the capture page has its own way.

import { address } from './api.js';
import { fill, need, sentence, stamp } from './dom.js';
import { findPatients } from './patients.js';

/** @import { Patient } from './patients.js' */

/**
 * A day of birth as people write it. Pure.
 * @param {string} born YYYY-MM-DD
 * @returns {string} for example "14 Mar 1951"; what cannot be read stays as it is
 */
export function bornDay(born) {
  const at = new Date(`${born}T12:00:00`);
  if (Number.isNaN(at.getTime())) return born;
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' }).format(at);
}

/** @param {Patient} p @param {string | undefined} pattern @returns {HTMLElement} a copy of the page's patient row */
export function patientLink(p, pattern) {
  const row = stamp('patient-row');
  fill(row, { name: p.name, born: bornDay(p.birth_date), number: p.record_number });
  row.querySelector('[data-part="link"]')?.setAttribute('href', address(pattern, { id: p.id }));
  return row;
}

/** @param {number} n @param {string} query */
export function countText(n, query) {
  if (n === 0) return query.trim() ? 'No patient found. Only patients you may see are searched.' : 'There is no patient here for you just now.';
  if (n >= 50) return 'The first 50 patients. Type more to narrow the list.';
  return n === 1 ? '1 patient' : `${n} patients`;
}

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
