// @ts-check
// The capture page: one flow of steps, one frame in memory at most, and a
// queue that holds ciphertext only.

import { Problem, address, call } from '../lib/api.js';
import { alarm, busy, need, say, sentence, show } from '../lib/dom.js';
import { countText, namedPatient, patientRow, searchAsTyped } from '../lib/patients.js';
import { wireSignIn } from '../lib/sign-in.js';
import { clockTime, localTime } from '../lib/time.js';
import { CameraError, cameras, drawPreview, forget, openCamera } from '../capture/camera.js';
import { newCaptureID } from '../capture/bytes.js';
import { fetchIntake } from '../capture/intake.js';
import { look, lookText } from '../capture/look.js';
import { keepStorage, openQueue } from '../capture/queue.js';
import { seal } from '../capture/seal.js';
import { newItem } from '../capture/state.js';
import { Uploader } from '../capture/upload.js';
import { loadSeal } from '../capture/wasm.js';
import { factsOf, likelyEncounter, missing } from './capture-facts.js';
import { Panel } from './capture-queue.js';

/** @import { Patient } from '../lib/patients.js' */
/** @import { Camera, Frame } from '../capture/camera.js' */
/** @import { Details } from './capture-facts.js' */
/** @typedef {'patient' | 'confirm' | 'details' | 'camera' | 'preview' | 'sent'} Step */

const root = need('capture', HTMLElement);
const owner = document.body.dataset.person ?? '';
const form = need('details', HTMLFormElement);
const video = need('finder', HTMLVideoElement);
const canvas = need('preview', HTMLCanvasElement);
const shutter = need('shutter', HTMLButtonElement);

/** @type {{ step: Step, patient: Patient | null, details: Details | null, frame: Frame | null, takenAt: Date, camera: Camera | null, deviceID: string, sent: string }} sent: the capture that the last step speaks of */
const now = { step: 'patient', patient: null, details: null, frame: null, takenAt: new Date(0), camera: null, deviceID: '', sent: '' };

/** @type {Step[]} */
const order = ['patient', 'details', 'camera', 'preview'];

/** @param {string} text */
function complain(text) {
  const node = need('capture-error', HTMLElement);
  node.textContent = text;
  show(node, text !== '');
}

/** @param {Step} step */
function go(step) {
  complain('');
  if (step !== 'camera') stopCamera();
  if (step !== 'preview') dropFrame();
  now.step = step;
  for (const name of ['patient', 'confirm', 'details', 'camera', 'preview', 'sent']) show(need(`step-${name}`, HTMLElement), name === step);
  const at = step === 'sent' ? order.length : order.indexOf(step === 'confirm' ? 'patient' : step);
  for (const mark of root.querySelectorAll('[data-step-mark]')) {
    const i = order.indexOf(/** @type {Step} */ (mark.getAttribute('data-step-mark')));
    mark.toggleAttribute('aria-current', i === at);
    if (i === at) mark.setAttribute('aria-current', 'step');
    mark.setAttribute('data-done', String(i < at));
  }
  const p = now.patient;
  show(need('chosen', HTMLElement), p !== null && step !== 'patient' && step !== 'confirm');
  need('chosen-text', HTMLElement).textContent = p ? `${p.name}, born ${p.birth_date}, number ${p.record_number}` : '';
  const title = need(`step-${step}`, HTMLElement).querySelector('h2');
  if (title instanceof HTMLElement) title.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  if (step === 'camera') void startCamera();
}

function dropFrame() {
  forget(now.frame, canvas);
  now.frame = null;
  show(need('seen', HTMLElement), false);
}

// Step 1: the patient.

/** @param {Patient} p */
function choose(p) {
  now.patient = p;
  need('confirm-name', HTMLElement).textContent = p.name;
  need('confirm-born', HTMLElement).textContent = p.birth_date;
  need('confirm-number', HTMLElement).textContent = p.record_number;
  form.reset();
  sided();
  const visits = need('encounter', HTMLSelectElement);
  const likely = likelyEncounter(p.encounters);
  visits.replaceChildren(...(p.encounters ?? []).map((e) => {
    const since = e.started_at ? `, since ${localTime(e.started_at)}` : '';
    return new Option(`${e.label}${since}${e.ended_at ? ' (ended)' : ''}`, e.id, e.id === likely, e.id === likely);
  }));
  show(need('encounter-field', HTMLElement), (p.encounters ?? []).length > 1);
  go('confirm');
}

const listPatients = searchAsTyped(need('search', HTMLInputElement), root.dataset.search ?? '', (found, query) => {
  const list = need('patients', HTMLUListElement);
  list.replaceChildren(...found.map((p) => {
    const row = patientRow(p);
    row.querySelector('button')?.addEventListener('click', () => choose(p));
    return row;
  }));
  show(list, found.length > 0);
  need('patient-count', HTMLElement).textContent = countText(found.length, query);
}, (told, err) => {
  need('patient-count', HTMLElement).textContent = told;
  if (err instanceof Problem && err.status === 401) signInAgain();
});

/** Opens the flow with the patient whose page the person comes from; confirming stays theirs. */
async function startWithNamed() {
  const id = namedPatient(location.hash);
  if (!id) return;
  history.replaceState(null, '', location.pathname); // a later load asks again
  try {
    const p = await call('GET', address(root.dataset.patient, { id }));
    if (now.step === 'patient') choose(p);
  } catch (err) {
    if (err instanceof Problem && err.status === 401) signInAgain();
    else complain(sentence(err));
  }
}

// Step 2: consent, visit, site and side.

function sided() {
  const option = need('site', HTMLSelectElement).selectedOptions[0];
  const has = option?.dataset.sided === 'true';
  show(need('side-field', HTMLElement), has);
  return has;
}

/** @returns {Details} */
function readDetails() {
  const data = new FormData(form);
  return {
    consent: { record: data.has('record'), teaching: data.has('teaching'), publication: data.has('publication') },
    encounter: String(data.get('encounter') ?? ''),
    site: String(data.get('site') ?? ''),
    sided: sided(),
    side: String(data.get('side') ?? ''),
    note: String(data.get('note') ?? ''),
  };
}

form.addEventListener('input', () => {
  need('details-error', HTMLElement).textContent = '';
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const details = readDetails();
  const gap = missing(details);
  const error = need('details-error', HTMLElement);
  error.textContent = gap?.text ?? '';
  if (gap) {
    const field = form.querySelector(`[name="${gap.field}"]`);
    field?.closest('.field')?.append(error); // beside the field it is about
    if (field instanceof HTMLElement) field.focus();
    return;
  }
  now.details = details;
  go('camera');
});

// Step 3: the camera.

function stopCamera() {
  now.camera?.stop();
  now.camera = null;
  shutter.disabled = true;
}

async function startCamera() {
  stopCamera();
  const note = need('finder-note', HTMLElement);
  const again = need('camera-again', HTMLButtonElement);
  show(video, true);
  show(note, false);
  show(again, false);
  try {
    const camera = await openCamera(video, now.deviceID ? { deviceID: now.deviceID } : {});
    if (now.step !== 'camera' || document.hidden) {
      camera.stop();
      return;
    }
    now.camera = camera;
    shutter.disabled = false;
    show(need('switch', HTMLElement), (await cameras()).length > 1);
    say('The camera is ready.');
  } catch (err) {
    note.textContent = err instanceof CameraError ? `${err.sentence} ${err.remedy}` : sentence(err);
    show(video, false);
    show(note, true);
    show(again, true);
    alarm(note.textContent);
  }
}

async function switchCamera() {
  const all = await cameras();
  const at = all.findIndex((c) => c.id === now.camera?.deviceID);
  now.deviceID = all.length ? all[(at + 1) % all.length].id : '';
  await startCamera();
}

async function takePhoto() {
  const camera = now.camera;
  if (!camera) return;
  const frame = await camera.grab();
  now.takenAt = new Date();
  await drawPreview(canvas, frame);
  now.frame = frame;
  go('preview');
  requestAnimationFrame(() => setTimeout(() => tellSeen(frame))); // once the photo is on the screen
}

/** Tells what identifies the patient on the photo just taken. @param {Frame} frame */
function tellSeen(frame) {
  if (now.frame !== frame) return;
  const text = lookText(look(canvas, sealing.module));
  const note = need('seen', HTMLElement);
  note.textContent = text;
  show(note, text !== '');
  if (text) say(text);
}

// Step 4: seal, queue, send.

const sealing = { module: /** @type {any} */ (null), intake: /** @type {any} */ (null) };

/** Loads what sealing needs; again after a failure. */
async function readySeal() {
  sealing.module ??= await loadSeal({ execURL: root.dataset.wasmExec ?? '', wasmURL: root.dataset.wasm ?? '' });
  sealing.intake ??= await fetchIntake(root.dataset.intake ?? '');
}

async function send() {
  const { frame, patient, details } = now;
  if (!frame || !patient || !details) return;
  await readySeal(); // before the frame is touched: a failure here leaves it for another try
  const store = await queue;
  const facts = factsOf({ captureID: newCaptureID(), patient: patient.id, author: owner, details, mediaType: frame.media_type, takenAt: now.takenAt });
  try {
    const envelope = await seal(sealing.module, sealing.intake, facts, frame.bytes);
    dropFrame();
    await store.put(newItem(envelope, owner, new Date()));
    now.sent = envelope.capture_id;
  } catch (err) {
    go('camera'); // sealing has used the frame up; it must be taken again
    throw err;
  }
  sentWords(false);
  go('sent');
  say('Sealed. Sending.');
  void startUploads();
}

/** Says how the photo just sent stands: on its way, or with the vault. @param {boolean} received */
function sentWords(received) {
  need('sent-title', HTMLElement).textContent = received ? 'Received by the vault' : 'Sealed and on its way';
  need('sent-text', HTMLElement).textContent = received
    ? 'The vault has the photo, with a signed receipt, and the copy on this device is gone. A colleague checks it next.'
    : 'The photo is sealed; nobody can open it on this device any more. Below you see when the vault has received it. You can go on at once.';
}

const queue = openQueue();
const panel = new Panel(owner, (id) => void startUploads().then((u) => u?.retry(id)));
/** @type {Uploader | null} */
let uploader = null;

async function startUploads() {
  try {
    await readySeal();
  } catch (err) {
    panel.wait(sentence(err));
    return null;
  }
  if (uploader) {
    void uploader.kick();
    return uploader;
  }
  uploader = new Uploader({
    queue: await queue, owner, url: root.dataset.captures,
    receiptKeys: async (fresh) => {
      if (fresh) sealing.intake = await fetchIntake(root.dataset.intake ?? '');
      return sealing.intake.receipt_keys;
    },
    verify: (key, receipt) => sealing.module.verifyReceipt(key, receipt),
  });
  /** @param {string} name @param {(detail: any) => void} act */
  const on = (name, act) => uploader?.addEventListener(name, (e) => act(/** @type {CustomEvent} */ (e).detail));
  on('progress', (d) => panel.moved(d.capture_id, d.sent, d.total));
  on('received', (d) => {
    panel.arrived(d.capture_id, d.photo_id);
    if (d.capture_id === now.sent) sentWords(true);
  });
  on('failed', (d) => alarm(d.sentence));
  on('waiting', (d) => panel.wait(`${d.sentence} Next try at ${clockTime(d.retry_at)}.`));
  on('signin', (d) => {
    panel.wait(d.sentence);
    signInAgain();
  });
  void uploader.start();
  return uploader;
}

async function watchQueue() {
  try {
    const store = await queue;
    const draw = async () => panel.show(await store.list());
    store.addEventListener('change', () => void draw());
    await draw();
    void keepStorage();
  } catch (err) {
    complain(sentence(err));
  }
}

// Signing in again without leaving the page.

function signInAgain() {
  const dialog = need('again', HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
}

wireSignIn(need('again-form', HTMLFormElement), need('again-error', HTMLElement), (person) => {
  need('again', HTMLDialogElement).close();
  if (person.id !== owner) {
    dropFrame();
    location.reload();
    return;
  }
  panel.wait('');
  void listPatients();
  void startUploads();
});

/** @param {string} id @param {() => Promise<void> | void} act */
function press(id, act) {
  const button = need(id, HTMLButtonElement);
  button.addEventListener('click', () => {
    complain('');
    void busy(button, null, async () => act()).then(() => {}, () => {});
  });
}

/** Runs an act and shows its error on the page. @param {() => Promise<void>} act */
const told = (act) => async () => {
  try {
    await act();
  } catch (err) {
    complain(sentence(err));
  }
};

press('confirm-yes', () => go('details'));
press('change', () => go('patient'));
shutter.addEventListener('click', async () => {
  if (shutter.disabled) return;
  shutter.disabled = true;
  await told(takePhoto)();
  shutter.disabled = now.camera === null;
});
press('switch', told(switchCamera));
press('camera-again', () => startCamera());
press('retake', () => go('camera'));
press('send', told(send));
press('same-patient', () => go('details'));
press('other-patient', () => go('patient'));
press('again-later', () => need('again', HTMLDialogElement).close());
need('site', HTMLSelectElement).addEventListener('change', sided);
for (const back of root.querySelectorAll('[data-back]')) {
  back.addEventListener('click', () => go(/** @type {Step} */ (back.getAttribute('data-back'))));
}

document.addEventListener('visibilitychange', () => {
  if (now.step !== 'camera') return;
  if (document.hidden) stopCamera();
  else void startCamera();
});
window.addEventListener('pagehide', () => {
  stopCamera();
  dropFrame();
});
window.addEventListener('beforeunload', (event) => {
  if (now.frame) event.preventDefault();
});

go('patient');
void listPatients();
void startWithNamed();
void watchQueue();
void startUploads();
