// @ts-check
// The viewfinder: a live picture with what the checks see beside it, and a shutter that nothing blocks. The photo lies in
// memory; it leaves the page sealed or not at all.

import { alarm, isCovered, need, say, sentence, show } from '../lib/dom.js';
import { t } from '../lib/words.js';
import { CameraError, cameras, drawPreview, forget, openCamera } from '../capture/camera.js';
import { drawBoxes } from '../capture/finder.js';
import { trustedNow } from '../capture/offline.js';
import { aboutText } from './capture-card.js';
import { complain, go, notice, now, onStep } from './capture-steps.js';
import { markShots, mostShots, thumbOf } from './capture-shots.js';
import { forgetGhost, shutterPressed, toolsOff, toolsOn, wireTools } from './capture-tools.js';
import { open, showWarnings, warningWords } from './capture-warnings.js';

/** @import { Camera } from '../capture/camera.js' */
/** @import { Shot, Still, Warning } from './capture-shots.js' */

/** @type {Camera | null} */
let camera = null;
let deviceID = '';
let turn = 0;
/** @type {Promise<unknown>} the last opening, over or not: one at a time, or one takes the picture of the other away */
let opening = Promise.resolve();
let taking = false;
/** @type {any} the live checks; null where there are none */
let checks = null;
let checksAsked = false;
/** @type {string[]} answered for this camera session */
let overruled = [];
/** @type {Warning[]} */
let seen = [];
/** @type {(shot: Shot) => void} */
let tookOne = () => {};

const video = () => need('finder', HTMLVideoElement);
const shutter = () => need('shutter', HTMLButtonElement);

/** The running camera's controls, for the tools. */
export const lens = () => camera?.lens ?? null;

function stop() {
  turn++;
  toolsOff();
  checks?.stop();
  camera?.stop();
  camera = null;
  shutter().disabled = true;
  tellWarnings([]);
}

/** Says why there is no picture. @param {unknown} err */
function trouble(err) {
  stop();
  const note = need('finder-note', HTMLElement);
  note.textContent = err instanceof CameraError ? `${err.sentence} ${err.remedy}` : sentence(err);
  show(need('frame', HTMLElement), false);
  show(note, true);
  show(need('camera-again', HTMLElement), true);
  alarm(note.textContent);
}

async function start() {
  stop();
  const mine = turn;
  need('about', HTMLElement).textContent = aboutText();
  takenCount();
  show(need('frame', HTMLElement), true);
  show(need('finder-note', HTMLElement), false);
  show(need('camera-again', HTMLElement), false);
  try {
    await opening;
    if (mine !== turn) return;
    const asked = openCamera(video(), deviceID ? { deviceID } : {});
    opening = asked.catch(() => {});
    const opened = await asked;
    if (mine !== turn || now.step !== 'camera' || document.hidden) return opened.stop();
    camera = opened;
    camera.onLost((err) => camera === opened && trouble(err));
    shutter().disabled = false;
    fitFrame();
    show(need('switch', HTMLElement), (await cameras()).length > 1);
    if (mine !== turn) return;
    toolsOn(opened);
    say(t('The camera is ready.'));
    await startChecks(mine);
  } catch (err) {
    if (mine === turn) trouble(err);
  }
}

/** Gives the frame the shape of the picture, so that what lies over it fits. */
function fitFrame() {
  const { videoWidth: w, videoHeight: h } = video();
  if (w && h) need('frame', HTMLElement).style.setProperty('--shape', String(w / h));
}

async function startChecks(/** @type {number} */ mine) {
  if (!checksAsked) {
    checksAsked = true;
    try {
      const [{ Checks }] = await Promise.all([import('../capture/checks.js'), warningWords()]);
      const data = need('capture', HTMLElement).dataset;
      checks = new Checks({ worker: new URL('../capture/checks-worker.js', import.meta.url).pathname, wasm: data.wasm, exec: data.wasmExec });
      checks.addEventListener('warnings', (/** @type {CustomEvent} */ e) => tellWarnings(e.detail.warnings));
      checks.addEventListener('off', () => notice(checksOff()));
    } catch {
      checks = null;
      notice(checksOff());
    }
  }
  if (mine === turn) checks?.start(video());
}

const checksOff = () => t('The live checks are off in this browser. Look yourself for faces, names, blur and glare before you send.');

/** @param {Warning[]} warnings */
function tellWarnings(warnings) {
  seen = warnings;
  const list = open(warnings, overruled);
  showWarnings(need('warnings', HTMLElement), list, (code) => {
    overruled.push(code);
    tellWarnings(seen);
  });
  drawBoxes(need('boxes', SVGGElement), list.map((w) => w.box));
}

async function switchCamera() {
  const all = await cameras();
  const at = all.findIndex((c) => c.id === camera?.deviceID);
  deviceID = all.length ? all[(at + 1) % all.length].id : '';
  await start();
}

/** Takes a photo, now. */
async function take() {
  if (!camera || taking || !now.patient || !now.details) return;
  if (now.shots.length >= mostShots) return complain(t('{n} photos wait. Send them first, then go on.', { n: mostShots }));
  taking = true;
  shutter().disabled = true;
  const { patient, details } = now;
  const gone = () => now.step !== 'camera' || now.patient !== patient || now.details !== details;
  try {
    const frame = await camera.grab();
    if (gone()) return forget(frame);
    const canvas = need('preview', HTMLCanvasElement);
    /** @type {Shot} */
    const shot = { frame, takenAt: trustedNow(), details, patient: patient.id, overruled: [...overruled], still: null, judged: Promise.resolve(), note: '', thumb: document.createElement('canvas') };
    await drawPreview(canvas, frame);
    if (gone()) return forget(frame, canvas); // the person left the camera before the picture came: it is of what they left
    shot.thumb = thumbOf(canvas);
    now.shots.push(shot);
    markShots(now.shots);
    shot.judged = judge(shot, canvas);
    tookOne(shot);
    go('review');
  } catch (err) {
    if (err instanceof CameraError || !camera?.live) trouble(err);
    else complain(sentence(err));
  } finally {
    taking = false;
    shutter().disabled = camera === null;
  }
}

/** Has the taken photo looked at. @param {Shot} shot @param {HTMLCanvasElement} canvas */
async function judge(shot, canvas) {
  if (!checks) return;
  try {
    shot.still = /** @type {Still} */ (await checks.still(canvas));
    if (now.shots.includes(shot)) globalThis.dispatchEvent(new CustomEvent('clinivault-judged', { detail: shot }));
  } catch {
    // Seen or not: sending does not depend on it.
  }
}

function takenCount() {
  const button = need('taken', HTMLButtonElement);
  const n = now.shots.length;
  button.textContent = n === 1 ? t('1 taken') : t('{n} taken', { n });
  show(button, n > 0);
}

/** The answers that were given to warnings are for one patient and one site. */
function forgetAnswers() {
  overruled = [];
}

/** @param {{ took: (shot: Shot) => void }} acts took: a photo was taken */
export function wireCamera(acts) {
  tookOne = acts.took;
  onStep('camera', { enter: () => void start(), leave: stop });
  shutter().addEventListener('click', () => shutterPressed());
  need('switch', HTMLButtonElement).addEventListener('click', () => void switchCamera().catch(trouble));
  need('camera-again', HTMLButtonElement).addEventListener('click', () => void start());
  need('camera-back', HTMLButtonElement).addEventListener('click', () => go('card'));
  need('taken', HTMLButtonElement).addEventListener('click', () => go('review'));
  video().addEventListener('resize', fitFrame);
  video().addEventListener('loadedmetadata', fitFrame);
  wireTools({ lens, take: () => void take() });
  for (const name of ['clinivault-other-patient', 'clinivault-other-site']) {
    globalThis.addEventListener(name, () => {
      forgetAnswers();
      forgetGhost();
    });
  }
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) forgetGhost();
    if (now.step !== 'camera') return;
    if (document.hidden) stop();
    else if (!isCovered()) void start(); // else once it is open
  });
  for (const name of ['pagehide', 'clinivault-lock', 'clinivault-leave']) {
    globalThis.addEventListener(name, () => {
      stop();
      forgetGhost();
    });
  }
  globalThis.addEventListener('clinivault-open', () => now.step === 'camera' && void start());
}
