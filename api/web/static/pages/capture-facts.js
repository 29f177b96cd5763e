// @ts-check
// What the card says about a capture. Pure: the page passes in what it read.

import { t } from '../lib/words.js';

/** @import { Patient } from '../lib/patients.js' */
/** @import { Facts } from '../capture/seal.js' */
/** @import { Still } from './capture-shots.js' */

/**
 * @typedef {object} Details
 * @property {{ record: boolean, teaching: boolean, publication: boolean }} consent
 * @property {string} encounter
 * @property {string} site
 * @property {boolean} sided the site has a left and a right
 * @property {string} side
 */

/** The warnings that a person may overrule, as vault/FORMAT.md names them. */
const overrulable = ['blur', 'dark', 'eyes', 'face', 'far', 'glare', 'tattoo', 'text', 'wristband'];

/**
 * What is still missing, as a sentence with the field to go to; null when nothing is.
 * @param {Details} d
 * @returns {{ field: string, text: string } | null}
 */
export function missing(d) {
  if (!d.consent.record) {
    return { field: 'record', text: t('Without the patient’s consent to the record no photo can be taken. Ask the patient, then choose “The record”.') };
  }
  if (!d.site) return { field: 'site', text: t('Please choose the body site.') };
  if (d.sided && !d.side) return { field: 'site', text: t('Please choose the side.') };
  return null;
}

/**
 * Whether a note fits in the sealed facts: 2,000 bytes.
 * @param {string} note
 */
export function noteFits(note) {
  return new TextEncoder().encode(note.trim()).length <= 2000;
}

/**
 * The visit to propose: the newest that has not ended, else the newest.
 * @param {Patient['encounters']} encounters newest first
 * @returns {string}
 */
export function likelyEncounter(encounters) {
  const list = encounters ?? [];
  return (list.find((e) => !e.ended_at) ?? list[0])?.id ?? '';
}

/**
 * What was measured on a photo, as the facts hold it (vault/FORMAT.md, section 2); undefined when nothing was.
 * @param {Still | null} still
 * @param {string[]} overruled
 */
export function measuresOf(still, overruled) {
  /** @type {{ pixels_per_mm?: number, colour?: number[], sharpness?: number, overruled?: string[] }} */
  const m = {};
  const scale = still?.scale;
  if (scale && scale.pixels_per_mm >= 0.1 && scale.pixels_per_mm <= 1000) m.pixels_per_mm = scale.pixels_per_mm;
  if (scale?.colour?.length === 12 && scale.colour.every(Number.isFinite)) m.colour = [...scale.colour];
  if (still && still.sharpness >= 0 && still.sharpness <= 1) m.sharpness = still.sharpness;
  const said = overrulable.filter((code) => overruled.includes(code));
  if (said.length) m.overruled = said;
  return Object.keys(m).length ? m : undefined;
}

/**
 * @param {{ captureID: string, patient: string, author: string, details: Details, note?: string, mediaType: string, takenAt: Date, measures?: ReturnType<typeof measuresOf> }} c
 * @returns {Facts}
 */
export function factsOf(c) {
  const d = c.details;
  /** @type {Facts} */
  const facts = {
    capture_id: c.captureID,
    patient: c.patient,
    encounter: d.encounter,
    body_site: d.site,
    laterality: /** @type {Facts['laterality']} */ (d.sided ? d.side : ''),
    author: c.author,
    device: '',
    media_type: c.mediaType,
    note: (c.note ?? '').trim(),
    consent: { ...d.consent },
    taken_at: c.takenAt.toISOString(),
  };
  return c.measures ? { ...facts, measures: c.measures } : facts;
}

/**
 * Whole years since a day of birth; null for a day that cannot be read.
 * @param {string} born YYYY-MM-DD @param {Date} at
 */
export function ageAt(born, at) {
  const m = /^(\d{4})-(\d{2})-(\d{2})$/.exec(born);
  if (!m) return null;
  const [y, mo, d] = m.slice(1).map(Number);
  const years = at.getFullYear() - y - (at.getMonth() + 1 < mo || (at.getMonth() + 1 === mo && at.getDate() < d) ? 1 : 0);
  return years >= 0 ? years : null;
}
