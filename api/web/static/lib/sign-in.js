// @ts-check
// The sign-in form: on its own page, on the lock screen and inside the capture page. A password comes first, then the
// code where one is asked for; whoever has a passkey needs neither.

import { Problem, call } from './api.js';
import { sentence, show } from './dom.js';
import { signInSentence } from './next.js';
import * as passkey from './passkey.js';
import { settleOwed } from './who.js';
import { t } from './words.js';

/** @typedef {{ id: string, name: string, roles: string[] }} Person */
/** @typedef {{ person: Person, ticket?: string, ways?: string[] }} SignedIn */

/** The address of sign-in, and of what belongs to it. @param {string} [part] */
export const door = (part = '') => (document.body.dataset.session ?? '') + part;

/**
 * Ties the new session to this device. A device that cannot keep a key goes without; the server says what it then may do.
 */
export async function settle() {
  try {
    const device = await import('./device.js');
    await device.bind();
  } catch {
    // The server asks for the proof when it needs one, and says so in a sentence.
  }
}

/** Signs out first who did so here while the server was silent: a session that is signed over would live on. */
export async function othersOut() {
  if (await settleOwed()) throw new Error(t('Whoever was here before is being signed out. Try again in a moment.'));
}

/** A sentence for whatever went wrong on the way in. @param {unknown} err */
export function refusalOf(err) {
  return passkey.passkeySentence(err) || (err instanceof Problem ? signInSentence(err) : sentence(err));
}

/** Signs in with a passkey. @returns {Promise<Person>} */
async function withPasskey() {
  const asked = await call('POST', door('/passkey/begin'));
  const credential = await passkey.show(asked.options);
  await othersOut();
  const answer = await call('POST', door('/passkey'), { ticket: asked.ticket, credential });
  await settle();
  return answer.person;
}

/** @param {HTMLFormElement} form @param {string} name @returns {HTMLInputElement} */
const field = (form, name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/**
 * The second step of a form: what is asked for, and what is sent.
 * @param {{ ticket: string, code: string, recovery: string, byRecovery: boolean }} now
 * @returns {{ body: Record<string, string> } | { gap: string, at: 'code' | 'recovery' }} pure
 */
export function secondStep(now) {
  const code = now.code.replace(/\s/g, '');
  if (now.byRecovery) {
    if (!now.recovery.trim()) return { gap: 'Please give one of your recovery codes.', at: 'recovery' };
    return { body: { ticket: now.ticket, code: now.recovery.trim() } };
  }
  if (!/^\d{6}$/.test(code)) return { gap: 'Please give the six digits that your authenticator app shows.', at: 'code' };
  return { body: { ticket: now.ticket, code } };
}

/**
 * @param {HTMLFormElement} form with the fields of the part sign-in-fields
 * @param {Element} errors
 * @param {(person: Person) => void} done
 * @param {() => Promise<Person>} [byPasskey] where a passkey is asked for after the password
 */
export function wireSignIn(form, errors, done, byPasskey = withPasskey) {
  let ticket = '';
  let byRecovery = false;
  const codes = form.querySelector('[data-step="code"]');
  /** @param {boolean} second @param {boolean} [recovery] */
  const turn = (second, recovery = false) => {
    byRecovery = recovery;
    show(form.querySelector('[data-step="password"]'), !second);
    show(codes, second);
    show(form.querySelector('[data-part="code"]'), !recovery);
    show(form.querySelector('[data-part="recovery"]'), recovery);
    const other = form.querySelector('[data-act="recovery"]');
    if (other) other.textContent = recovery ? 'Use the app instead' : 'Use a recovery code instead';
    field(form, second ? (recovery ? 'recovery' : 'code') : 'password').focus();
  };
  const first = async () => {
    const login = field(form, 'login');
    const password = field(form, 'password');
    if (!login.value.trim() || !password.value) {
      errors.textContent = 'Please give your login and your password.';
      (login.value.trim() ? password : login).focus();
      return null;
    }
    try {
      return await call('POST', door(), { login: login.value.trim(), password: password.value });
    } finally {
      password.value = '';
    }
  };
  const second = async () => {
    const step = secondStep({ ticket, code: field(form, 'code').value, recovery: field(form, 'recovery').value, byRecovery });
    if ('gap' in step) {
      errors.textContent = step.gap;
      field(form, step.at).focus();
      return null;
    }
    field(form, 'code').value = field(form, 'recovery').value = '';
    return call('POST', door('/code'), step.body);
  };
  const go = async () => {
    await othersOut();
    /** @type {SignedIn | null} */
    const answer = await (ticket ? second() : first());
    if (!answer) return;
    ticket = answer.ticket ?? '';
    if (ticket) return ask(answer.ways ?? []);
    await settle();
    turn(false);
    done(answer.person);
  };
  const start = () => {
    ticket = '';
    turn(false);
  };
  /** Asks for what the person has beside the password. @param {string[]} ways */
  const ask = async (ways) => {
    if (ways.includes('code') || ways.includes('recovery')) return turn(true, !ways.includes('code'));
    start();
    done(await byPasskey());
  };
  form.querySelector('[data-act="recovery"]')?.addEventListener('click', () => turn(true, !byRecovery));
  form.querySelector('[data-act="again"]')?.addEventListener('click', () => {
    errors.textContent = '';
    start();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button[type="submit"]');
    errors.textContent = '';
    if (button instanceof HTMLButtonElement) button.disabled = true;
    try {
      await go();
    } catch (err) {
      errors.textContent = refusalOf(err);
      if (err instanceof Problem && err.status === 409) ticket = ''; // it took too long: from the start
      turn(ticket !== '', byRecovery);
    } finally {
      if (button instanceof HTMLButtonElement) button.disabled = false;
    }
  });
}
