// @ts-check
// The frame of the page that opens without a network: whose it is, in which language, whether there is a network, whether
// the clock is right, a new version, and installing it.

import { clockSkew, wrongBy } from '../capture/offline.js';
import { need, show, viewfinder } from './dom.js';
import { askAgain } from './who.js';
import { choose, language, languages, t } from './words.js';
import { register } from './worker.js';

/** @import { Who } from './who.js' */

/** What needs no person. */
export function begin() {
  document.documentElement.lang = language;
  const other = language === 'de' ? 'en' : 'de';
  const button = need('language', HTMLButtonElement);
  button.textContent = languages[other];
  button.lang = other;
  button.addEventListener('click', () => choose(other));
  const opener = need('menu-open', HTMLButtonElement);
  opener.addEventListener('click', () => opener.setAttribute('aria-expanded', String(opener.getAttribute('aria-expanded') !== 'true')));
  for (const type of ['online', 'offline']) globalThis.addEventListener(type, tellNetwork);
  globalThis.addEventListener('clinivault-silent', () => known?.online && showWho({ ...known, online: false }));
  globalThis.addEventListener('clinivault-clock', () => void tellClock());
  void tellClock();
  offerInstall();
}

/** Shows whose page it is, and what is theirs to open. @param {Who | null} one */
export function showWho(one) {
  const name = need('who-name', HTMLElement);
  name.textContent = one?.name ?? '';
  show(name, Boolean(one?.name));
  for (const node of document.querySelectorAll('#cover-text strong')) node.textContent = one?.name || t('Somebody');
  for (const entry of document.querySelectorAll('#menu [data-roles]')) {
    const roles = (entry.getAttribute('data-roles') ?? '').split(', ');
    show(entry, Boolean(one?.roles.some((r) => roles.includes(r))));
  }
  for (const id of ['menu', 'menu-open', 'sign-out']) show(need(id, HTMLElement), one !== null);
  known = one;
  tellNetwork();
}

/** @type {Who | null | undefined} */
let known;

/**
 * What the page says of the network. Pure.
 * @param {{ person: boolean, asked: boolean, answered: boolean, online: boolean }} now asked: whether it was asked who it is
 * @returns {string} '' when all is well
 */
export function networkText(now) {
  if (!now.asked || (now.person && now.answered && now.online)) return '';
  if (!now.person) return t('There is no network, and nobody is signed in on this device. Connect to sign in. Sealed photos stay here and are safe.');
  if (now.online && !now.answered) return t('The server does not answer. Photos are sealed and wait on this device; they go by themselves.');
  return t('No network. Photos are sealed and wait on this device; they go by themselves.');
}

function tellNetwork() {
  const note = need('note-offline', HTMLElement);
  const text = networkText({ person: Boolean(known), asked: known !== undefined, answered: known?.online ?? false, online: navigator.onLine !== false });
  note.textContent = text;
  show(note, text !== '');
  document.body.toggleAttribute('data-away', text !== ''); // what needs the server is hidden
  if (navigator.onLine !== false && known !== undefined && !known?.online) void again();
}

let trying = false;

/** With the network back, the page learns again whose it is, and goes on as it is. */
async function again() {
  if (trying) return;
  trying = true;
  for (let wait = 1_000; !known?.online && navigator.onLine !== false; wait = Math.min(wait * 2, 60_000)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const one = await askAgain().catch(() => null);
    if (!one) continue;
    if (!known) return location.reload(); // signed in elsewhere meanwhile
    showWho(one);
  }
  trying = false;
}

/** Whether the page holds a photo that is not sealed yet; it says so itself. */
export function frameOpen() {
  return 'frame' in document.body.dataset;
}

const units = {
  minutes: { late: 'The clock of this device is {n} minutes slow. Photos get the server’s time. Please set the clock.', early: 'The clock of this device is {n} minutes fast. Photos get the server’s time. Please set the clock.' },
  hours: { late: 'The clock of this device is {n} hours slow. Photos get the server’s time. Please set the clock.', early: 'The clock of this device is {n} hours fast. Photos get the server’s time. Please set the clock.' },
  days: { late: 'The clock of this device is {n} days slow. Photos get the server’s time. Please set the clock.', early: 'The clock of this device is {n} days fast. Photos get the server’s time. Please set the clock.' },
};

/** @param {number} skew in milliseconds @returns {string} '' when the clock is right; pure */
export function clockText(skew) {
  const off = wrongBy(skew);
  return off ? t(units[off.unit][off.late ? 'late' : 'early'], { n: off.amount }) : '';
}

async function tellClock() {
  const note = need('note-clock', HTMLElement);
  note.textContent = clockText(await clockSkew());
  show(note, note.textContent !== '');
}

/** What comes once the person is known. @param {Who} one */
export function settle(one) {
  if (one.online) void keepShell();
}

/** Has the browser keep this page, and offers a newer one once it is there. */
async function keepShell() {
  if (!('serviceWorker' in navigator)) return;
  await viewfinder(6_000); // which comes first
  try {
    const registration = await register();
    offerUpdate(registration);
    registration.addEventListener('updatefound', () => {
      const fresh = registration.installing;
      fresh?.addEventListener('statechange', () => offerUpdate(registration));
    });
  } catch {
    // Without it the page needs the network; nothing else is lost.
  }
}

/** @param {ServiceWorkerRegistration} registration */
function offerUpdate(registration) {
  const waiting = registration.waiting;
  if (!waiting || !navigator.serviceWorker.controller) return;
  const button = need('update-now', HTMLButtonElement);
  show(need('note-update', HTMLElement), true);
  button.onclick = () => {
    if (frameOpen()) {
      button.disabled = true; // the photo comes first
      button.textContent = t('After this photo');
      document.addEventListener('clinivault-frame', () => !frameOpen() && takeOver(waiting));
      return;
    }
    takeOver(waiting);
  };
}

/** @param {ServiceWorker} waiting */
function takeOver(waiting) {
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
  waiting.postMessage('take-over');
}

const declined = 'clinivault-install-declined';

/** Offers to install the page, quietly and once. */
function offerInstall() {
  const note = need('note-install', HTMLElement);
  const installed = matchMedia('(display-mode: standalone)').matches || /** @type {any} */ (navigator).standalone === true;
  let refused = true;
  try {
    refused = localStorage.getItem(declined) !== null;
  } catch {
    // Storage is off, so nothing could be installed either.
  }
  if (installed || refused) return;
  const ask = (/** @type {string} */ text, /** @type {(() => void) | null} */ install) => {
    need('install-text', HTMLElement).textContent = text;
    const button = need('install-now', HTMLButtonElement);
    show(button, install !== null);
    button.onclick = () => {
      install?.();
      show(note, false);
    };
    need('install-later', HTMLButtonElement).onclick = () => {
      localStorage.setItem(declined, '1');
      show(note, false);
    };
    show(note, true);
  };
  globalThis.addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    ask(t('Put Clinivault on the home screen: it opens at once, also without a network.'), () => void (/** @type {any} */ (event).prompt()));
  });
  if (/iPhone|iPad/.test(navigator.userAgent)) {
    ask(t('To have Clinivault on the home screen, also without a network: tap Share, then Add to Home Screen.'), null);
  }
}
