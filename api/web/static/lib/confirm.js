// @ts-check
// Asks a yes-or-no question in the page's one confirm dialog.

import { need } from './dom.js';

/**
 * @param {{ title: string, text: string, ok: string }} words
 * @returns {Promise<boolean>}
 */
export function askSure(words) {
  const dialog = need('confirm', HTMLDialogElement);
  need('confirm-title', HTMLElement).textContent = words.title;
  need('confirm-text', HTMLElement).textContent = words.text;
  const ok = dialog.querySelector('[data-ok]');
  const cancel = dialog.querySelector('[data-cancel]');
  if (ok) ok.textContent = words.ok;
  return new Promise((resolve) => {
    const leave = new AbortController();
    /** @param {boolean} yes */
    const done = (yes) => {
      leave.abort();
      dialog.close();
      resolve(yes);
    };
    const listen = { signal: leave.signal };
    ok?.addEventListener('click', () => done(true), listen);
    cancel?.addEventListener('click', () => done(false), listen);
    dialog.addEventListener('cancel', () => done(false), listen);
    dialog.showModal();
    if (cancel instanceof HTMLElement) cancel.focus();
  });
}
