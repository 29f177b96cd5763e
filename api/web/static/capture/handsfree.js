// @ts-check
// A shutter for full hands: a countdown, and a loud sound near the device. The sound is judged here, by its loudness
// alone: nothing of it is recorded, recognised or sent.

/** How often the loudness is read, in milliseconds. */
const readEvery = 40;

/** The quietest sound that counts, as a root mean square of samples of -1 to 1. */
const quietest = 0.06;

/** How much louder than the room a sound must be. */
const louder = 4;

/** Decides whether a sound is meant: clearly louder than the room for two readings, and not again at once. Pure. */
export class Loudness {
  #room = quietest / louder;
  #from = Number.NaN;
  #loud = 0;
  #quietUntil = 0;

  /**
   * @param {number} rms loudness of one reading, 0 to 1
   * @param {number} at milliseconds on any clock that goes on
   * @returns {boolean} whether the shutter is meant
   */
  feed(rms, at) {
    if (Number.isNaN(this.#from)) this.#from = at;
    const loud = rms > quietest && rms > this.#room * louder;
    if (!loud) this.#room += (rms - this.#room) * 0.05; // the room is learnt from what is not loud
    this.#loud = loud ? this.#loud + 1 : 0;
    if (this.#loud < 2 || at - this.#from < 800 || at < this.#quietUntil) return false;
    this.#quietUntil = at + 2000;
    return true;
  }
}

/**
 * How many samples one reading looks at: no fewer than two waits between readings hold, so that the shortest clap is in
 * two of them, whenever it comes.
 * @param {number} rate samples a second
 * @returns {number} a power of two, as AnalyserNode.fftSize wants it (Web Audio API, section 1.8)
 */
export function readingSize(rate) {
  return Math.min(32768, 2 ** Math.ceil(Math.log2((2 * readEvery * rate) / 1000)));
}

/** @param {Float32Array} samples @returns {number} root mean square */
export function loudnessOf(samples) {
  let sum = 0;
  for (const s of samples) sum += s * s;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}

/**
 * Listens until stop() for a loud sound.
 * @param {MediaStream} stream of openMicrophone; stop() ends it
 * @param {() => void} heard
 * @returns {{ stop: () => void }}
 */
export function listen(stream, heard) {
  const audio = new AudioContext();
  const analyser = audio.createAnalyser();
  analyser.fftSize = readingSize(audio.sampleRate);
  const source = audio.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const judge = new Loudness();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const meant = judge.feed(loudnessOf(samples), performance.now());
    samples.fill(0);
    if (meant) heard();
  }, readEvery);
  return {
    stop() {
      clearInterval(timer);
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
      void audio.close();
    },
  };
}

/**
 * Counts down, once a second, to zero.
 * @param {number} seconds
 * @param {(left: number) => void} tick called at once and each second, last with 0
 * @param {{ later?: (act: () => void, ms: number) => any, cancel?: (handle: any) => void }} [clock]
 * @returns {{ stop: () => void }} stops it: no tick follows
 */
export function countdown(seconds, tick, clock = {}) {
  const later = clock.later ?? ((act, ms) => setTimeout(act, ms));
  const cancel = clock.cancel ?? ((handle) => clearTimeout(handle));
  /** @type {any} */
  let handle;
  const step = (/** @type {number} */ left) => {
    if (left > 0) handle = later(() => step(left - 1), 1000);
    tick(left);
  };
  step(seconds);
  return { stop: () => cancel(handle) };
}

/** @type {AudioContext | null} */
let speaker = null;

/**
 * A short tone. A device without sound stays silent.
 * @param {number} hertz @param {number} seconds
 */
export function beep(hertz, seconds) {
  try {
    speaker ??= new AudioContext();
    const tone = speaker.createOscillator();
    const volume = speaker.createGain();
    volume.gain.value = 0.12;
    tone.frequency.value = hertz;
    tone.connect(volume).connect(speaker.destination);
    tone.start();
    tone.stop(speaker.currentTime + seconds);
  } catch {
    // The countdown is on the screen too.
  }
}
