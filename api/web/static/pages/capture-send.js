// @ts-check
// Sealing what was taken, the queue that holds ciphertext only, and what becomes of it.

import { call } from '../lib/api.js';
import { alarm, need, say, sentence, show, viewfinder } from '../lib/dom.js';
import { locale, t } from '../lib/words.js';
import { newCaptureID } from '../capture/bytes.js';
import { intake, trustedNow } from '../capture/offline.js';
import { openQueue } from '../capture/queue.js';
import { seal } from '../capture/seal.js';
import { newItem, noConnection } from '../capture/state.js';
import { verifyReceipt } from '../capture/receipt.js';
import { Uploader } from '../capture/upload.js';
import { loadSeal } from '../capture/wasm.js';
import { factsOf, measuresOf } from './capture-facts.js';
import { Panel, sentText } from './capture-queue.js';
import { drop, markShots } from './capture-shots.js';
import { complain, go, now } from './capture-steps.js';

/** @import { Shot } from './capture-shots.js' */

const sealing = { module: /** @type {any} */ (null), intake: /** @type {any} */ (null) };

/** @type {ReturnType<typeof openQueue>} */
let queue;
/** @type {Panel} */
let panel;
/** @type {Uploader | null} */
let uploader = null;
let signInAgain = () => {};

const data = () => need('capture', HTMLElement).dataset;

/** Loads what sealing needs; again after a failure. */
async function readySeal() {
  sealing.module ??= await loadSeal({ execURL: data().wasmExec ?? '', wasmURL: data().wasm ?? '' });
  sealing.intake ??= await intake(data().intake ?? '');
  show(need('no-wasm', HTMLElement), sealing.module.fallback);
}

/** How long Send waits for what the checks measure on a photo, in milliseconds. */
const judgedWithin = 1500;

/** Seals one photo into the queue. Its pixels are gone afterwards, in every case. @param {Shot} shot */
async function sealOne(shot) {
  await Promise.race([shot.judged, new Promise((resolve) => setTimeout(resolve, judgedWithin))]);
  if (!now.shots.includes(shot)) return; // thrown away meanwhile
  shot.sealing = true;
  const facts = factsOf({
    captureID: newCaptureID(), patient: shot.patient, author: now.person, details: shot.details, note: shot.note,
    mediaType: shot.frame.media_type, takenAt: shot.takenAt, measures: measuresOf(shot.still, shot.overruled),
  });
  const store = await queue;
  try {
    const envelope = await seal(sealing.module, sealing.intake, facts, shot.frame.bytes);
    const kept = await store.put(newItem(envelope, now.person, trustedNow()));
    if (!kept) alarm(t('This device has no space left. The sealed photo is only in the memory of this page: keep the page open until it is received, free space on the device, or go to where the network is good.'));
    now.sent.push(envelope.capture_id);
  } finally {
    const at = now.shots.indexOf(shot);
    if (at >= 0) now.shots.splice(at, 1);
    drop(shot);
    markShots(now.shots);
  }
}

/** Seals and sends all that was taken; what cannot be sealed is told, and the rest stays to be tried again. */
export async function sendAll() {
  await readySeal(); // before a frame is touched: a failure here leaves all of them for another try
  now.sent = [];
  try {
    for (const shot of [...now.shots]) await sealOne(shot);
  } catch (err) {
    void startUploads();
    go(now.shots.length > 0 ? 'review' : 'camera');
    throw err;
  }
  if (now.sent.length === 0) return go('camera'); // the page was left and is back: its photos are gone, and nothing was sent
  waitingFor = justSent = now.sent.length;
  sentWords();
  go('sent');
  void startUploads();
}

/** How many photos were just sent, and how many of them the vault has not received yet. */
let justSent = 0;
let waitingFor = 0;

/** Says how the photos just sent stand: waiting, on their way, or with the vault. */
function sentWords() {
  if (justSent === 0) return;
  const { title, text } = sentText(justSent, waitingFor, 'away' in document.body.dataset);
  const head = need('sent-title', HTMLElement);
  if (head.textContent !== title) say(title);
  head.textContent = title;
  need('sent-text', HTMLElement).textContent = text;
}

/** @param {string} id @param {string} photo */
function received(id, photo) {
  panel.arrived(id, photo);
  if (!now.sent.includes(id)) return;
  now.sent = now.sent.filter((one) => one !== id);
  waitingFor = now.sent.length;
  sentWords();
}

/** @param {string} iso @returns {string} the time of day */
const clock = (iso) => new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(iso));

/** @type {Promise<{ key_id: string, public_key: string }[]> | null} */
let keys = null;

/** The keys that sign receipts. They are public, so a locked screen does not keep the queue back. @param {boolean} fresh */
function receiptKeys(fresh) {
  if (fresh || !keys) {
    keys = call('GET', data().keys ?? '', undefined, { background: true }).then((all) => all.receipts);
    keys.catch(() => (keys = null));
  }
  return keys;
}

/** Sends what waits; what sealing needs is not needed for it. */
export async function startUploads() {
  const store = await queue;
  if (uploader) {
    void uploader.kick();
    return uploader;
  }
  uploader = new Uploader({
    queue: store, owner: now.person, url: data().captures, uploads: data().uploads, receiptKeys, verify: verifyReceipt,
  });
  /** @param {string} name @param {(detail: any) => void} act */
  const on = (name, act) => uploader?.addEventListener(name, (e) => act(/** @type {CustomEvent} */ (e).detail));
  on('progress', (d) => {
    panel.moved(d.capture_id, d.sent, d.total);
    sentWords();
  });
  on('received', (d) => received(d.capture_id, d.photo_id));
  on('failed', (d) => alarm(t(d.sentence)));
  on('waiting', (d) => {
    const next = t('Next try at {time}.', { time: clock(d.retry_at) });
    panel.wait(d.capture_id ? next : `${t(d.sentence)} ${next}`); // the photo's row says why
    if (d.sentence === noConnection) globalThis.dispatchEvent(new Event('clinivault-silent'));
    sentWords();
  });
  on('signin', (d) => {
    panel.wait(t(d.sentence));
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
  } catch (err) {
    complain(sentence(err));
  }
}

/** Takes a note off the queue that no longer holds, and sends. */
export function sendOn() {
  panel.wait('');
  void startUploads();
}

/** @param {{ signIn: () => void }} acts signIn: the session is over */
export function wireSend(acts) {
  signInAgain = acts.signIn;
  queue = openQueue();
  panel = new Panel(now.person, (id) => void startUploads().then((u) => u.retry(id)));
  globalThis.addEventListener('clinivault-send', () => {
    sendOn();
    need('queue', HTMLElement).scrollIntoView();
  });
  globalThis.addEventListener('clinivault-leave', () => uploader?.stop());
  void watchQueue();
  void startEarly();
}

/** Sends what waits at once; with nothing to send, what sealing needs is fetched after the first picture of the camera. */
async function startEarly() {
  const waits = await queue.then((store) => store.list()).then((items) => items.some((i) => i.owner === now.person), () => true);
  if (waits) void startUploads().catch((err) => complain(sentence(err)));
  await viewfinder(6_000);
  await readySeal().catch((err) => panel.wait(sentence(err)));
  void startUploads().catch(() => {}); // said before
}
