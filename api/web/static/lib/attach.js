// @ts-check
// How the chart attachments of a photo stand. Pure.

/** @typedef {{ id: string, target: string, state: string, version?: number, last_error?: string }} Attachment */

/**
 * The attachments of the photo as it is released now, without those of an earlier release.
 * @param {Attachment[] | null | undefined} list
 * @param {number} version of the photo
 */
export const current = (list, version) => (list ?? []).filter((a) => (a.version ?? version) >= version);

/** @type {Record<string, { text: string, tone: string }>} */
const states = {
  pending: { text: 'Being attached', tone: 'wait' },
  attached: { text: 'Attached, read back', tone: 'good' },
  failed: { text: 'Not attached', tone: 'bad' },
  retracting: { text: 'Being taken back', tone: 'wait' },
  retracted: { text: 'Taken back', tone: 'off' },
  unreached: { text: 'Not reached', tone: 'bad' },
};

/** @param {string} state */
export const stateWords = (state) => states[state] ?? { text: state, tone: '' };

/**
 * What went wrong with an attachment, and whether somebody has to do something about it.
 * @param {Attachment} a
 */
export const errorWords = (a) => (a.last_error && a.state === 'pending' ? `Not reached; it is tried again by itself. Last answer: ${a.last_error}` : a.last_error ?? '');

/** @type {Record<string, string>} */
const targets = { fhir: 'Health record (FHIR)', dicom: 'Image archive (DICOM)' };

/** @param {string} target */
export const targetWords = (target) => targets[target] ?? target;

/**
 * What a photo is filed under in the filter: open, failed, attached, pending.
 * @param {Attachment[] | null | undefined} list
 * @returns {string[]}
 */
export function tags(list) {
  const all = list ?? [];
  if (all.length === 0) return ['open'];
  const out = [];
  if (all.some((a) => a.state === 'failed')) out.push('failed', 'open');
  if (all.some((a) => a.state === 'pending')) out.push('pending', 'open');
  if (all.every((a) => a.state === 'attached')) out.push('attached');
  return [...new Set(out)];
}

/** Milliseconds until the next look: soon while something moves, slower with time. @param {number} round */
export const pause = (round) => Math.min(30_000, 1500 * 1.3 ** round);
