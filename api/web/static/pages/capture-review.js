// @ts-check
// The photos taken: looked at, taken again, deleted, with a note; then sealed and sent together.

import { busy, need, say, sentence, show } from '../lib/dom.js';
import { t } from '../lib/words.js';
import { drawPreview } from '../capture/camera.js';
import { aboutText } from './capture-card.js';
import { noteFits } from './capture-facts.js';
import { Bin, markShots, sharpnessOf } from './capture-shots.js';
import { complain, go, now, onStep } from './capture-steps.js';
import { open, showWarnings } from './capture-warnings.js';

/** @import { Shot } from './capture-shots.js' */

/** @type {Shot | null} the one on view */
let viewed = null;
let sending = false; // what was sent is not deleted or changed any more
/** What was deleted by mistake comes back, until the next photo, Send, or another patient. */
const bin = new Bin((holds) => {
  for (const button of document.querySelectorAll('[data-act="undo"]')) show(button, holds);
});

const canvas = () => need('preview', HTMLCanvasElement);
const note = () => need('note', HTMLTextAreaElement);

/** Takes the pixels on view away. */
export function clearView() {
  viewed = null;
  canvas().width = canvas().height = 0;
  note().value = '';
}

/** @param {Shot} shot to be on view when the screen comes; it is drawn already */
export function view(shot) {
  bin.empty();
  viewed = shot;
}

function draw() {
  viewed ??= now.shots.at(-1) ?? null;
  if (!viewed) return go('camera');
  need('review-about', HTMLElement).textContent = aboutText();
  if (canvas().width === 0) void drawOn(viewed);
  note().value = viewed.note;
  const n = now.shots.length;
  show(need('delete', HTMLElement), n > 1);
  need('send', HTMLButtonElement).textContent = n > 1 ? t('Send all {n}', { n }) : t('Send');
  openNote(viewed.note !== '');
  drawStrip();
  drawJudged();
}

/** Draws a photo, unless another is on view by the time it is decoded. @param {Shot} shot */
async function drawOn(shot) {
  const drawn = document.createElement('canvas');
  try {
    await drawPreview(drawn, shot.frame);
    if (shot !== viewed) return;
    Object.assign(canvas(), { width: drawn.width, height: drawn.height });
    canvas().getContext('2d')?.drawImage(drawn, 0, 0);
  } catch (err) {
    if (shot === viewed) complain(sentence(err));
  } finally {
    drawn.width = drawn.height = 0;
  }
}

function drawStrip() {
  const strip = need('strip', HTMLElement);
  show(strip, now.shots.length > 1);
  strip.replaceChildren(...now.shots.map((shot, i) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'thumb';
    button.setAttribute('aria-label', t('Photo {i} of {n}', { i: i + 1, n: now.shots.length }));
    button.setAttribute('aria-pressed', String(shot === viewed));
    button.append(shot.thumb);
    button.addEventListener('click', () => {
      clearView();
      viewed = shot;
      draw();
    });
    return button;
  }));
}

/** Shows what the checks say of the photo on view. */
function drawJudged() {
  const still = viewed?.still;
  show(need('sharp', HTMLElement), Boolean(still));
  const box = need('seen', HTMLElement);
  let list = box.querySelector('ul');
  if (!list) box.append((list = document.createElement('ul')));
  const warnings = still && viewed ? open(still.warnings, viewed.overruled) : [];
  showWarnings(list, warnings, (code) => {
    viewed?.overruled.push(code); // whichever is on view by then
    drawJudged();
  });
  show(box, warnings.length > 0);
  if (!still) return;
  const words = { sharp: t('Sharp'), soft: t('A little soft'), blurred: t('Blurred: better take it again') };
  need('sharp-words', HTMLElement).textContent = words[sharpnessOf(still.sharpness)];
  need('sharp-bar', HTMLMeterElement).value = still.sharpness;
}

/** @param {boolean} on */
function openNote(on) {
  show(need('note-field', HTMLElement), on);
  need('note-open', HTMLElement).setAttribute('aria-expanded', String(on));
}

/** Deletes the photo on view. @returns {boolean} false when it is sent already */
function remove() {
  if (sending) return false;
  const at = viewed ? now.shots.indexOf(viewed) : -1;
  if (at >= 0) bin.put(now.shots.splice(at, 1)[0], at);
  markShots(now.shots);
  clearView();
  return true;
}

function undo() {
  const shot = bin.restore(now.shots);
  if (!shot) return;
  markShots(now.shots);
  clearView();
  viewed = shot;
  go('review');
  say(t('The photo is back.'));
}

function wireUndo() {
  for (const button of document.querySelectorAll('[data-act="undo"]')) button.addEventListener('click', undo);
  for (const name of ['pagehide', 'clinivault-lock', 'clinivault-leave']) globalThis.addEventListener(name, () => bin.empty());
  globalThis.addEventListener('clinivault-step', () => now.step !== 'review' && now.step !== 'camera' && bin.empty());
}

/** @param {{ send: () => Promise<void> }} acts */
export function wireReview(acts) {
  wireUndo();
  onStep('review', { enter: draw, leave: clearView });
  globalThis.addEventListener('clinivault-judged', (e) => {
    if (/** @type {CustomEvent} */ (e).detail === viewed && now.step === 'review') drawJudged();
  });
  need('retake', HTMLButtonElement).addEventListener('click', () => {
    if (remove()) go('camera');
  });
  need('delete', HTMLButtonElement).addEventListener('click', () => {
    if (!remove()) return;
    say(t('Deleted.'));
    draw();
  });
  need('more', HTMLButtonElement).addEventListener('click', () => !sending && go('camera'));
  need('note-open', HTMLButtonElement).addEventListener('click', () => {
    openNote(need('note-field', HTMLElement).hasAttribute('hidden'));
    note().focus();
  });
  note().addEventListener('input', () => {
    complain(noteFits(note().value) ? '' : t('The note is too long.'));
    if (viewed && noteFits(note().value)) viewed.note = note().value;
  });
  const send = need('send', HTMLButtonElement);
  send.addEventListener('click', () => {
    complain('');
    bin.empty();
    void busy(send, null, async () => {
      sending = true;
      try {
        await acts.send();
      } catch (err) {
        complain(sentence(err));
      } finally {
        sending = false;
      }
    });
  });
}
