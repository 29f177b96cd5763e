// @ts-check
// The sign-in form, on its own page and inside the capture page.

import { Problem, call } from './api.js';
import { sentence } from './dom.js';
import { signInSentence } from './next.js';

/**
 * @param {HTMLFormElement} form with fields login and password
 * @param {Element} errors
 * @param {(person: { id: string, name: string, roles: string[] }) => void} done
 */
export function wireSignIn(form, errors, done) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const login = /** @type {HTMLInputElement} */ (form.elements.namedItem('login'));
    const password = /** @type {HTMLInputElement} */ (form.elements.namedItem('password'));
    const button = form.querySelector('button[type="submit"]');
    errors.textContent = '';
    if (!login.value.trim() || !password.value) {
      errors.textContent = 'Please give your login and your password.';
      (login.value.trim() ? password : login).focus();
      return;
    }
    if (button instanceof HTMLButtonElement) button.disabled = true;
    try {
      const url = document.body.dataset.session ?? '';
      const answer = await call('POST', url, { login: login.value.trim(), password: password.value });
      password.value = '';
      done(answer.person);
    } catch (err) {
      errors.textContent = err instanceof Problem ? signInSentence(err) : sentence(err);
      password.value = '';
      password.focus();
    } finally {
      if (button instanceof HTMLButtonElement) button.disabled = false;
    }
  });
}
