// @ts-check
// The camera inside the page. A frame exists in memory only: no file input, no download, no object address.

import { t } from '../lib/words.js';
import { mediaTypeOf } from './bytes.js';
import { Lens, largestPhoto } from './lens.js';

/** How long the camera's own photo may take before the frame on view is taken instead, in milliseconds. */
const photoTime = 4000;

/**
 * @typedef {object} Frame
 * @property {Uint8Array<ArrayBuffer>} bytes the encoded picture; seal() zeroes it
 * @property {string} media_type
 */

/** Why there is no picture, as one sentence, and what to do about it as another. */
export class CameraError extends Error {
  /** @param {{ sentence: string, remedy: string }} told @param {unknown} [cause] */
  constructor(told, cause) {
    super(`${told.sentence} ${told.remedy}`, { cause });
    this.name = 'CameraError';
    this.sentence = told.sentence;
    this.remedy = told.remedy;
  }
}

/**
 * Says an error of getUserMedia (W3C Media Capture and Streams, 10.2) to a person.
 * @param {string} name of the DOMException
 * @returns {{ sentence: string, remedy: string }}
 */
export function explainCameraError(name) {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return { sentence: t('The camera is not allowed on this page.'), remedy: t('Allow it in the address bar or in the settings of the device, then try again.') };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { sentence: t('No camera was found.'), remedy: t('Connect a camera or use another device.') };
    case 'NotReadableError':
    case 'AbortError':
      return { sentence: t('The camera is in use by another program.'), remedy: t('Close the other program, then try again.') };
    case 'Unsupported':
      return { sentence: t('This browser gives no camera to this page.'), remedy: t('Open the page over HTTPS in a current browser.') };
    case 'Lost':
      return { sentence: t('The camera was disconnected.'), remedy: t('Connect it again, then try again. Photos taken before are still here.') };
    case 'NoMicrophone':
      return { sentence: t('The microphone is not allowed on this page, or there is none.'), remedy: t('Use the timer or the button instead.') };
    case 'EmptyFrame':
      return { sentence: t('The camera gave no picture.'), remedy: t('Wait until you see the picture move, then try again.') };
    default:
      return { sentence: t('The camera could not be started.'), remedy: t('Try again; if it stays, restart the browser.') };
  }
}

/** @param {unknown} err @returns {CameraError} */
function told(err) {
  if (err instanceof CameraError) return err;
  return new CameraError(explainCameraError(err instanceof Error ? err.name : ''), err);
}

/** A running camera. Its tracks stop with stop(), and must when the page is hidden or left. */
export class Camera {
  /** @type {MediaStream} */ #stream;
  /** @type {HTMLVideoElement} */ #video;

  /** @param {MediaStream} stream @param {HTMLVideoElement} video */
  constructor(stream, video) {
    this.#stream = stream;
    this.#video = video;
    /** What this camera can do besides showing a picture. */
    this.lens = new Lens(stream.getVideoTracks()[0]);
  }

  /**
   * Tells when the camera goes away by itself: unplugged, or its permission taken back. stop() tells nothing.
   * @param {(err: CameraError) => void} told
   */
  onLost(told) {
    const [track] = this.#stream.getVideoTracks();
    track?.addEventListener('ended', () => told(new CameraError(explainCameraError('Lost'))), { once: true });
  }

  /** Whether the camera still gives pictures. */
  get live() {
    return this.#stream.getVideoTracks().some((t) => t.readyState === 'live');
  }

  /** The device in use, for switching to the next. @returns {string} */
  get deviceID() {
    return this.#stream.getVideoTracks()[0]?.getSettings().deviceId ?? '';
  }

  /**
   * Takes a photo: the camera's own picture where the browser gives it, otherwise the frame on view as JPEG.
   * @returns {Promise<Frame>}
   */
  async grab() {
    const track = this.#stream.getVideoTracks()[0];
    if (!track || track.readyState !== 'live') throw told(new DOMException('', 'NotReadableError'));
    const blob = (await photoOf(track)) ?? (await frameOf(this.#video));
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return { bytes, media_type: mediaTypeOf(bytes) };
  }

  /** Stops the camera; its light goes out. */
  stop() {
    for (const track of this.#stream.getTracks()) track.stop();
    this.#video.srcObject = null;
  }
}

/**
 * The camera's own full-size picture; null where the browser has none or gives one the vault does not take.
 * @param {MediaStreamTrack} track
 * @returns {Promise<Blob | null>}
 */
async function photoOf(track) {
  const Capture = /** @type {any} */ (globalThis).ImageCapture;
  if (!Capture) return null;
  try {
    const capture = new Capture(track);
    const largest = largestPhoto(await capture.getPhotoCapabilities().catch(() => null));
    const blob = await Promise.race([
      capture.takePhoto(largest ?? {}).catch(() => capture.takePhoto()),
      new Promise((_, reject) => setTimeout(reject, photoTime)),
    ]);
    return mediaTypeOf(new Uint8Array(await blob.slice(0, 16).arrayBuffer())) ? blob : null;
  } catch {
    return null; // some cameras announce it and cannot; the frame on view will do
  }
}

/** @param {HTMLVideoElement} video @returns {Promise<Blob>} */
async function frameOf(video) {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width || !height) throw new CameraError(explainCameraError('EmptyFrame'));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  try {
    const context = canvas.getContext('2d');
    if (!context) throw new CameraError(explainCameraError('EmptyFrame'));
    context.drawImage(video, 0, 0);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((b) => (b ? resolve(b) : reject(new CameraError(explainCameraError('EmptyFrame')))), 'image/jpeg', 0.95);
    });
  } finally {
    canvas.width = canvas.height = 0; // lets go of the pixels
  }
}

/**
 * Starts the camera and shows it in the video element.
 * @param {HTMLVideoElement} video
 * @param {{ deviceID?: string }} [choice] a camera from cameras(); without it the one at the back
 * @returns {Promise<Camera>} rejects with CameraError
 */
export async function openCamera(video, choice = {}) {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError(explainCameraError('Unsupported'));
  /** @type {MediaStream | undefined} */
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        width: { ideal: 4096 },
        height: { ideal: 3072 },
        ...(choice.deviceID ? { deviceId: { exact: choice.deviceID } } : { facingMode: { ideal: 'environment' } }),
      },
    });
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    return new Camera(stream, video);
  } catch (err) {
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    throw told(err);
  }
}

/**
 * The microphone, for a shutter that listens. Only after the person asked for it.
 * @returns {Promise<MediaStream>} rejects with CameraError
 */
export async function openMicrophone() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: false, audio: { echoCancellation: false, autoGainControl: false, noiseSuppression: true } });
  } catch (err) {
    throw new CameraError(explainCameraError('NoMicrophone'), err);
  }
}

/** The cameras of the device, known once one was allowed. @returns {Promise<{ id: string, label: string }[]>} */
export async function cameras() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all.filter((d) => d.kind === 'videoinput' && d.deviceId).map((d, i) => ({ id: d.deviceId, label: d.label || `Camera ${i + 1}` }));
}

/**
 * Draws a taken photo for the person to judge. No address is made for it.
 * @param {HTMLCanvasElement} canvas
 * @param {Frame} frame
 */
export async function drawPreview(canvas, frame) {
  const bitmap = await createImageBitmap(new Blob([frame.bytes], { type: frame.media_type }));
  try {
    const scale = Math.min(1, 1600 / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.dataset.photoWidth = String(bitmap.width);
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  } finally {
    bitmap.close();
  }
}

/** Throws a taken photo away. @param {Frame | null} frame @param {HTMLCanvasElement} [canvas] */
export function forget(frame, canvas) {
  frame?.bytes.fill(0);
  if (canvas) canvas.width = canvas.height = 0;
}
