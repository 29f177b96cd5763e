// @ts-check
// A link to a photo for a colleague: it goes to the clipboard, and is shown once where there is no clipboard.

import { call } from './api.js';
import { busy, need, say, show } from './dom.js';

/** Wires the button of a photo's page, where there is one. */
export function wireLink() {
  const button = document.getElementById('link-button');
  if (!(button instanceof HTMLButtonElement)) return;
  button.addEventListener('click', () => busy(button, need('link-error', HTMLElement), async () => {
    const made = await call('POST', button.dataset.link ?? '');
    const url = new URL(made.path, location.origin).href;
    const field = need('link-url', HTMLInputElement);
    field.value = url;
    show(field.closest('[hidden]'), true);
    const copied = await navigator.clipboard?.writeText(url).then(() => true, () => false);
    field.focus();
    field.select();
    need('link-state', HTMLElement).textContent = copied ? 'Copied.' : 'Copy it from here.';
    say(copied ? 'The link is copied.' : 'The link is ready to be copied.');
  }));
}
