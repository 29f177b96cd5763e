// @ts-check
// The dialog in which a body site is found: by its name, or by where it is on a figure.

import { need, show } from '../lib/dom.js';
import { t } from '../lib/words.js';
import { figure } from '../capture/figure.js';
import { chips, choicesOf } from './capture-sites.js';

/** @import { Choice, Site } from './capture-sites.js' */
/** @import { View, Zone } from '../capture/figure.js' */

/** @type {Site[]} */
let sites = [];
/** @type {(c: Choice) => void} */
let chosen = () => {};
let wired = false;

const dialog = () => need('site-dialog', HTMLDialogElement);

/** @param {Zone} zone in the reader's words */
function nameOf(zone) {
  if (!zone.side) return zone.name;
  return `${zone.name}, ${zone.side === 'left' ? t('left') : t('right')}`;
}

/** @param {Choice} choice */
function done(choice) {
  dialog().close();
  chosen(choice);
}

/** @param {Choice[]} choices @param {string} title */
function offer(choices, title) {
  const head = need('zone-title', HTMLElement);
  head.textContent = title;
  show(head, title !== '');
  const box = need('zone-sites', HTMLElement);
  box.replaceChildren(...chips(choices, sites, done));
  if (title) box.scrollIntoView({ block: 'nearest' });
}

/** @param {Zone} zone */
function offerZone(zone) {
  const inside = zone.sites.map((code) => sites.find((s) => s.code === code)).filter((s) => s !== undefined);
  offer(inside.flatMap((s) => (zone.side ? [{ site: s.code, side: s.sided ? zone.side : '' }] : choicesOf(s, true))), nameOf(zone));
}

/** @param {View} view */
function draw(view) {
  const picture = figure(view, nameOf, offerZone);
  need('figure', HTMLElement).replaceChildren(picture);
  for (const button of dialog().querySelectorAll('[data-view]')) button.setAttribute('aria-pressed', String(button.getAttribute('data-view') === view));
  offer([], '');
}

function search() {
  const words = need('site-search', HTMLInputElement).value.trim().toLocaleLowerCase();
  show(need('figure-part', HTMLElement), words === '');
  const fits = (/** @type {Site} */ s) => [s.label, t(s.label)].some((label) => label.toLocaleLowerCase().includes(words));
  const found = words ? sites.filter(fits) : [];
  offer(found.flatMap((s) => choicesOf(s, true)), words && !found.length ? t('No site of that name. Clear the search to see the figure.') : '');
}

function wire() {
  wired = true;
  need('site-search', HTMLInputElement).addEventListener('input', search);
  need('site-close', HTMLButtonElement).addEventListener('click', () => dialog().close());
  for (const button of dialog().querySelectorAll('[data-view]')) {
    button.addEventListener('click', () => draw(button.getAttribute('data-view') === 'back' ? 'back' : 'front'));
  }
}

/**
 * Lets the person find a site.
 * @param {Site[]} all @param {(c: Choice) => void} act with what was chosen; not called when it was closed
 */
export function openFigure(all, act) {
  sites = all;
  chosen = act;
  if (!wired) wire();
  need('site-search', HTMLInputElement).value = '';
  show(need('figure-part', HTMLElement), true);
  draw('front');
  dialog().showModal();
  need('site-title', HTMLElement).focus();
}
