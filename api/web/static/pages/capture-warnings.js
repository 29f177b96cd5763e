// @ts-check
// What the checks see, as words beside the picture: each says what to do, and each can be overruled. Nothing is stopped.

import { fill, stamp } from '../lib/dom.js';
import { t } from '../lib/words.js';

/** @import { Warning } from './capture-shots.js' */
/** @typedef {(code: string) => { title: string, todo: string }} Words */

/** The most warnings at a time: more than can be read is noise, and covers the picture. */
const most = 2;

/** @type {Words | null} */
let words = null;

/** @returns {Promise<Words | null>} null where this build has no checks */
export async function warningWords() {
  try {
    words ??= /** @type {Words} */ ((await import('../capture/checks-words.js')).warningWords);
  } catch {
    words = null;
  }
  return words;
}

/**
 * The warnings that are still open: each code once, in the order they came.
 * @param {Warning[]} warnings @param {string[]} overruled
 * @returns {Warning[]}
 */
export function open(warnings, overruled) {
  const seen = new Set(overruled);
  return warnings.filter((w) => !seen.has(w.code) && seen.add(w.code)).slice(0, most);
}

/** What the person answers to a warning. @param {string} code */
function answerTo(code) {
  if (code === 'face') return t('The face is the lesion');
  return t('Leave as is');
}

/**
 * Shows warnings as a list; nothing moves as long as they stay the same.
 * @param {HTMLElement} list @param {Warning[]} warnings @param {(code: string) => void} overrule
 */
export function showWarnings(list, warnings, overrule) {
  const key = warnings.map((w) => w.code).join(' ');
  if (list.dataset.codes === key) return;
  list.dataset.codes = key;
  list.replaceChildren(...warnings.map((w) => {
    const row = stamp('warning-row');
    row.dataset.code = w.code;
    const said = words?.(w.code);
    fill(row, { title: said?.title ?? w.code, todo: said?.todo ?? '' });
    const button = row.querySelector('[data-act="overrule"]');
    if (button) button.textContent = answerTo(w.code);
    button?.addEventListener('click', () => overrule(w.code));
    return row;
  }));
}
