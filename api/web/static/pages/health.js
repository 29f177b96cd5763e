// @ts-check
import { call } from '../lib/api.js';
import { busy, need } from '../lib/dom.js';

for (const button of document.querySelectorAll('button[data-retry]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.addEventListener('click', () => busy(button, need('health-error', HTMLElement), async () => {
    await call('POST', button.dataset.retry ?? '');
    location.reload();
  }));
}
