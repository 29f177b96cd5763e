// @ts-check
// The dialog that asks a signed-in person to show again who they are, before an act that needs it. The page below stays
// as it is: nothing typed is lost, and the act goes on by itself.

import { call, remedy } from './api.js';
import { need, show } from './dom.js';
import * as passkey from './passkey.js';
import { door, refusalOf } from './sign-in.js';
import { t } from './words.js';

/** @typedef {{ passkey: boolean, code: boolean, password: boolean, pin: boolean, hospital: string }} Ways hospital: the name on its button */

/** @type {Promise<boolean> | null} the question that is open; several acts wait for one answer */
let asking = null;

/** @returns {Promise<boolean>} whether the person showed who they are */
export function stepUp() {
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

/**
 * Which field a form of codes shows. Pure.
 * @param {Ways} ways
 * @returns {'code' | 'password' | ''}
 */
export function typedWay(ways) {
  if (ways.code) return 'code';
  return ways.password ? 'password' : '';
}

async function ask() {
  const dialog = need('step-up', HTMLDialogElement);
  const form = need('step-up-form', HTMLFormElement);
  const input = need('step-up-input', HTMLInputElement);
  const error = need('step-up-error', HTMLElement);
  /** @type {Ways} */
  const ways = await call('GET', door('/ways'));
  const typed = typedWay(ways);
  const before = document.activeElement;
  error.textContent = ways.passkey || typed || ways.hospital ? '' : t('You have no second factor yet. Add one on the page Account first.');
  show(need('step-up-passkey', HTMLElement), ways.passkey && passkey.supported());
  show(need('step-up-hospital', HTMLElement), ways.hospital !== '');
  need('step-up-hospital', HTMLElement).textContent = ways.hospital;
  show(need('step-up-typed', HTMLElement), typed !== '');
  show(need('step-up-ok', HTMLElement), typed !== '');
  need('step-up-label', HTMLElement).textContent = typed === 'code' ? t('Six digits of your authenticator app') : t('Your password');
  input.type = typed === 'code' ? 'text' : 'password';
  input.inputMode = typed === 'code' ? 'numeric' : 'text';
  input.autocomplete = typed === 'code' ? 'one-time-code' : 'current-password';
  input.value = '';
  return new Promise((resolve) => {
    const leave = new AbortController();
    const listen = { signal: leave.signal };
    const channel = new BroadcastChannel('clinivault-sign-in');
    /** @param {boolean} shown */
    const done = (shown) => {
      leave.abort();
      channel.close();
      input.value = '';
      if (dialog.open) dialog.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
      resolve(shown);
    };
    /** @param {() => Promise<void>} act */
    const told = async (act) => {
      error.textContent = '';
      try {
        await act();
        done(true);
      } catch (err) {
        error.textContent = refusalOf(err);
        input.value = '';
        if (typed) input.focus();
      }
    };
    channel.onmessage = (event) => {
      if (event.data === 'raised') done(true);
    };
    need('step-up-passkey', HTMLButtonElement).addEventListener('click', () => told(byPasskey), listen);
    need('step-up-hospital', HTMLButtonElement).addEventListener('click', () => {
      window.open('/sign-in/hospital?raise=1', '_blank', 'popup,width=520,height=680');
    }, listen);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!typed) return;
      if (!input.value.trim()) {
        error.textContent = typed === 'code' ? t('Please give the six digits.') : t('Please give your password.');
        return input.focus();
      }
      void told(async () => call('POST', door('/step-up'), typed === 'code' ? { code: input.value.replace(/\s/g, '') } : { password: input.value }));
    }, listen);
    need('step-up-cancel', HTMLButtonElement).addEventListener('click', () => done(false), listen);
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      done(false);
    }, listen);
    dialog.addEventListener('keydown', (event) => event.stopPropagation(), listen); // shortcuts of the page stay out
    dialog.showModal();
    if (ways.passkey && passkey.supported()) need('step-up-passkey', HTMLButtonElement).focus();
    else if (typed) input.focus();
  });
}

async function byPasskey() {
  const asked = await call('POST', door('/step-up/begin'));
  const credential = await passkey.show(asked.options);
  await call('POST', door('/step-up'), { ticket: asked.ticket, credential });
}

/** Lets every call of the page ask for a fresh factor, in pages that have the dialog. */
export function wireStepUp() {
  if (document.getElementById('step-up')) remedy('step-up', stepUp);
}
