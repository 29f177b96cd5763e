// @ts-check
// Asks a yes-or-no question in the page's one confirm dialog.

import { need, show } from './dom.js';

/**
 * @param {{ title: string, text: string, ok: string, typed?: string }} words typed: what has to be written before yes counts
 * @returns {Promise<boolean>}
 */
export function askSure(words) {
  const dialog = need('confirm', HTMLDialogElement);
  need('confirm-title', HTMLElement).textContent = words.title;
  need('confirm-text', HTMLElement).textContent = words.text;
  const ok = dialog.querySelector('[data-ok]');
  const cancel = dialog.querySelector('[data-cancel]');
  if (ok) ok.textContent = words.ok;
  const input = askTyped(words.typed ?? '');
  return new Promise((resolve) => {
    const leave = new AbortController();
    /** @param {boolean} yes */
    const done = (yes) => {
      leave.abort();
      dialog.close();
      resolve(yes);
    };
    const listen = { signal: leave.signal };
    const yes = () => {
      if (!words.typed || (input && same(input.value, words.typed))) return done(true);
      need('confirm-error', HTMLElement).textContent = `Please type ${words.typed} exactly, or cancel.`;
      input?.focus();
    };
    ok?.addEventListener('click', yes, listen);
    dialog.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      yes();
    }, listen);
    cancel?.addEventListener('click', () => done(false), listen);
    dialog.addEventListener('cancel', () => done(false), listen);
    dialog.showModal();
    if (input && words.typed) input.focus();
    else if (cancel instanceof HTMLElement) cancel.focus();
  });
}

/** Whether what was typed is what was asked for, but for spaces around it. Pure. @param {string} got @param {string} want */
export const same = (got, want) => got.trim() === want.trim() && want.trim() !== '';

/** Shows the field in which a text has to be typed, in a dialog that has one. @param {string} text @returns {HTMLInputElement | null} */
function askTyped(text) {
  const input = document.getElementById('confirm-typed');
  if (!(input instanceof HTMLInputElement)) return null;
  input.value = '';
  show(need('confirm-typing', HTMLElement), text !== '');
  need('confirm-word', HTMLElement).textContent = text;
  need('confirm-error', HTMLElement).textContent = '';
  return input;
}
