// @ts-check
import { call } from '../lib/api.js';
import { need } from '../lib/dom.js';
import { safeNext } from '../lib/next.js';
import { passwordGap } from '../lib/password.js';
import { refusalOf, settle } from '../lib/sign-in.js';

const form = need('enrolment', HTMLFormElement);
const error = need('enrolment-error', HTMLElement);

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? '');
  const button = form.querySelector('button[type="submit"]');
  error.textContent = text('login').trim() && text('code').trim() ? passwordGap(text('password'), text('again')) : 'Please give your login and the code.';
  if (error.textContent || !(button instanceof HTMLButtonElement)) return;
  button.disabled = true;
  try {
    await call('POST', form.dataset.enrol ?? '', { login: text('login').trim(), code: text('code').trim(), password: text('password') });
    await settle();
    location.replace(safeNext(form.dataset.next, location.origin));
  } catch (err) {
    error.textContent = refusalOf(err);
  } finally {
    button.disabled = false;
  }
});
