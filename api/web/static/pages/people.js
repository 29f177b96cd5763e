// @ts-check
// People, what groups mean, and directories. Codes and tokens are shown once, in a dialog that stays until it is closed.

import { address, call } from '../lib/api.js';
import { askSure } from '../lib/confirm.js';
import { busy, need } from '../lib/dom.js';
import { wireActs } from '../lib/form.js';
import { localTime } from '../lib/time.js';

wireActs();

/** Shows what is shown once. @param {string} title @param {string} text @param {string} value @returns {Promise<void>} when it was taken */
function showOnce(title, text, value) {
  const dialog = need('code', HTMLDialogElement);
  need('code-title', HTMLElement).textContent = title;
  need('code-text', HTMLElement).textContent = text;
  need('code-value', HTMLElement).textContent = value;
  dialog.showModal();
  need('code-value', HTMLElement).focus();
  return new Promise((resolve) => {
    const leave = new AbortController();
    need('code-done', HTMLButtonElement).addEventListener('click', () => dialog.close(), { signal: leave.signal });
    dialog.addEventListener('cancel', (event) => event.preventDefault(), { signal: leave.signal }); // Escape would lose it
    dialog.addEventListener('close', () => {
      leave.abort();
      need('code-value', HTMLElement).textContent = '';
      resolve();
    }, { signal: leave.signal });
  });
}

/** @param {string} name @param {{ code: string, expires_at: string }} answer */
const showCode = (name, answer) => showOnce(`A code for ${name}`,
  `Give it to ${name} in person. It is good once, until ${localTime(answer.expires_at)}, on the page ${location.origin}/sign-in/enrol.`, answer.code);

/**
 * Does what a form says when it is sent.
 * @param {HTMLFormElement} form
 * @param {(data: FormData, text: (name: string) => string) => Promise<void>} act
 */
function onSend(form, act) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = form.querySelector('button[type="submit"]');
    if (!(button instanceof HTMLButtonElement)) return;
    void busy(button, form.querySelector('.error-text'), async () => {
      const data = new FormData(form);
      await act(data, (name) => String(data.get(name) ?? '').trim());
    });
  });
}

/** @param {string} selector @returns {HTMLFormElement[]} */
const forms = (selector) => [...document.querySelectorAll(selector)].filter((f) => f instanceof HTMLFormElement);

for (const form of forms('form[data-add]')) {
  onSend(form, async (data, text) => {
    const roles = data.getAll('role').map(String);
    if (!text('name') || !text('login')) throw new Error('Please give a name and a login.');
    if (roles.length === 0) throw new Error('Please choose at least one role.');
    await call('POST', form.dataset.add ?? '', { name: text('name'), login: text('login'), password: '', roles });
    const code = await call('POST', address(form.dataset.reset ?? '', { login: text('login') }));
    await showCode(text('name'), code);
    location.reload();
  });
}

for (const form of forms('form[data-roles]')) {
  onSend(form, async (data) => {
    await call('POST', form.dataset.roles ?? '', { roles: data.getAll('role').map(String) });
    location.reload();
  });
}

for (const button of document.querySelectorAll('button[data-reset]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  const name = button.dataset.name ?? '';
  button.addEventListener('click', () => busy(button, need('page-error', HTMLElement), async () => {
    const sure = await askSure({
      title: `Start anew with ${name}?`, ok: 'Make a code',
      text: 'Their password, passkeys and codes end to work and they are signed out everywhere. Only go on if you know that it is them who ask.',
    });
    if (!sure) return;
    await showCode(name, await call('POST', button.dataset.reset ?? ''));
  }));
}

// Groups.

for (const form of forms('form[data-group]')) {
  onSend(form, async (data, text) => {
    if (!text('name')) throw new Error('Please give the name of the group.');
    await call('POST', form.dataset.group ?? '', { name: text('name'), roles: data.getAll('role').map(String), team: text('team') });
    location.reload();
  });
}

for (const button of document.querySelectorAll('button[data-group]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.addEventListener('click', () => {
    const form = need('group', HTMLFormElement);
    const held = (button.dataset.held ?? '').split(',');
    for (const box of form.querySelectorAll('input[name="role"]')) if (box instanceof HTMLInputElement) box.checked = held.includes(box.value);
    need('group-name', HTMLInputElement).value = button.dataset.group ?? '';
    need('group-team', HTMLInputElement).value = button.dataset.team ?? '';
    need('group-name', HTMLInputElement).focus();
  });
}

for (const button of document.querySelectorAll('button[data-drop]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.addEventListener('click', () => busy(button, need('page-error', HTMLElement), async () => {
    const sure = await askSure({
      title: `${button.dataset.name} means nothing?`, ok: 'Mean nothing',
      text: 'Whoever held a role or a team because of it loses that at once and is signed out.',
    });
    if (!sure) return;
    await call('POST', button.dataset.drop ?? '', { name: button.dataset.name });
    location.reload();
  }));
}

for (const form of forms('form[data-client]')) {
  onSend(form, async (_, text) => {
    if (!text('name')) throw new Error('Please give the directory a name.');
    const made = await call('POST', form.dataset.client ?? '', { name: text('name') });
    await showOnce(`The token of ${text('name')}`, `Give it to the directory, with the address ${location.origin}/scim/v2. It is shown this once.`, made.token);
    location.reload();
  });
}
