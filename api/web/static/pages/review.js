// @ts-check
// The review room. It claims the next photo, keeps the claim while the person
// works, lets them correct the boxes by keyboard, mouse or finger, and sends
// the decision. The picture is taken off the screen with the claim.

import { Problem, address, call, picture } from '../lib/api.js';
import { askSure } from '../lib/confirm.js';
import { alarm, need, say, sentence, show } from '../lib/dom.js';
import { askReason } from '../lib/reason.js';
import { leftOver } from '../lib/time.js';
import * as boxes from '../review/boxes.js';
import { claimLasts, claimStep } from '../review/claim.js';
import { centred, moved, resized, whole } from '../review/geometry.js';
import { History } from '../review/history.js';
import { command } from '../review/keys.js';
import { Overlay } from '../review/overlay.js';
import { complain, drawFacts, drawHelp, drawLast, drawRegions } from './review-side.js';

const root = need('review', HTMLElement);
const svg = document.querySelector('svg#picture');
if (!(svg instanceof SVGSVGElement)) throw new Error('page has no picture');
const letters = need('letters', HTMLInputElement);

/** @type {{ photo: any, size: { w: number, h: number }, history: History<boxes.State>, urls: string[], claim: { until: number, active: number, renewed: number }, original: boolean, busy: boolean, last: string }} */
const now = {
  photo: null, size: { w: 1, h: 1 }, history: new History({ regions: [], selected: '' }), urls: [],
  claim: { until: 0, active: 0, renewed: 0 }, original: false, busy: false, last: '',
};

const overlay = new Overlay(svg, {
  select: (key) => change(boxes.select(now.history.now, key)),
  place: (key, box) => change(boxes.place(boxes.select(now.history.now, key), key, box)),
  draw: (box) => change(boxes.add(now.history.now, box, now.size)),
});

/** Takes a new state of the boxes. Selecting alone is no step to undo. @param {boxes.State} state @param {string} [run] */
function change(state, run) {
  const before = now.history.now;
  if (state === before) return;
  now.claim.active = Date.now();
  if (state.regions === before.regions) now.history.now = state;
  else now.history.commit(state, run);
  draw();
}

function draw() {
  const state = now.history.now;
  overlay.draw(state);
  drawRegions(state, {
    pick: (key) => change(boxes.select(now.history.now, key)),
    drop: (key) => change(boxes.remove(now.history.now, key)),
    take: (key) => change(boxes.accept(now.history.now, key)),
  });
  need('undo', HTMLButtonElement).disabled = now.history.past.length === 0;
  need('redo', HTMLButtonElement).disabled = now.history.future.length === 0;
}

// Claiming and showing.

let looking = 0;

async function next() {
  clearTimeout(looking);
  close();
  wait('Getting the next photo …');
  try {
    const answer = await call('POST', root.dataset.next ?? '');
    count(answer);
    if (!answer.photo) {
      wait('The queue is empty.');
      show(need('empty', HTMLElement), true);
      lookAgain(10_000);
      return;
    }
    await open(answer.photo);
  } catch (err) {
    wait('No photo could be shown.');
    complain(sentence(err));
    if (err instanceof Problem && err.status === 401) {
      location.assign(`${document.body.dataset.signIn}?next=/review`);
      return;
    }
    if (!(err instanceof Problem) || err.status === 0 || err.status >= 500) lookAgain(Math.max(5000, err instanceof Problem ? err.retryAfter * 1000 : 0));
  }
}

/** @param {number} ms */
function lookAgain(ms) {
  looking = window.setTimeout(() => (document.hidden ? lookAgain(ms) : next()), ms);
}

/** @param {any} answer */
function count(answer) {
  const waiting = Number(answer.waiting) || 0;
  const others = Number(answer.claimed_by_others) || 0;
  need('waiting', HTMLElement).textContent = `${waiting} waiting${others ? `, ${others} with colleagues` : ''}`;
}

/** @param {any} photo */
async function open(photo) {
  const url = await picture(address(root.dataset.picture, { id: photo.id, kind: 'display' }));
  now.urls = [url];
  now.photo = photo;
  now.original = false;
  now.size = { w: photo.width, h: photo.height };
  now.history = new History(boxes.fromWire(photo.regions, now.size));
  const until = Date.parse(photo.claimed_until ?? '') || Date.now() + claimLasts;
  now.claim = { until, active: Date.now(), renewed: Date.now() };
  root.dataset.photo = photo.id;
  complain('');
  wait('');
  for (const id of ['work', 'tools']) show(need(id, HTMLElement), true);
  show(svg, true);
  show(need('claim', HTMLElement), true);
  overlay.open(now.size, url);
  drawFacts(photo);
  draw();
  tick();
  svg?.focus({ preventScroll: true });
  const sure = boxes.firm(now.history.now).length;
  const unsure = boxes.faint(now.history.now).length;
  const warning = boxes.nothing(photo.regions);
  say(`Photo opened. ${sure} to be covered${unsure ? `, ${unsure} faint` : ''}. ${warning ? `${warning} That is a warning, not an all-clear.` : ''}`);
}

/** Takes the photo off the screen and out of memory. */
function close() {
  overlay.close();
  for (const url of now.urls) URL.revokeObjectURL(url);
  now.urls = [];
  now.photo = null;
  delete root.dataset.photo;
  now.history = new History({ regions: [], selected: '' });
  for (const id of ['undo', 'redo']) need(id, HTMLButtonElement).disabled = true;
  show(svg, false);
  for (const id of ['work', 'tools', 'empty', 'claim']) show(need(id, HTMLElement), false);
}

/** @param {string} text */
function wait(text) {
  need('wait-text', HTMLElement).textContent = text;
  show(need('wait', HTMLElement), text !== '');
}

// Keeping the claim.

function tick() {
  if (!now.photo) return;
  const at = Date.now();
  const node = need('claim', HTMLElement);
  node.textContent = `yours for ${leftOver(now.claim.until - at)}`;
  node.classList.toggle('late', now.claim.until - at < 120_000);
  const step = claimStep(now.claim, at);
  if (step === 'renew') void renew();
  if (step === 'lost' && !now.busy) {
    close();
    wait('Your time for this photo is over; it went back to the queue.');
    complain('The photo went back to the queue, because nothing was done for ten minutes. Load the page to go on.');
    alarm('The photo went back to the queue.');
  }
}
setInterval(tick, 1000);

async function renew() {
  const photo = now.photo;
  now.claim.renewed = Date.now();
  try {
    const answer = await call('POST', address(root.dataset.claim, { id: photo.id }));
    if (now.photo === photo) now.claim.until = Date.parse(answer?.claimed_until ?? '') || Date.now() + claimLasts;
  } catch (err) {
    if (now.photo === photo) complain(sentence(err));
  }
}

// Deciding.

/** @param {(photo: any) => Promise<boolean>} act returns whether the photo is done */
async function decide(act) {
  if (!now.photo || now.busy) return;
  now.busy = true;
  now.claim.active = Date.now();
  complain('');
  for (const id of ['approve', 'reject']) need(id, HTMLButtonElement).disabled = true;
  let done = false;
  try {
    done = await act(now.photo);
  } catch (err) {
    complain(sentence(err));
  } finally {
    now.busy = false;
    for (const id of ['approve', 'reject']) need(id, HTMLButtonElement).disabled = false;
  }
  if (done) await next();
}

const approve = () => decide(async (photo) => {
  const state = now.history.now;
  if (boxes.firm(state).length === 0) {
    const unsure = boxes.faint(state).length;
    const sure = await askSure({
      title: 'Nothing would be covered', ok: 'Release it uncovered',
      text: `${unsure ? `No box is accepted (${unsure} faint)` : 'No box is drawn'}, so the whole picture will be visible. Have you looked for faces, tattoos, name badges and wristbands?`,
    });
    if (!sure) return false;
  }
  return sendApproval(photo, state, false);
});

/** @param {any} photo @param {boxes.State} state @param {boolean} force @returns {Promise<boolean>} */
async function sendApproval(photo, state, force) {
  const body = { version: photo.version, regions: boxes.toWire(state), ...(force ? { force: true } : {}) };
  overlay.warn([]);
  try {
    await call('POST', address(root.dataset.approve, { id: photo.id }), body);
  } catch (err) {
    if (now.photo === photo && err instanceof Problem) overlay.warn(err.residual);
    if (!(err instanceof Problem) || err.residual.length === 0) throw err;
    const sure = await askSure({
      title: 'Something may still be visible', ok: 'I looked: release it',
      text: `${sentence(err)} The dotted red box shows where. If there is no face or tattoo, you can release the photo; that you confirmed it is kept in the certificate.`,
    });
    return sure ? sendApproval(photo, state, true) : false;
  }
  now.last = photo.id;
  drawLast('Approved. The covered pixels are destroyed in the released picture.', true);
  say('Approved.');
  return true;
}

/** What makes most photos useless, in words that help whoever took it. */
const rejections = ['Blurred: please take it again', 'Too dark: please take it again', 'The body site is not on the photo', 'Too far away: please take it closer'];

const reject = () => decide(async (photo) => {
  const reason = await askReason({ title: 'Reject this photo?', text: 'It will not reach the chart. Whoever took it sees your reason.', ok: 'Reject', choices: rejections });
  if (!reason) return false;
  await call('POST', address(root.dataset.reject, { id: photo.id }), { version: photo.version, reason });
  drawLast('Rejected.', false);
  say('Rejected.');
  return true;
});

async function reopen() {
  const reason = await askReason({ title: 'Reopen the last photo?', text: 'It goes back into review, and out of the approved photos.', ok: 'Reopen' });
  if (!reason) return;
  try {
    await call('POST', address(root.dataset.reopen, { id: now.last }), { reason });
    drawLast('Reopened. It comes back through the queue.', false);
    if (!now.photo) await next();
  } catch (err) {
    complain(sentence(err));
  }
}

// Commands: the same for keys, buttons and the adjust pad.

async function showOriginal() {
  const photo = now.photo;
  if (!photo) return;
  now.original = !now.original;
  pressed('original', now.original);
  try {
    if (now.original && now.urls.length < 2) {
      const url = await picture(address(root.dataset.picture, { id: photo.id, kind: 'original' }));
      if (now.photo !== photo) {
        URL.revokeObjectURL(url);
        return;
      }
      now.urls.push(url);
    }
    overlay.source(now.urls[now.original ? 1 : 0]);
  } catch (err) {
    now.original = false;
    pressed('original', false);
    complain(sentence(err));
  }
}

/** @param {string} name @param {boolean} on */
function pressed(name, on) {
  document.querySelector(`#tools [data-command="${name}"]`)?.setAttribute('aria-pressed', String(on));
}

/** @param {'move' | 'size'} what @param {number} dx @param {number} dy */
function nudge(what, dx, dy) {
  const state = now.history.now;
  const region = boxes.chosen(state);
  if (!region) return;
  const unit = Math.max(1, Math.round(Math.max(now.size.w, now.size.h) / 800));
  const fn = what === 'move' ? moved : resized;
  change(boxes.place(state, region.key, fn(region.box, dx * unit, dy * unit, now.size)), `${what} ${region.key}`);
}

/** @type {Record<string, () => void>} */
const commands = {
  approve: () => void approve(),
  reject: () => void reject(),
  next: () => pick(1),
  previous: () => pick(-1),
  none: () => change(boxes.select(now.history.now, '')),
  new: () => change(boxes.add(now.history.now, centred(overlay.view, now.size), now.size)),
  remove: () => change(boxes.remove(now.history.now, now.history.now.selected)),
  accept: () => change(acceptIn(now.history.now)),
  'accept-all': () => change(boxes.acceptAll(now.history.now)),
  undo: () => now.history.undo() && draw(),
  redo: () => now.history.redo() && draw(),
  nearer: () => overlay.zoom(1.4),
  farther: () => overlay.zoom(1 / 1.4),
  whole: () => overlay.look(whole(now.size)),
  cover: () => pressed('cover', overlay.boxes.classList.toggle('solid')),
  original: () => void showOriginal(),
  help: () => need('help', HTMLDialogElement).showModal(),
};

/** One key accepts the selected faint box, or all of them when nothing is selected. @param {boxes.State} state */
function acceptIn(state) {
  return state.selected ? boxes.accept(state, state.selected) : boxes.acceptAll(state);
}

/** @param {1 | -1} step */
function pick(step) {
  change(boxes.step(now.history.now, step));
  overlay.focus(now.history.now.selected);
}

/** @param {string} name @returns {boolean} whether it was ours */
function run(name) {
  const [verb, a, b] = name.split(':');
  if (!now.photo && verb !== 'help') return false;
  now.claim.active = Date.now();
  if (verb === 'kind') change(boxes.call(now.history.now, now.history.now.selected, /** @type {boxes.Kind} */ (a)));
  else if (verb === 'move' || verb === 'size') nudge(verb, Number(a), Number(b));
  else if (commands[verb]) commands[verb]();
  else return false;
  return true;
}

document.addEventListener('keydown', (event) => {
  const at = event.target instanceof Element ? event.target : document.body;
  if (document.querySelector('dialog[open]') || at.closest('input, textarea, select')) return;
  const unsure = at.closest('.box-group.faint');
  if ((event.key === 'Enter' || event.key === ' ') && unsure instanceof SVGElement && now.photo) {
    event.preventDefault();
    change(boxes.accept(now.history.now, unsure.dataset.key ?? ''));
    return;
  }
  if (event.key === 'Enter' && at.closest('button, a, [role="button"]')) return; // Enter there is not a decision
  if (event.key === ' ' || event.isComposing) return;
  const name = command(event, letters.checked);
  const needsBox = /^(move|size)/.test(name) && !boxes.chosen(now.history.now);
  if (!name || needsBox) return;
  if (event.repeat && (name === 'approve' || name === 'reject')) return;
  event.preventDefault(); // before the act: it may open a dialog and put the cursor into it
  run(name);
});
document.addEventListener('keyup', (event) => {
  if (event.key.startsWith('Arrow')) now.history.rest();
});
document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('[data-command]') : null;
  if (button) run(button.getAttribute('data-command') ?? '');
});

/** @param {string} id @param {() => unknown} act */
const press = (id, act) => need(id, HTMLButtonElement).addEventListener('click', () => void act());
press('approve', approve);
press('reject', reject);
press('reopen', reopen);
press('undo', () => run('undo'));
press('redo', () => run('redo'));
press('help-button', () => run('help'));

const lettersKey = 'clinivault-review-letters';
letters.checked = localStorage.getItem(lettersKey) !== 'off';
letters.addEventListener('change', () => localStorage.setItem(lettersKey, letters.checked ? 'on' : 'off'));
new ResizeObserver(() => overlay.handles()).observe(svg);
window.addEventListener('pagehide', close);
drawHelp();
void next();
