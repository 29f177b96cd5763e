// @ts-check
// The scanner of wristbands: the camera on view, frames to a worker, and what it reads there. A frame lives in memory until
// the worker has looked at it. Nothing is typed and nothing is tapped: a band that is held before the camera is read.

import { scriptURL } from '../lib/worker.js';
import { t } from '../lib/words.js';
import { openCamera } from './camera.js';
import { Steady } from './steady.js';

/** @typedef {import('./steady.js').Code} Code */

/**
 * @typedef {object} Wired
 * @property {(codes: Code[]) => void} onBand a wristband was read, twice the same; no further frame is looked at
 * @property {(sentence: string) => void} [onRefused] a code was read that is no wristband
 * @property {(sentence: string) => void} [onHint] what may help
 * @property {boolean} [fresh] the band that was read last counts at once; else only after it was out of view
 */

const longEdge = 1280; // pixels of a frame that is looked at
const middle = 0.6; // of the frame, at the camera's own resolution, each second time: small codes
const hintAfter = 8_000; // milliseconds
const away = 2_000; // out of view for so long, a band counts anew, and what was said of it may be followed by a hint
const startWithin = 20_000;
const pause = 30; // milliseconds between frames, for the viewfinder

/** @type {string[]} the numbers on the band that was read last, by any scanner of this page */
let last = [];

/**
 * Opens the camera and reads until a band is found or it is stopped.
 * @param {HTMLVideoElement} video
 * @param {Wired} wired
 * @returns {Promise<{ stop: () => void }>} rejects with CameraError, or with a sentence where codes cannot be read
 */
export async function openScanner(video, wired) {
  if (typeof WebAssembly !== 'object' || typeof OffscreenCanvas !== 'function') throw unable();
  const camera = await openCamera(video);
  /** @type {Worker | undefined} */
  let worker;
  try {
    worker = await startWorker();
    return run(video, worker, camera, wired);
  } catch (err) {
    camera.stop();
    worker?.terminate();
    throw err;
  }
}

const unable = () => new Error(t('This browser cannot read wristbands here. Pick the patient from the list.'));

/** @returns {Promise<Worker>} ready to read */
function startWorker() {
  const worker = new Worker(scriptURL(new URL('./scan-worker.js', import.meta.url).pathname), { type: 'module' });
  return new Promise((resolve, reject) => {
    const failed = () => {
      worker.terminate();
      reject(unable());
    };
    const timer = setTimeout(failed, startWithin);
    worker.onerror = () => {
      clearTimeout(timer);
      failed();
    };
    worker.onmessage = ({ data }) => {
      clearTimeout(timer);
      if (data.ready) resolve(worker);
      else failed();
    };
  });
}

/**
 * @param {HTMLVideoElement} video @param {Worker} worker @param {{ stop: () => void }} camera @param {Wired} wired
 * @returns {{ stop: () => void }}
 */
function run(video, worker, camera, wired) {
  const steady = new Steady();
  let stopped = false;
  let frames = 0;
  let timer = 0;
  let seen = Infinity; // when a code was in view last, or the first frame came
  if (wired.fresh) last = [];
  const hint = setInterval(() => performance.now() - seen > away && wired.onHint?.(t('No wristband read yet. Hold the band flat and in the light, a hand’s width away, or pick the patient from the list.')), hintAfter);
  const stop = () => {
    if (stopped) return;
    stopped = true;
    clearTimeout(timer);
    clearInterval(hint);
    worker.terminate();
    camera.stop();
  };
  const next = () => {
    if (!stopped) timer = window.setTimeout(send, pause);
  };
  const send = async () => {
    const frame = await grab(video, frames++ % 2 === 1).catch(() => null);
    if (stopped) return frame?.close();
    if (!frame) return next();
    worker.postMessage({ frame }, [frame]);
  };
  worker.onmessage = ({ data }) => {
    if (stopped) return;
    const now = performance.now();
    if (now - seen > away) last = [];
    if (data.codes.length > 0 || now < seen) seen = now;
    const verdict = steady.take(data.codes, now);
    if (verdict && 'codes' in verdict) {
      if (verdict.numbers.some((n) => !last.includes(n))) {
        last = verdict.numbers;
        clearInterval(hint);
        confirmRead();
        return wired.onBand(verdict.codes);
      }
      wired.onHint?.(t('This wristband was just read. Take it away for two seconds to scan it again.'));
    }
    if (verdict && 'refused' in verdict) wired.onRefused?.(verdict.refused);
    if (verdict && 'many' in verdict) wired.onHint?.(t('More than one wristband is in view. Show one alone.'));
    next();
  };
  worker.onerror = () => {
    stop();
    wired.onRefused?.(unable().message);
  };
  next();
  return { stop };
}

/**
 * One frame: the whole, made smaller, or the middle as the camera has it.
 * @param {HTMLVideoElement} video @param {boolean} close
 * @returns {Promise<ImageBitmap | null>}
 */
async function grab(video, close) {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width || !height) return null;
  const part = close && Math.max(width, height) > longEdge ? middle : 1;
  const [w, h] = [Math.round(width * part), Math.round(height * part)];
  const scale = Math.min(1, longEdge / Math.max(w, h));
  return createImageBitmap(video, Math.round((width - w) / 2), Math.round((height - h) / 2), w, h, {
    resizeWidth: Math.max(1, Math.round(w * scale)), resizeHeight: Math.max(1, Math.round(h * scale)), resizeQuality: 'medium',
  });
}

/** Tells hand and ear that a band was read. */
function confirmRead() {
  navigator.vibrate?.(60);
  try {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const level = audio.createGain();
    level.gain.value = 0.08;
    tone.frequency.value = 1760;
    tone.connect(level).connect(audio.destination);
    tone.onended = () => void audio.close();
    tone.start();
    tone.stop(audio.currentTime + 0.09);
  } catch {
    // A browser without sound: the screen says it.
  }
}
