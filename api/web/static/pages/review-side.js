// @ts-check
// The side of the review room: the list of boxes, the facts, the messages.

import { fill, need, show, stamp } from '../lib/dom.js';
import { localTime } from '../lib/time.js';
import { about, chosen, faint, kindLetters, kindNames, nothing, second, tooltip } from '../review/boxes.js';
import { help } from '../review/keys.js';

/** @typedef {import('../review/boxes.js').State} State */

/** @typedef {import('../review/boxes.js').Region} Region */
/**
 * @typedef {object} Acts
 * @property {(key: string) => void} pick
 * @property {(key: string) => void} drop
 * @property {(key: string) => void} take accepts a faint region
 */

/** @param {State} state @param {Acts} acts */
export function drawRegions(state, acts) {
  const lists = [need('regions', HTMLUListElement), need('faint-regions', HTMLUListElement)];
  const held = document.activeElement?.closest('[data-key]')?.getAttribute('data-key');
  const part = document.activeElement?.className ?? '';
  for (const list of lists) {
    const faint = list === lists[1];
    list.replaceChildren(...state.regions.flatMap((r, i) => (r.faint === faint ? [row(r, i, r.key === state.selected, acts)] : [])));
  }
  if (held && !lists.some((list) => list.contains(document.activeElement)) && /pick|drop|take/.test(part)) {
    const same = document.querySelector(`.region[data-key="${held}"] .pick`) ?? document.querySelector('.region .pick');
    if (same instanceof HTMLElement) same.focus();
  }
  const unsure = faint(state).length;
  show(need('regions-none', HTMLElement), unsure === state.regions.length);
  show(need('faint', HTMLElement), unsure > 0);
  need('faint-title', HTMLElement).textContent = `Faint: ${unsure} not covered`;
  const now = chosen(state);
  show(need('adjust', HTMLElement), now !== undefined);
  for (const button of need('adjust', HTMLElement).querySelectorAll('[data-command^="kind:"]')) {
    button.setAttribute('aria-pressed', String(button.getAttribute('data-command') === `kind:${now?.kind}`));
  }
}

/** @param {Region} r @param {number} index @param {boolean} selected @param {Acts} acts */
function row(r, index, selected, acts) {
  const out = stamp(r.faint ? 'faint-row' : 'region-row');
  const name = `${kindNames[r.kind]} ${index + 1}`;
  out.dataset.key = r.key;
  out.title = tooltip(r);
  out.classList.toggle('selected', selected);
  out.querySelector('.swatch')?.classList.add(`kind-${r.kind}`);
  fill(out, { name, about: about(r), letter: kindLetters[r.kind] });
  const pick = out.querySelector('.pick');
  pick?.setAttribute('aria-pressed', String(selected));
  /** @type {[string, string, (key: string) => void][]} */
  const buttons = [['.pick', '', acts.pick], ['.drop', `Remove ${name}`, acts.drop], ['.take', `Cover ${name}`, acts.take]];
  for (const [part, label, act] of buttons) {
    const button = out.querySelector(part);
    if (label) button?.setAttribute('aria-label', label);
    button?.addEventListener('click', () => act(r.key));
  }
  return out;
}

/** @param {any} photo */
export function drawFacts(photo) {
  const side = photo.laterality ? `, ${photo.laterality}` : '';
  need('fact-site', HTMLElement).textContent = `${String(photo.body_site ?? '').replace(/[_-]/g, ' ')}${side}` || 'not said';
  need('fact-taken', HTMLElement).textContent = localTime(photo.taken_at);
  need('fact-consent', HTMLElement).textContent = consentText(photo.consent);
  const overruled = (photo.measures?.overruled ?? []).join(', '); // warnings before the shutter
  for (const id of ['overruled', 'fact-overruled']) show(need(id, HTMLElement), overruled !== '');
  need('fact-overruled', HTMLElement).textContent = overruled;
  const words = nothing(photo.regions);
  need('nothing-what', HTMLElement).textContent = words;
  show(need('nothing', HTMLElement), words !== '');
  show(need('opinion', HTMLElement), !second(photo.detectors));
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
