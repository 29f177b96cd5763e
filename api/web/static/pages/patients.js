// @ts-check
import { need } from '../lib/dom.js';
import { countText, patientLink } from '../lib/patientlist.js';
import { searchAsTyped } from '../lib/patients.js';

const input = document.getElementById('search');
if (input instanceof HTMLInputElement) {
  const list = need('patients', HTMLUListElement);
  const count = need('search-count', HTMLElement);
  searchAsTyped(input, input.dataset.search ?? '', (found, query) => {
    list.replaceChildren(...found.map((p) => patientLink(p, input.dataset.patient)));
    count.textContent = countText(found.length, query);
  }, (told) => {
    count.textContent = told;
  });
}
