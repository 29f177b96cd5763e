// @ts-check
// One photo: uncovering it, with a reason, for as long as the page is looked at.

import { picture } from '../lib/api.js';
import { busy, fill, need, say, show } from '../lib/dom.js';
import { wireActs } from '../lib/form.js';
import { bornDay, countText } from '../lib/patientlist.js';
import { searchAsTyped } from '../lib/patients.js';
import { wireLink } from '../lib/link.js';
import { askReason } from '../lib/reason.js';

/** @typedef {import('../lib/patients.js').Patient} Patient */

wireActs();
wireLink();

const card = document.getElementById('reveal');
const shown = document.getElementById('picture');
if (card && shown instanceof HTMLImageElement) wire(card, shown);

/** @param {HTMLElement} root @param {HTMLImageElement} img */
function wire(root, img) {
  const covered = img.src;
  const words = img.alt;
  const uncover = need('reveal-button', HTMLButtonElement);
  const cover = need('cover-button', HTMLButtonElement);
  let url = '';
  const back = () => {
    if (!url) return;
    img.src = covered;
    img.alt = words;
    URL.revokeObjectURL(url);
    url = '';
    show(uncover, true);
    show(cover, false);
  };
  uncover.addEventListener('click', () => busy(uncover, need('reveal-error', HTMLElement), async () => {
    const reason = await askReason({
      title: 'Why do you need to see it uncovered?',
      text: 'For example: “comparing the scar before surgery”. The reason is kept in the log.',
      ok: 'Uncover',
    });
    if (!reason) return;
    url = await picture(root.dataset.reveal ?? '', { method: 'POST', body: { reason } });
    img.src = url;
    img.alt = 'The photo as it was taken, uncovered';
    show(uncover, false);
    show(cover, true);
    cover.focus();
    say('The photo is uncovered.');
  }));
  cover.addEventListener('click', () => {
    back();
    uncover.focus();
    say('The photo is covered again.');
  });
  document.addEventListener('visibilitychange', () => document.hidden && back());
  window.addEventListener('pagehide', back);
}

// Whose photo it is, when it is not this patient's.

const chooser = document.getElementById('chooser');
if (chooser) choose(chooser);

/** @param {HTMLElement} root */
function choose(root) {
  const query = need('right-query', HTMLInputElement);
  const results = need('right-results', HTMLUListElement);
  const chosen = need('right-chosen', HTMLElement);
  const count = need('right-count', HTMLElement);
  const form = root.closest('form');
  const field = form?.elements.namedItem('to');
  if (!form || !(field instanceof HTMLInputElement)) return;
  /** @param {Patient | null} p */
  const take = (p) => {
    field.value = p?.id ?? '';
    show(chosen, p !== null);
    show(query, p === null);
    results.replaceChildren();
    count.textContent = '';
    if (p) fill(chosen, { name: p.name, number: p.record_number, born: bornDay(p.birth_date) });
  };
  searchAsTyped(query, root.dataset.search ?? '', (found, words) => {
    if (!words.trim()) return take(null);
    results.replaceChildren(...found.slice(0, 8).map((p) => {
      const row = document.createElement('li');
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'list-link';
      button.textContent = `${p.name}, number ${p.record_number}, born ${bornDay(p.birth_date)}`;
      button.addEventListener('click', () => take(p));
      row.append(button);
      return row;
    }));
    count.textContent = countText(found.length, words);
  }, (told) => {
    count.textContent = told;
  });
  need('right-clear', HTMLButtonElement).addEventListener('click', () => {
    take(null);
    query.value = '';
    query.focus();
  });
  form.addEventListener('reset', () => take(null));
}
