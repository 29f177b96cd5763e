// @ts-check
// What waits for a person, and how they are told of it.

import { call } from '../lib/api.js';
import { busy, need, say, sentence, show } from '../lib/dom.js';
import { wireActs } from '../lib/form.js';
import { able, isOn, turnOff, turnOn } from '../lib/push.js';

wireActs();

// Each box is kept as soon as it is changed; a refusal puts it back.
for (const box of document.querySelectorAll('input[data-choice]')) {
  if (!(box instanceof HTMLInputElement)) continue;
  box.addEventListener('change', async () => {
    const row = box.closest('[data-kind]');
    const errors = need('choice-error', HTMLElement);
    if (!(row instanceof HTMLElement)) return;
    const on = (/** @type {string} */ way) => {
      const other = row.querySelector(`input[data-choice="${way}"]`);
      return other instanceof HTMLInputElement ? other.checked : true;
    };
    errors.textContent = '';
    try {
      await call('POST', row.closest('table')?.dataset.choices ?? '', { kind: row.dataset.kind, push: on('push'), mail: on('mail') });
      say('Kept.');
    } catch (err) {
      box.checked = !box.checked;
      errors.textContent = sentence(err);
    }
  });
}

const card = document.getElementById('push');
if (card) void wire(card);

/** @param {HTMLElement} root */
async function wire(root) {
  const on = need('push-on', HTMLButtonElement);
  const state = need('push-state', HTMLElement);
  const errors = need('push-error', HTMLElement);
  on.addEventListener('click', () => busy(on, errors, async () => {
    await turnOn({ key: root.dataset.key ?? '', subscribe: root.dataset.subscribe ?? '' });
    location.reload();
  }));
  for (const button of root.querySelectorAll('button[data-forget]')) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.addEventListener('click', () => busy(button, errors, async () => {
      await call('DELETE', button.dataset.forget ?? '');
      if (root.querySelectorAll('button[data-forget]').length === 1) await turnOff();
      location.reload();
    }));
  }
  if (!able()) {
    state.textContent = 'This browser cannot tell you when Clinivault is closed.';
    return;
  }
  const told = (await isOn()) && root.querySelector('[data-subscription]:not([data-stale])') !== null;
  state.textContent = told ? 'This browser is told, also when Clinivault is closed.' : 'This browser is not told when Clinivault is closed.';
  show(on, !told);
}
