// @ts-check
import { call } from '../lib/api.js';
import { askSure } from '../lib/confirm.js';
import { busy, need, show } from '../lib/dom.js';
import { passwordGap } from '../lib/password.js';

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

// A new password: for who forgot theirs, and for who is locked out.

const dialog = need('password', HTMLDialogElement);
const words = need('password-form', HTMLFormElement);
const target = { url: '', name: '', self: false };

for (const button of document.querySelectorAll('button[data-password]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.addEventListener('click', () => {
    Object.assign(target, { url: button.dataset.password ?? '', name: button.dataset.name ?? '', self: button.hasAttribute('data-self') });
    words.reset();
    need('password-error', HTMLElement).textContent = '';
    need('password-title', HTMLElement).textContent = target.self ? 'A new password for you' : `A new password for ${target.name}`;
    need('password-text', HTMLElement).textContent = target.self
      ? 'All your sessions end, this one too; sign in again with the new password.'
      : 'Their sessions end at once, and a lock after wrong passwords is lifted. Tell them the password in person.';
    dialog.showModal();
  });
}

need('password-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => words.reset());
words.addEventListener('submit', (event) => {
  event.preventDefault();
  const button = words.querySelector('button[type="submit"]');
  if (!(button instanceof HTMLButtonElement)) return;
  void busy(button, need('password-error', HTMLElement), async () => {
    const data = new FormData(words);
    const gap = passwordGap(String(data.get('password') ?? ''), String(data.get('again') ?? ''));
    if (gap) throw new Error(gap);
    await call('POST', target.url, { password: String(data.get('password')) });
    dialog.close();
    if (target.self) return location.reload();
    const done = need('list-done', HTMLElement);
    done.textContent = `${target.name} has a new password and is signed out everywhere.`;
    show(done, true);
  });
});

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
    const gap = passwordGap(String(data.get('password') ?? ''));
    if (gap) throw new Error(gap);
    if (roles.length === 0) throw new Error('Please choose at least one role.');
    await call('POST', form.dataset.add ?? '', { name: text('name'), login: text('login'), password: String(data.get('password')), roles });
    location.reload();
  });
});
