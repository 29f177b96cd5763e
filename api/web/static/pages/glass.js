// @ts-check
// The banner of a broken glass: how long it stays open, and the way to end it. When the time is over the page goes.

import { call } from '../lib/api.js';
import { busy } from '../lib/dom.js';
import { leftText } from '../lib/time.js';

const banner = document.querySelector('[data-glass]');
if (banner instanceof HTMLElement) wire(banner, Date.parse(banner.dataset.glass ?? ''));

/** @param {HTMLElement} root @param {number} until */
function wire(root, until) {
  const left = root.querySelector('[data-part="left"]');
  const end = root.querySelector('button[data-end]');
  const tick = () => {
    const text = leftText(until - Date.now());
    if (text === '') {
      document.getElementById('main')?.replaceChildren(root);
      location.reload();
      return;
    }
    if (left) left.textContent = text;
    setTimeout(tick, 1000);
  };
  tick();
  if (end instanceof HTMLButtonElement) {
    end.addEventListener('click', () => busy(end, root.querySelector('.error-text'), async () => {
      await call('POST', end.dataset.end ?? '');
      location.assign(end.dataset.to ?? '/');
    }));
  }
}
