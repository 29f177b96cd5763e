// @ts-check
// The first screen: whose photo it is. The wristband is looked for at once; the list of one's patients is below it, and
// is all there is where the scanner or the camera is not.

import { Problem, address, call } from '../lib/api.js';
import { alarm, isCovered, need, say, sentence, show, stamp, fill } from '../lib/dom.js';
import { namedPatient, searchAsTyped } from '../lib/patients.js';
import { locale, t } from '../lib/words.js';
import { CameraError } from '../capture/camera.js';
import { bornText, numberText } from './capture-card.js';
import { complain, notice, now, onStep } from './capture-steps.js';

/** @import { Patient } from '../lib/patients.js' */

/** @type {{ choose: (p: Patient) => void, signIn: () => void }} */
let acts;
/** @type {any} the list for the time without a network; null where this build or browser has none */
let ward = null;
/** @type {{ stop: () => void } | null} */
let scanner = null;
/** @type {Promise<unknown>} the last opening, over or not: one at a time */
let opening = Promise.resolve();
let turn = 0;

const root = () => need('capture', HTMLElement);

/** @param {Patient[]} found @param {string} query */
function list(found, query) {
  const rows = need('patients', HTMLUListElement);
  rows.replaceChildren(...found.map((p) => {
    const row = stamp('patient-row');
    fill(row, { name: p.name, born: bornText(p.birth_date), number: numberText(p.record_number) });
    row.querySelector('button')?.addEventListener('click', () => acts.choose(p));
    return row;
  }));
  show(rows, found.length > 0);
  need('patient-count', HTMLElement).textContent = countText(found.length, query);
}

/** @param {number} n @param {string} query */
function countText(n, query) {
  if (n === 0 && query.trim()) return t('No patient found. Only patients you may see are searched.');
  if (n === 0) return t('There is no patient here for you just now.');
  if (n >= 50) return t('The first 50 patients. Type more to narrow the list.');
  return n === 1 ? t('1 patient') : t('{n} patients', { n });
}

/** Without a network the list kept for this shift is searched. @param {unknown} err */
async function listKept(err) {
  const told = need('patient-count', HTMLElement);
  if (err instanceof Problem && err.status === 401) acts.signIn();
  told.textContent = sentence(err);
  if (!(err instanceof Problem) || err.status !== 0 || !ward) return;
  try {
    const query = need('search', HTMLInputElement).value.trim().toLowerCase();
    const mine = /** @type {Patient[]} */ (await ward.patients()).sort((a, b) => a.name.localeCompare(b.name));
    list(mine.filter((p) => `${p.name} ${p.record_number}`.toLowerCase().includes(query)), query);
    const until = ward.until();
    if (!until) return;
    const at = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(until.at);
    told.textContent = until.kept ? t('No network: these are the patients kept on this device until {at}.', { at })
      : t('No network: these patients are known to this page until {at}: keep it open.', { at });
  } catch (closed) {
    told.textContent = sentence(closed);
  }
}

/** @type {() => void} lists anew */
let again = () => {};

/** Opens the flow with the patient whose page the person comes from; confirming stays theirs. */
async function startWithNamed() {
  const id = namedPatient(location.hash);
  if (!id) return;
  history.replaceState(null, '', location.pathname); // a later load asks again
  try {
    const p = await call('GET', address(root().dataset.patient, { id }));
    if (now.step === 'find') acts.choose(p);
  } catch (err) {
    if (err instanceof Problem && err.status === 401) acts.signIn();
    else complain(sentence(err));
  }
}

function stopScanner() {
  turn++;
  scanner?.stop();
  scanner = null;
  show(need('scan', HTMLElement), false);
}

/** @param {string} text why there is no scanner just now; the list stays */
function scannerOff(text) {
  stopScanner();
  need('scan-note', HTMLElement).textContent = '';
  show(need('scan-again', HTMLElement), true);
  complain(text);
}

/** @param {boolean} [fresh] the band that was read last is read again at once */
async function startScanner(fresh) {
  stopScanner();
  const mine = turn;
  show(need('scan-again', HTMLElement), false);
  let scan;
  try {
    scan = await import('../capture/scan.js');
  } catch {
    notice(t('The scanner for wristbands did not load. Pick the patient from the list.'));
    return;
  }
  await opening;
  if (mine !== turn || now.step !== 'find' || document.hidden) return;
  const note = need('scan-note', HTMLElement);
  const tell = (/** @type {string} */ text) => {
    if (note.textContent !== text) note.textContent = text; // said once
  };
  note.textContent = t('Hold the wristband before the camera, or pick from the list.');
  show(need('scan', HTMLElement), true);
  try {
    const asked = scan.openScanner(need('scan-video', HTMLVideoElement), {
      onBand: (/** @type {any} */ codes) => void take(codes),
      onRefused: tell, onHint: tell, fresh,
    });
    opening = asked.catch(() => {});
    const started = await asked;
    if (mine !== turn) return started.stop();
    scanner = started;
  } catch (err) {
    if (mine !== turn) return;
    scannerOff(err instanceof CameraError ? `${err.sentence} ${err.remedy} ${t('Or pick the patient from the list.')}` : sentence(err));
  }
}

/** A wristband was read. @param {any} codes those on it */
async function take(codes) {
  const mine = turn;
  try {
    const patient = await ward.lookUp(codes);
    if (mine !== turn || now.step !== 'find') return;
    say(t('Wristband read.'));
    acts.choose(patient);
  } catch (err) {
    if (mine !== turn) return;
    if (err instanceof Problem && err.status === 401) acts.signIn();
    alarm(sentence(err));
    scannerOff(sentence(err));
  }
}

/**
 * Wires the screen.
 * @param {{ choose: (p: Patient) => void, signIn: () => void }} wired choose: somebody was found; signIn: the session is over
 */
export async function wireFind(wired) {
  acts = wired;
  onStep('find', { enter: () => void startScanner(), leave: stopScanner });
  need('scan-again', HTMLButtonElement).addEventListener('click', () => {
    complain('');
    void startScanner(true);
  });
  document.addEventListener('visibilitychange', () => {
    if (now.step !== 'find') return;
    if (document.hidden) stopScanner();
    else if (!isCovered()) void startScanner(); // else once it is open
  });
  for (const name of ['pagehide', 'clinivault-lock', 'clinivault-leave']) globalThis.addEventListener(name, stopScanner);
  globalThis.addEventListener('clinivault-open', () => now.step === 'find' && !scanner && void startScanner(true));
  globalThis.addEventListener('clinivault-ward', () => again());
  again = searchAsTyped(need('search', HTMLInputElement), root().dataset.search ?? '', list, (_, err) => void listKept(err));
  const named = startWithNamed();
  void again();
  try {
    ward = (await import('../capture/wardlist.js')).openWardList({ person: now.person });
    ward.refresh().catch(() => {}); // it tries again by itself, and says what is missing when it is asked
  } catch {
    ward = null; // without it a scan needs the network
  }
  await named; // the camera starts only where somebody is looked for
}

/** Lists the patients anew, after somebody signed in. */
export function listAgain() {
  again();
}
