// @ts-check
// What the form says about a capture. Pure: the page passes in what it read.

/** @import { Patient } from '../lib/patients.js' */
/** @import { Facts } from '../capture/seal.js' */

/**
 * @typedef {object} Details
 * @property {{ record: boolean, teaching: boolean, publication: boolean }} consent
 * @property {string} encounter
 * @property {string} site
 * @property {boolean} sided the site has a left and a right
 * @property {string} side
 * @property {string} note
 */

/**
 * What is still missing, as a sentence with the field to go to; null when nothing is.
 * @param {Details} d
 * @returns {{ field: string, text: string } | null}
 */
export function missing(d) {
  if (!d.consent.record) {
    return { field: 'record', text: 'Without the patient’s consent to the record no photo can be taken. Ask the patient, then tick the first box.' };
  }
  if (!d.site) return { field: 'site', text: 'Please choose the body site.' };
  if (d.sided && !d.side) return { field: 'side', text: 'Please choose the side.' };
  if (new TextEncoder().encode(d.note).length > 2000) return { field: 'note', text: 'The note is too long.' };
  return null;
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
 * @param {{ captureID: string, patient: string, author: string, details: Details, mediaType: string, takenAt: Date }} c
 * @returns {Facts}
 */
export function factsOf(c) {
  const d = c.details;
  return {
    capture_id: c.captureID,
    patient: c.patient,
    encounter: d.encounter,
    body_site: d.site,
    laterality: /** @type {Facts['laterality']} */ (d.sided ? d.side : ''),
    author: c.author,
    device: '',
    media_type: c.mediaType,
    note: d.note.trim(),
    consent: { ...d.consent },
    taken_at: c.takenAt.toISOString(),
  };
}
