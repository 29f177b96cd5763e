// @ts-check
// Who may do what: asks the vault and shows its answer in its own sentences.

import { call } from '../lib/api.js';
import { busy, need, show } from '../lib/dom.js';
import { wireActs } from '../lib/form.js';

/** @typedef {{ person_name: string, allowed: boolean, why: string[], missing: string[], also: string[] }} Answer */

wireActs();

const form = need('explain', HTMLFormElement);
const answer = need('answer', HTMLElement);

form.noValidate = true;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const button = form.querySelector('button[type="submit"]');
  if (!(button instanceof HTMLButtonElement)) return;
  void busy(button, form.querySelector('.error-text'), async () => {
    show(answer, false);
    const said = new FormData(form);
    const text = (/** @type {string} */ name) => String(said.get(name) ?? '').trim();
    if (!text('login') || !text('act')) throw new Error('Please choose a person and an act.');
    tell(await call('POST', form.dataset.explain ?? '', { login: text('login'), act: text('act'), patient: text('patient'), photo: text('photo') }));
  });
});

/** @param {Answer} a */
function tell(a) {
  const verdict = answer.querySelector('[data-part="verdict"]');
  const who = answer.querySelector('[data-part="who"]');
  if (verdict) {
    verdict.textContent = a.allowed ? 'Allowed' : 'Denied';
    verdict.className = a.allowed ? 'pill good' : 'pill bad';
  }
  if (who) who.textContent = a.person_name;
  list('why', a.allowed ? a.why : a.missing);
  list('also', a.also);
  show(answer, true);
  answer.focus();
}

/** @param {string} part @param {string[]} sentences */
function list(part, sentences) {
  answer.querySelector(`[data-part="${part}"]`)?.replaceChildren(...sentences.map((s) => {
    const item = document.createElement('li');
    item.textContent = s;
    return item;
  }));
}
