// @ts-check
import { call } from '../lib/api.js';
import { askSure } from '../lib/confirm.js';
import { busy, need } from '../lib/dom.js';

for (const button of document.querySelectorAll('button[data-disable]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.addEventListener('click', () => busy(button, need('list-error', HTMLElement), async () => {
    const sure = await askSure({
      title: `Disable ${button.dataset.name}?`, ok: 'Disable',
      text: 'Their sessions end at once and photos they hold in review go back to the queue. What they did stays in the log.',
    });
    if (!sure) return;
    await call('POST', button.dataset.disable ?? '');
    location.reload();
  }));
}

const form = need('add', HTMLFormElement);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const button = form.querySelector('button[type="submit"]');
  const errors = need('add-error', HTMLElement);
  if (!(button instanceof HTMLButtonElement)) return;
  void busy(button, errors, async () => {
    const data = new FormData(form);
    const roles = data.getAll('role').map(String);
    const text = (/** @type {string} */ name) => String(data.get(name) ?? '').trim();
    if (!text('name') || !text('login')) throw new Error('Please give a name and a login.');
    if ([...String(data.get('password') ?? '')].length < 12) throw new Error('The first password needs at least 12 characters.');
    if (roles.length === 0) throw new Error('Please choose at least one role.');
    await call('POST', form.dataset.add ?? '', { name: text('name'), login: text('login'), password: String(data.get('password')), roles });
    location.reload();
  });
});
