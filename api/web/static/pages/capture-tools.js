// @ts-check
// The tools around the viewfinder. What the camera or the device does not have is not shown.

import { busy, need, say, sentence, show } from '../lib/dom.js';
import { locale, t } from '../lib/words.js';
import { openMicrophone } from '../capture/camera.js';
import { gestures, pointOn, watchLevel } from '../capture/finder.js';
import { Ghost, sameSite } from '../capture/ghost.js';
import { beep, countdown, listen } from '../capture/handsfree.js';
import { pinched } from '../capture/lens.js';
import { earlierPhotos } from './capture-card.js';
import { now } from './capture-steps.js';

/** @import { Camera } from '../capture/camera.js' */
/** @import { Earlier } from '../capture/ghost.js' */
/** @import { Lens } from '../capture/lens.js' */

/** Seconds that the timer offers. */
const waits = [0, 3, 10];

/** @type {{ lens: () => Lens | null, take: () => void }} */
let acts;
/** @type {{ stop: () => void } | null} */
let counting = null;
/** @type {{ stop: () => void } | null} */
let listening = null;
/** @type {{ stop: () => void } | null} */
let level = null;
/** @type {Ghost | null} */
let ghost = null;
let ghostOf = '';
let wait = 0;
let zoomBefore = 1;

const button = (/** @type {string} */ id) => need(id, HTMLButtonElement);

/** @param {string} id @param {boolean} on */
function pressed(id, on) {
  button(id).setAttribute('aria-pressed', String(on));
}

/** @param {string} text */
function tell(text) {
  need('tool-note', HTMLElement).textContent = text;
}

/** Shows what this camera can. @param {Camera} camera */
export function toolsOn(camera) {
  const range = camera.lens.zoomRange;
  show(need('zoom-field', HTMLElement), range !== null);
  if (range) {
    const slider = need('zoom', HTMLInputElement);
    Object.assign(slider, { min: String(range.min), max: String(range.max), step: String(range.step) });
    slider.value = String(camera.lens.zoom);
  }
  show(button('torch'), camera.lens.hasTorch);
  pressed('torch', false);
  show(button('voice'), Boolean(navigator.mediaDevices?.getUserMedia) && 'AudioContext' in globalThis);
  show(button('level-on'), 'DeviceOrientationEvent' in globalThis && navigator.maxTouchPoints > 0);
  if (ghostOf && ghostOf !== ghostKey()) forgetGhost();
  void offerGhost();
}

/** Stops what runs on while no camera does. */
export function toolsOff() {
  stopCounting();
  stopListening();
  stopLevel();
  tell('');
}

// The shutter: at once, or after the wait that was chosen.

/** The person, a sound or a key asks for a photo. */
export function shutterPressed() {
  if (counting) return stopCounting();
  if (wait === 0) return acts.take();
  counting = countdown(wait, (left) => {
    const face = need('count', HTMLElement);
    face.textContent = left ? String(left) : '';
    show(face, left > 0);
    if (left > 0) {
      say(String(left));
      beep(660, 0.08);
      return;
    }
    counting = null;
    beep(990, 0.2);
    acts.take();
  });
}

function stopCounting() {
  counting?.stop();
  counting = null;
  show(need('count', HTMLElement), false);
}

function nextWait() {
  stopCounting();
  wait = waits[(waits.indexOf(wait) + 1) % waits.length];
  button('timer').textContent = wait ? t('Timer {n} s', { n: wait }) : t('Timer');
  pressed('timer', wait > 0);
  tell(wait ? t('The photo is taken {n} seconds after you press the button.', { n: wait }) : '');
}

function stopListening() {
  listening?.stop();
  listening = null;
  pressed('voice', false);
}

async function voice() {
  if (listening) {
    stopListening();
    return tell('');
  }
  try {
    const stream = await openMicrophone();
    if (now.step !== 'camera' || document.hidden) return stream.getTracks().forEach((track) => track.stop());
    listening = listen(stream, shutterPressed);
    pressed('voice', true);
    tell(t('Listening: clap or say “now” loudly and the photo is taken. Only the loudness is looked at, on this device; nothing is recorded or sent.'));
  } catch (err) {
    tell(sentence(err));
  }
}

// Over the picture: grid, level, the last photo.

function stopLevel() {
  level?.stop();
  level = null;
  show(need('level', HTMLElement), false);
  pressed('level-on', false);
}

async function toggleLevel() {
  if (level) return stopLevel();
  const bar = need('level', HTMLElement);
  let heard = false;
  level = await watchLevel(({ angle, level: even, down }) => {
    heard = true;
    bar.style.setProperty('--tilt', `${down ? 0 : Math.round(-angle)}deg`);
    bar.dataset.even = String(even);
    bar.dataset.down = String(down);
  });
  if (!level) return tell(t('This device does not tell how it is held.'));
  pressed('level-on', true);
  show(bar, true);
  setTimeout(() => {
    if (heard || !level) return;
    stopLevel();
    tell(t('This device does not tell how it is held.'));
  }, 1500);
}

const ghostKey = () => `${now.patient?.id} ${now.details?.site} ${now.details?.side}`;

/** Forgets the photo that was laid over the picture. */
export function forgetGhost() {
  ghost?.drop();
  ghostOf = '';
  show(need('ghost', HTMLElement), false);
  show(need('ghost-field', HTMLElement), false);
  pressed('ghost-on', false);
}

/** The photo to compare with. @param {import('../lib/api.js').How} [how] @returns {Promise<Earlier | undefined>} */
async function lastOfSite(how) {
  const d = now.details;
  return sameSite(await earlierPhotos(how), d?.site ?? '', d?.sided ? d.side : '')[0];
}

/** Offers to compare where there is something to compare with. */
async function offerGhost() {
  const key = ghostKey();
  if (!ghostOf) show(button('ghost-on'), false);
  const last = 'subtle' in crypto && (await lastOfSite({ background: true }).catch(() => null)); // without a network there is none
  if (key === ghostKey()) show(button('ghost-on'), Boolean(last));
}

async function toggleGhost() {
  if (ghost?.shown) {
    forgetGhost();
    return tell('');
  }
  const canvas = need('ghost', HTMLCanvasElement);
  ghost ??= new Ghost(canvas, need('capture', HTMLElement).dataset.ghost);
  const key = ghostKey();
  const last = await lastOfSite();
  if (!last || key !== ghostKey() || !(await ghost.show(last))) return; // another site or patient meanwhile
  if (now.step !== 'camera' || key !== ghostKey()) return forgetGhost();
  ghostOf = key;
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' }).format(new Date(last.taken_at));
  need('ghost-label', HTMLElement).textContent = t('Photo of {day}', { day });
  fade();
  show(canvas, true);
  show(need('ghost-field', HTMLElement), true);
  pressed('ghost-on', true);
  tell(t('The photo of {day} lies over the picture. It is not part of the new photo.', { day }));
}

function fade() {
  need('ghost', HTMLElement).style.setProperty('opacity', String(Number(need('ghost-opacity', HTMLInputElement).value) / 100));
}

// Zoom, focus, lamp.

function wireLens() {
  const slider = need('zoom', HTMLInputElement);
  slider.addEventListener('input', () => void acts.lens()?.setZoom(Number(slider.value)));
  button('torch').addEventListener('click', async () => {
    const on = button('torch').getAttribute('aria-pressed') !== 'true';
    if (await acts.lens()?.setTorch(on)) pressed('torch', on);
  });
  const frame = need('frame', HTMLElement);
  gestures(frame, {
    pinchStart: () => (zoomBefore = acts.lens()?.zoom ?? 1),
    pinch: (ratio) => {
      const range = acts.lens()?.zoomRange;
      if (!range) return;
      const value = pinched(zoomBefore, ratio, range);
      slider.value = String(value);
      void acts.lens()?.setZoom(value);
    },
    tap: (x, y) => void focus(frame, x, y),
  });
}

/** @param {HTMLElement} frame @param {number} x @param {number} y */
async function focus(frame, x, y) {
  const at = pointOn(frame.getBoundingClientRect(), x, y);
  if (!at || !(await acts.lens()?.focusAt(at.x, at.y))) return;
  const ring = need('focus-ring', HTMLElement);
  ring.style.setProperty('left', `${100 * at.x}%`);
  ring.style.setProperty('top', `${100 * at.y}%`);
  show(ring, true);
  setTimeout(() => show(ring, false), 900);
}

/** @param {{ lens: () => Lens | null, take: () => void }} wired */
export function wireTools(wired) {
  acts = wired;
  wireLens();
  button('grid-on').addEventListener('click', () => {
    const on = need('grid', SVGGElement).hasAttribute('hidden');
    show(need('grid', SVGGElement), on);
    pressed('grid-on', on);
  });
  button('level-on').addEventListener('click', () => void toggleLevel());
  button('timer').addEventListener('click', nextWait);
  button('voice').addEventListener('click', () => void voice());
  need('ghost-opacity', HTMLInputElement).addEventListener('input', fade);
  button('ghost-on').addEventListener('click', () => void busy(button('ghost-on'), need('tool-note', HTMLElement), toggleGhost));
}
