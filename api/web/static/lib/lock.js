// @ts-check
// The lock of the screen. The page is covered the moment it is out of sight or was left alone; the server locks the
// session, and only then does uncovering need its owner. Nothing of the page is left for eyes, keys or screen readers
// below the cover, and nothing in it is lost: it is uncovered as it was. Who else uses this device comes in from here.
// Without a network the owner's passkey opens it, where they prepared the device; the server's lock counts again as soon
// as the server is asked for anything.

import { Problem, call, remedy } from './api.js';
import { need, show } from './dom.js';
import { Idle, answers, isOther, personalGrace, sharedGrace } from './idle.js';
import * as passkey from './passkey.js';
import { door, refusalOf, wireSignIn } from './sign-in.js';
import { settleOwed } from './who.js';
import { t } from './words.js';

/** @typedef {{ id: string, name: string, pin: boolean, passkey: boolean }} Waiting a locked session on this device */

const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel('clinivault-screen') : null;
const title = document.title;
const again = 3_000; // milliseconds between two words to a silent server that somebody signed out
let covered = false;
let locked = false;
let hiddenAt = 0;
let ending = false; // this page signs out
let away = false; // the server did not answer when it was asked for the ways to open
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {{ promise: Promise<boolean>, resolve: (again: boolean) => void } | null} */
let waiting = null;

/** Hides everything but the cover. */
export function cover() {
  if (covered) return;
  covered = true;
  document.documentElement.dataset.covered = '';
  document.title = `${t('Locked')} · Clinivault`;
  for (const node of document.body.children) if (node.id !== 'cover' && node instanceof HTMLElement) node.inert = true;
  const dialog = need('cover', HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
}

function uncover() {
  covered = locked = false;
  delete document.documentElement.dataset.covered;
  document.title = title;
  for (const node of document.body.children) if (node instanceof HTMLElement) node.inert = false;
  need('cover', HTMLDialogElement).close();
  need('cover-error', HTMLElement).textContent = '';
  idle.touch();
  globalThis.dispatchEvent(new Event('clinivault-open'));
  waiting?.resolve(true);
  waiting = null;
}

/** Covers, locks the session at the server, and asks for its owner. @param {boolean} [told] the server has locked it already */
export async function lock(told = false) {
  cover();
  if (locked) return;
  locked = true;
  channel?.postMessage('locked');
  globalThis.dispatchEvent(new Event('clinivault-lock')); // keys in memory are forgotten
  if (!told) {
    try {
      await call('POST', door('/lock'), undefined, { background: true });
    } catch (err) {
      // The server locks by itself after a while; the cover stays in any case.
      tellEnded(err);
    }
  }
  await offerWays();
}

/** @param {unknown} err */
function tellEnded(err) {
  if (err instanceof Problem && err.status === 401) need('cover-error', HTMLElement).textContent = t('Your session has ended. Sign in to go on.');
}

/** What an act that met the lock waits for. @returns {Promise<boolean>} */
function untilOpen() {
  if (!waiting) {
    let resolve = (/** @type {boolean} */ _) => {};
    waiting = { promise: new Promise((r) => (resolve = r)), resolve };
  }
  void lock(true);
  return waiting.promise;
}

// Opening again.

/** @typedef {import('./stepup.js').Ways} Ways */

/** What the field on the cover is for: whose session, and which factor. */
const typed = { session: '', name: '', as: /** @type {'pin' | 'code' | 'password'} */ ('password') };

/**
 * Which factor the field on the cover asks for; '' hides it. Pure.
 * @param {{ pin: boolean, code: boolean, password: boolean }} ways
 * @returns {'pin' | 'code' | 'password' | ''}
 */
export function coverWay(ways) {
  if (ways.pin) return 'pin';
  if (ways.code) return 'code';
  return ways.password ? 'password' : '';
}

/** Shows the ways that the owner has, and who else waits on this device. */
async function offerWays() {
  /** @type {Ways} */
  let ways = { passkey: true, code: false, password: false, pin: false, hospital: '' };
  const before = away;
  const owed = await settleOwed();
  if (owed) return owed === 'owed' ? endOwed() : undefined; // nobody is to come in by that session, or over it
  try {
    ways = await call('GET', door('/ways'), undefined, { background: true });
    away = false;
  } catch (err) {
    // The form below works in any case.
    tellEnded(err);
    away = err instanceof Problem && err.status === 0;
  }
  if (!locked) return;
  if (away) return before ? later() : offerAway();
  if (before) need('cover-error', HTMLElement).textContent = '';
  const passkeyed = ways.passkey && passkey.supported();
  show(need('cover-passkey', HTMLElement), passkeyed);
  const way = coverWay(ways);
  show(need('cover-typed', HTMLElement), way !== '');
  if (way) askTyped(way, '', '');
  if (!passkeyed && !way) need('cover-other', HTMLDetailsElement).open = true;
  if (passkeyed && way !== 'pin') need('cover-passkey', HTMLButtonElement).focus();
  else if (!way) need('cover-login', HTMLInputElement).focus();
  await offerOthers();
}

/** Without a network: the passkey, where its owner prepared this device; else a sentence. */
async function offerAway() {
  const { prepared } = await import('../capture/unlock.js');
  const can = await prepared(document.body.dataset.person ?? '');
  show(need('cover-passkey', HTMLElement), can);
  show(need('cover-typed', HTMLElement), false);
  show(need('cover-switch', HTMLElement), false);
  later();
  need('cover-error', HTMLElement).textContent = can
    ? t('There is no network. Your passkey opens the screen.')
    : t('There is no network, and the screen stays locked until it is back. What is sealed is kept, and sent then.');
  if (can) need('cover-passkey', HTMLButtonElement).focus();
}

/**
 * Signs out by the word that was kept, and has every tab of that person go. Until the server has answered the page is
 * covered, without a way in.
 */
export async function endOwed() {
  if (ending) return;
  ending = true;
  cover();
  onlyText();
  for (let owed = await settleOwed(); owed === 'owed'; owed = await settleOwed()) {
    void lock(true);
    onlyText();
    need('cover-error', HTMLElement).textContent = t('The server does not answer, so your session cannot be ended yet. This page stays locked, and you are signed out as soon as the server answers.');
    await new Promise((resolve) => setTimeout(resolve, again));
  }
  tellLeft();
  location.replace('/');
}

/** Leaves of the cover what it says, and no way in. */
function onlyText() {
  for (const node of document.querySelectorAll('#cover-text, #cover-text ~ *')) show(node, node.id === 'cover-error');
}

/** Asks a silent server again. */
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => locked && offerWays(), 5_000);
}

/** Opens the screen, and the list of one's patients, by what the passkey answers to this device alone. */
async function byPasskeyAway() {
  const { openOffline } = await import('../capture/unlock.js');
  await openOffline(document.body.dataset.person ?? '');
  if (!locked) return;
  channel?.postMessage('open');
  uncover();
}

/** @param {'pin' | 'code' | 'password'} as @param {string} session empty: the page's own @param {string} name */
function askTyped(as, session, name) {
  Object.assign(typed, { as, session, name });
  const input = need('cover-input', HTMLInputElement);
  const words = { pin: name ? t('PIN of {name} on this device', { name }) : t('Your PIN on this device'), code: t('Six digits of your authenticator app'), password: t('Your password') };
  need('cover-label', HTMLElement).textContent = words[as];
  input.type = as === 'code' ? 'text' : 'password';
  input.inputMode = as === 'password' ? 'text' : 'numeric';
  input.autocomplete = as === 'code' ? 'one-time-code' : as === 'pin' ? 'off' : 'current-password';
  input.value = '';
  show(need('cover-typed', HTMLElement), true);
  input.focus();
}

/** What this device signs to show that it is the one. @param {'unlock' | 'door'} purpose */
async function proof(purpose) {
  try {
    const device = await import('./device.js');
    return await device.deviceProof(purpose);
  } catch {
    return null;
  }
}

async function offerOthers() {
  const list = need('cover-people', HTMLUListElement);
  /** @type {Waiting[]} */
  let people = [];
  try {
    const signed = await proof('door');
    if (signed) people = (await call('POST', door('/locked'), { proof: signed }, { background: true })).people ?? [];
  } catch {
    people = [];
  }
  const others = people.filter((p) => p.id !== document.body.dataset.sessionId && (p.passkey || p.pin));
  list.replaceChildren(...others.map(personRow));
  show(need('cover-switch', HTMLElement), others.length > 0);
}

/** @param {Waiting} person */
function personRow(person) {
  const row = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'wide';
  button.textContent = person.name;
  button.addEventListener('click', () => {
    if (person.pin) askTyped('pin', person.id, person.name);
    else void told(() => switchByPasskey(person.id));
  });
  row.append(button);
  return row;
}

/** @param {() => Promise<void>} act */
async function told(act) {
  const error = need('cover-error', HTMLElement);
  error.textContent = '';
  try {
    await act();
  } catch (err) {
    error.textContent = refusalOf(err);
  }
}

async function byPasskey() {
  if (away) return byPasskeyAway();
  const asked = await call('POST', door('/unlock/begin'), undefined, { background: true });
  const credential = await passkey.show(asked.options);
  opened(await call('POST', door('/unlock'), { ticket: asked.ticket, credential }, { background: true }));
}

/** @param {string} session */
async function switchByPasskey(session) {
  const asked = await call('POST', door('/passkey/begin'));
  const credential = await passkey.show(asked.options);
  const signed = await proof('unlock');
  opened(await call('POST', door(`/locked/${session}/open`), { ticket: asked.ticket, credential, proof: signed }));
}

async function byTyped() {
  const input = need('cover-input', HTMLInputElement);
  const value = typed.as === 'code' ? input.value.replace(/\s/g, '') : input.value;
  input.value = '';
  input.focus();
  if (!value) throw new Error(t('Please fill in the field.'));
  if (typed.as !== 'pin') return opened(await call('POST', door('/unlock'), { [typed.as]: value }, { background: true }));
  const session = typed.session || (document.body.dataset.sessionId ?? '');
  opened(await call('POST', door(`/locked/${session}/open`), { pin: value, proof: await proof('unlock') }));
}

/** @param {{ person: { id: string }, session_id?: string }} answer */
function opened(answer) {
  if (answer.person.id !== document.body.dataset.person) return leave();
  if (answer.session_id) document.body.dataset.sessionId = answer.session_id;
  channel?.postMessage('open');
  if (document.body.dataset.locked) return location.reload(); // a page that is nothing but the lock
  uncover();
}

/** Somebody else goes on here: nothing of the page is theirs. */
function leave() {
  tellLeft();
  leaveQuietly();
}

/** Tells the other tabs of the person that they are gone, once the session is over. */
const tellLeft = () => channel?.postMessage({ left: document.body.dataset.person });

// When to cover and to lock.

let grace = personalGrace;
let idle = new Idle({ after: 0, now: Date.now });

/** Reads how the person's screen locks, which the page may know only after it has asked who it is. */
function readTimes() {
  const { lockAfter: seconds, shared } = document.body.dataset;
  const after = Number(seconds ?? 0) * 1000;
  grace = shared ? sharedGrace : Math.min(personalGrace, after || personalGrace);
  idle = new Idle({ after, now: Date.now });
}

function out() {
  if (hiddenAt) return;
  hiddenAt = Date.now();
  cover();
  if (grace === 0) void lock();
  else setTimeout(overdue, grace + 50);
}

function overdue() {
  if (hiddenAt && Date.now() - hiddenAt >= grace) void lock();
}

function back() {
  if (!hiddenAt) return;
  overdue();
  hiddenAt = 0;
  if (!locked) uncover();
}

function watch() {
  document.addEventListener('visibilitychange', () => (document.hidden ? out() : back()));
  globalThis.addEventListener('pagehide', cover);
  document.addEventListener('freeze', cover);
  globalThis.addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    hiddenAt ||= 1; // how long it lay there is not known
    back();
  });
  if (matchMedia('(pointer: coarse)').matches) { // phones take the picture for their switcher before the page is hidden
    globalThis.addEventListener('blur', () => !passkey.asking() && cover());
    globalThis.addEventListener('focus', () => !hiddenAt && !locked && covered && uncover());
  }
  for (const type of ['pointerdown', 'keydown', 'wheel', 'touchmove', 'pointermove']) {
    document.addEventListener(type, () => {
      if (covered) return;
      idle.touch();
      channel?.postMessage('busy');
    }, { passive: true, capture: true });
  }
  setInterval(tick, 1000);
}

/** Each second: lock when left alone; else tell the server, now and then, that somebody is here. */
function tick() {
  if (locked) return;
  if (idle.over()) return void lock();
  if (idle.tells()) call('GET', door()).catch(() => {});
}

if (channel) {
  channel.onmessage = (event) => {
    if (isOther(event.data, document.body.dataset.person ?? '')) return leaveQuietly();
    const act = answers(event.data, { locked, dedicated: Boolean(document.body.dataset.locked), person: document.body.dataset.person ?? '' });
    if (act === 'touch') idle.touch();
    if (act === 'lock') void lock(true);
    if (act === 'look') void look();
    if (act === 'leave') leaveQuietly();
  };
}

/** Another tab was opened again: so is this one, if it is the same session still. */
async function look() {
  try {
    const answer = await call('GET', door(), undefined, { background: true });
    if (answer.person.id !== document.body.dataset.person) return leaveQuietly();
    if (document.body.dataset.locked) return location.reload();
    if (!document.hidden) uncover();
    else locked = false;
  } catch {
    // It stays as it is.
  }
}

function leaveQuietly() {
  globalThis.dispatchEvent(new Event('clinivault-leave'));
  location.replace('/');
}

/** Wires the lock of a page that has the cover. */
export function wireLock() {
  const dialog = document.getElementById('cover');
  if (!(dialog instanceof HTMLDialogElement)) return;
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  dialog.addEventListener('close', () => covered && dialog.showModal()); // Escape, pressed twice
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  need('cover-passkey', HTMLButtonElement).addEventListener('click', () => told(byPasskey));
  need('cover-typed', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    void told(byTyped);
  });
  wireSignIn(need('cover-sign-in', HTMLFormElement), need('cover-sign-in-error', HTMLElement), (person) => opened({ person }));
  globalThis.addEventListener('online', () => locked && void offerWays());
  const button = document.getElementById('lock-now');
  button?.addEventListener('click', () => void lock());
  show(button, true);
  remedy('app-locked', untilOpen);
  readTimes();
  if (document.body.dataset.sessionId) channel?.postMessage({ person: document.body.dataset.person });
  if (document.body.dataset.locked) return void lock(true);
  watch();
}
