// @ts-check
// Who is in front of the screen. The capture page is the same bytes for everybody, so that it can be kept for the times
// without a network; whose it is, it asks here. Without a network it is the person who signed in on this browser last,
// by number alone: what they do then is sealed, and the server decides when it arrives.

import { Problem, onAnswer, problemFrom } from './api.js';
import { drop, keep, kept } from './kept.js';

/**
 * @typedef {object} Who
 * @property {string} person ID
 * @property {string} name '' without a network
 * @property {string} session ID; '' without a network
 * @property {string[]} roles
 * @property {number} lockAfter seconds without a sign of the person after which the screen locks; 0: never
 * @property {boolean} shared the device is one that several people use
 * @property {boolean} online
 * @property {boolean} locked the screen is locked at the server
 */

/** How long the server may take to say who it is, before the page goes on without it, in milliseconds. */
const patience = 4_000;

/** @type {Promise<Who | null> | undefined} */
let asked;

/**
 * The person, asked for once for each page. A stranger whom the server answers is led to where they sign in.
 * @returns {Promise<Who | null>} null: nobody; the page is then left, or has no network and nobody signed in here
 */
export function who() {
  asked ??= find();
  return asked;
}

/** @returns {Promise<Who | null>} */
async function find() {
  const { dataset } = document.body;
  if (!('shell' in dataset)) return rendered(dataset);
  if (await settleOwed()) return null; // it is covered or left
  const answer = await session(dataset.session ?? '');
  if (answer === 'silent') return fromKept();
  if (answer === 'left') return null;
  const one = readSession(answer);
  if (!one.roles.includes('clinician')) {
    location.replace('/'); // the start page leads each role to its work
    return null;
  }
  await keep('person', { id: one.person, lockAfter: one.lockAfter, shared: one.shared });
  mark(one);
  return one;
}

/**
 * Asks once more, when the network is back. The page goes on as it is for the same person; the queue asks who has to sign
 * in again.
 * @returns {Promise<Who | null>} null: no answer, or nobody is signed in any more
 */
export async function askAgain() {
  const before = await who();
  const answer = await fetch(document.body.dataset.session ?? '', { cache: 'no-store', signal: AbortSignal.timeout(patience) }).catch(() => null);
  if (!answer?.ok) return null;
  onAnswer.heard(answer);
  const one = readSession(await answer.json());
  if (before && before.person !== one.person) return null;
  mark(one);
  asked = Promise.resolve(one);
  return one;
}

/** A page that was made for one person says whose it is. @param {DOMStringMap} data @returns {Who | null} */
function rendered(data) {
  if (!data.person) return null;
  return {
    person: data.person, name: data.personName ?? '', session: data.sessionId ?? '', roles: [], lockAfter: Number(data.lockAfter ?? 0),
    shared: 'shared' in data, online: true, locked: 'locked' in data,
  };
}

/**
 * Reads GET /api/v1/session. Pure.
 * @param {any} raw
 * @returns {Who}
 */
export function readSession(raw) {
  return {
    person: String(raw.person.id), name: String(raw.person.name), session: String(raw.session_id ?? ''), roles: raw.person.roles ?? [],
    lockAfter: Number(raw.lock_after ?? 0), shared: raw.shared === true, online: true, locked: raw.locked === true,
  };
}

/** @returns {Promise<Who | null>} */
async function fromKept() {
  const last = await kept('person');
  if (!last?.id) return null;
  /** @type {Who} */
  const one = { person: last.id, name: '', session: '', roles: ['clinician'], lockAfter: last.lockAfter ?? 0, shared: last.shared === true, online: false, locked: false };
  mark(one);
  return one;
}

/** Marks the page as theirs, for what reads it there. @param {Who} one */
function mark(one) {
  const { dataset } = document.body;
  dataset.person = one.person;
  dataset.personName = one.name;
  dataset.sessionId = one.session;
  if (one.lockAfter) dataset.lockAfter = String(one.lockAfter);
  if (one.shared) dataset.shared = 'yes';
  if (one.locked) dataset.locked = 'yes';
}

/**
 * Asks the server. A refusal that signing in, a proof or a second factor mends leads there.
 * @param {string} url
 * @returns {Promise<any>} its answer; 'silent' when none came, 'left' when the page is on its way elsewhere
 */
async function session(url) {
  for (let tries = 0; ; tries++) {
    let answer;
    try {
      answer = await fetch(url, { cache: 'no-store', credentials: 'same-origin', headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(patience) });
      onAnswer.heard(answer);
      if (answer.ok) return await answer.json();
    } catch {
      return 'silent';
    }
    const problem = problemFrom(answer.status, await answer.text().catch(() => ''), null);
    if (problem.kind === 'prove-device' && tries === 0 && (await proved())) continue;
    const way = await wayOf(problem);
    if (!way) return 'silent';
    location.replace(way);
    return 'left';
  }
}

async function proved() {
  const device = await import('./device.js');
  return device.prove().catch(() => false);
}

/**
 * Where a refusal leads; '' where waiting is all there is to do.
 * @param {Problem} problem
 */
async function wayOf(problem) {
  const back = `?next=${encodeURIComponent(location.pathname + location.hash)}`;
  if (problem.kind === 'second-factor') return '/account?add';
  if (problem.kind === 'prove-device') return `/sign-in/prove${back}`;
  if (problem.status !== 401) return '';
  await forgetPerson();
  return `/sign-in${back}`;
}

/**
 * Forgets who was here last, where somebody else is signed in now: without a network the page would open as theirs.
 * @param {string} person ID
 */
export async function forgetOther(person) {
  const last = await kept('person');
  if (last && last.id !== person) await drop('person');
}

/** Forgets whose this browser is, as signing out does, and every list of patients. Sealed photos stay: they are nobody's to open. */
export async function forgetPerson() {
  const { dropLists } = await import('../capture/wardkeep.js');
  await Promise.all([drop('person'), dropLists()]);
}

/**
 * Has the server end the session of whoever signed out here while it did not answer. It leaves the session of anybody else
 * alone. Only its own word counts: what stands before it may refuse for reasons of its own.
 * @returns {Promise<'' | 'owed' | 'over'>} '': nobody did; owed: there is still no answer; over: the page goes to the sign-in
 */
export async function settleOwed() {
  const owed = await kept('owed');
  if (!owed) return '';
  const body = new URLSearchParams({ person: owed.person });
  const answer = await fetch('/sign-out', { method: 'POST', body, signal: AbortSignal.timeout(patience) }).catch(() => null);
  if (!answer?.ok && answer?.status !== 401) return 'owed';
  await drop('owed');
  if (answer.status === 204) return ''; // somebody else is signed in here now
  await forgetPerson();
  location.replace('/sign-in');
  return 'over';
}
