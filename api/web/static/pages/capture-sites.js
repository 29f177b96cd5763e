// @ts-check
// Body sites: all that there are, those this person used last, and their words. What is kept on the device is codes of
// sites alone, never of whom.

import { t } from '../lib/words.js';
import { need } from '../lib/dom.js';

/** @typedef {{ code: string, label: string, sided: boolean }} Site */
/** @typedef {{ site: string, side: string }} Choice */

/** How many sites are one tap away. */
const near = 4;

/** What is offered before anything was used: where wounds and rashes are photographed most. */
const usual = ['sacrum', 'heel', 'lower-leg', 'abdomen', 'foot', 'hand'];

/** @returns {Site[]} of the page, from head to foot */
export function allSites() {
  const options = need('site-list', HTMLTemplateElement).content.querySelectorAll('option');
  return [...options].map((o) => ({ code: o.value, label: o.textContent ?? '', sided: o.dataset.sided === 'true' }));
}

/**
 * The codes to offer first: last used first, then the usual ones. Pure.
 * @param {string[]} used last used first @param {string[]} known
 */
export function nearest(used, known) {
  return [...new Set([...used, ...usual])].filter((code) => known.includes(code)).slice(0, near);
}

/**
 * The codes after one more use. Pure.
 * @param {string[]} used @param {string} code
 */
export function after(used, code) {
  return [code, ...used.filter((c) => c !== code)].slice(0, near);
}

const keyOf = (/** @type {string} */ person) => `clinivault-sites ${person}`;

/** @param {string} person @returns {string[]} last used first */
export function usedBy(person) {
  try {
    const list = JSON.parse(localStorage.getItem(keyOf(person)) ?? '[]');
    return Array.isArray(list) ? list.filter((c) => typeof c === 'string') : [];
  } catch {
    return []; // storage is off: the usual ones are offered
  }
}

/** @param {string} person @param {string} code */
export function remember(person, code) {
  try {
    localStorage.setItem(keyOf(person), JSON.stringify(after(usedBy(person), code)));
  } catch {
    // The next time it is not offered first.
  }
}

/** The sides of a sided site. @returns {[string, string][]} */
const sides = () => [['left', t('left')], ['right', t('right')], ['bilateral', t('both')]];

/**
 * @param {Site | undefined} site @param {string} side
 * @returns {string} for example "Hand, left"
 */
export function siteText(site, side) {
  if (!site) return '';
  const word = sides().find(([code]) => code === side)?.[1];
  return word ? `${t(site.label)}, ${word}` : t(site.label);
}

/**
 * A site as what one tap can choose: each side for itself.
 * @param {Site} site @param {boolean} [both] also both sides at once
 * @returns {Choice[]}
 */
export function choicesOf(site, both = false) {
  if (!site.sided) return [{ site: site.code, side: '' }];
  return sides().filter(([code]) => both || code !== 'bilateral').map(([code]) => ({ site: site.code, side: code }));
}

/**
 * A button for each choice.
 * @param {Choice[]} choices @param {Site[]} sites @param {(c: Choice) => void} chosen
 * @returns {HTMLButtonElement[]}
 */
export function chips(choices, sites, chosen) {
  return choices.map((c) => {
    const chip = document.createElement('button');
    chip.type = 'button';
    chip.className = 'chip-button';
    chip.dataset.site = c.site;
    chip.dataset.side = c.side;
    chip.setAttribute('aria-pressed', 'false');
    chip.textContent = siteText(sites.find((s) => s.code === c.site), c.side);
    chip.addEventListener('click', () => chosen(c));
    return chip;
  });
}
