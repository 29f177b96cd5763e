// @ts-check
// The side of the review room: the list of boxes, the facts, the messages.

import { fill, need, show, stamp } from '../lib/dom.js';
import { localTime } from '../lib/time.js';
import { about, chosen, kindNames } from '../review/boxes.js';
import { help } from '../review/keys.js';

/** @typedef {import('../review/boxes.js').State} State */

/**
 * @param {State} state
 * @param {{ pick: (key: string) => void, drop: (key: string) => void }} acts
 */
export function drawRegions(state, acts) {
  const list = need('regions', HTMLUListElement);
  const held = document.activeElement?.closest('[data-key]')?.getAttribute('data-key');
  const part = document.activeElement?.className ?? '';
  list.replaceChildren(...state.regions.map((r, i) => {
    const row = stamp('region-row');
    const name = `${kindNames[r.kind]} ${i + 1}`;
    row.dataset.key = r.key;
    row.classList.toggle('selected', r.key === state.selected);
    row.querySelector('.swatch')?.classList.add(`kind-${r.kind}`);
    fill(row, { name, about: about(r) });
    const pick = row.querySelector('.pick');
    pick?.setAttribute('aria-pressed', String(r.key === state.selected));
    pick?.addEventListener('click', () => acts.pick(r.key));
    const drop = row.querySelector('.drop');
    drop?.setAttribute('aria-label', `Remove ${name}`);
    drop?.addEventListener('click', () => acts.drop(r.key));
    return row;
  }));
  if (held && list.contains(document.activeElement) === false && /pick|drop/.test(part)) {
    const same = list.querySelector(`[data-key="${held}"] .pick`) ?? list.querySelector('.pick');
    if (same instanceof HTMLElement) same.focus();
  }
  show(need('regions-none', HTMLElement), state.regions.length === 0);
  const now = chosen(state);
  show(need('adjust', HTMLElement), now !== undefined);
  for (const button of need('adjust', HTMLElement).querySelectorAll('[data-command^="kind:"]')) {
    button.setAttribute('aria-pressed', String(button.getAttribute('data-command') === `kind:${now?.kind}`));
  }
}

/** @param {any} photo */
export function drawFacts(photo) {
  const side = photo.laterality ? `, ${photo.laterality}` : '';
  need('fact-site', HTMLElement).textContent = `${String(photo.body_site ?? '').replace(/[_-]/g, ' ')}${side}` || 'not said';
  need('fact-taken', HTMLElement).textContent = localTime(photo.taken_at);
  need('fact-consent', HTMLElement).textContent = consentText(photo.consent);
  const proposed = (photo.regions ?? []).some((/** @type {any} */ r) => r.source !== 'person');
  show(need('nothing', HTMLElement), !proposed);
}

/** @param {any} consent */
export function consentText(consent) {
  const uses = ['record', 'teaching', 'publication'].filter((use) => consent?.[use]);
  return uses.length ? uses.join(', ') : 'none';
}

/** @param {string} text */
export function complain(text) {
  const node = need('review-error', HTMLElement);
  node.textContent = text;
  show(node, text !== '');
}

/**
 * Says what happened last, with the way back when there is one.
 * @param {string} text
 * @param {boolean} reopen
 */
export function drawLast(text, reopen) {
  need('last-text', HTMLElement).textContent = text;
  show(need('reopen', HTMLElement), reopen);
  show(need('last', HTMLElement), text !== '');
}

/** Fills the help from the one table of keys. */
export function drawHelp() {
  const rows = help.flatMap(({ keys, does }) => {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    for (const key of keys) {
      const kbd = document.createElement('kbd');
      kbd.textContent = key;
      dt.append(kbd);
    }
    dd.textContent = does;
    return [dt, dd];
  });
  need('keys', HTMLElement).replaceChildren(...rows);
}
