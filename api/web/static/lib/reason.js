// @ts-check
// Asks for a reason in the page's one reason dialog.

import { need, show } from './dom.js';

/**
 * @param {{ title: string, text: string, ok: string, choices?: string[] }} words choices are reasons often given: one press writes it
 * @returns {Promise<string | null>} the reason, or null when the person cancelled
 */
export function askReason(words) {
  const dialog = need('reason', HTMLDialogElement);
  const input = need('reason-input', HTMLTextAreaElement);
  const error = need('reason-error', HTMLElement);
  const ok = dialog.querySelector('[data-ok]');
  need('reason-title', HTMLElement).textContent = words.title;
  need('reason-text', HTMLElement).textContent = words.text;
  if (ok) ok.textContent = words.ok;
  input.value = '';
  offer(input, words.choices ?? []);
  error.textContent = '';
  return new Promise((resolve) => {
    const leave = new AbortController();
    /** @param {string | null} reason */
    const done = (reason) => {
      leave.abort();
      dialog.close();
      resolve(reason);
    };
    const listen = { signal: leave.signal };
    dialog.querySelector('[data-cancel]')?.addEventListener('click', () => done(null), listen);
    dialog.addEventListener('cancel', () => done(null), listen);
    dialog.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      const reason = input.value.trim();
      if (reason.length < 3) {
        error.textContent = 'Please write a reason; it is kept in the log.';
        input.focus();
        return;
      }
      done(reason);
    }, listen);
    dialog.showModal();
    input.focus();
  });
}

/** @param {HTMLTextAreaElement} input @param {string[]} choices */
function offer(input, choices) {
  const group = need('reason-choices', HTMLElement);
  group.replaceChildren(...choices.map((text) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'small quiet';
    button.textContent = text;
    button.addEventListener('click', () => {
      input.value = text;
      input.focus();
    });
    return button;
  }));
  show(group, choices.length > 0);
}
