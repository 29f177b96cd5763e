// @ts-check
// The regions of the photo under review and the selection among them. Pure;
// every act gives a new state, so that History can keep the old ones.

import { proper, same } from './geometry.js';

/** @typedef {import('./geometry.js').Box} Box */
/** @typedef {import('./geometry.js').Size} Size */
/** @typedef {'face' | 'tattoo' | 'text' | 'drawn'} Kind */
/**
 * @typedef {object} Region
 * @property {string} key of this page alone
 * @property {string} id the vault's, empty for one drawn here
 * @property {Kind} kind
 * @property {Box} box
 * @property {number} score of the detector; 0 for a person's
 * @property {string} source the detector, or "person"
 * @property {string} learned which cascade and thresholds, for a tooltip; empty for a person's
 * @property {boolean} faint proposed without being sure: covered only once it is accepted
 * @property {boolean} touched moved, resized or drawn here
 */
/** @typedef {{ regions: Region[], selected: string }} State selected is a key, or empty */

/** @type {Kind[]} */
export const kinds = ['face', 'tattoo', 'text', 'drawn'];

/** What a kind is called. @type {Record<Kind, string>} */
export const kindNames = { face: 'Face', tattoo: 'Tattoo', text: 'Text', drawn: 'Other' };

/** The letter that marks a kind, so that colour does not tell alone; also its key. @type {Record<Kind, string>} */
export const kindLetters = { face: 'F', tattoo: 'T', text: 'W', drawn: 'O' };

/**
 * The regions of a photo as the vault sent them; what a reviewer removed before is not drawn again.
 * @param {any[] | null | undefined} sent
 * @param {Size} size
 * @returns {State}
 */
export function fromWire(sent, size) {
  const regions = (sent ?? []).filter((r) => r && r.fate !== 'removed').map((r, i) => {
    const at = r.box ?? r;
    /** @type {Region} */
    const region = {
      key: `r${i}`,
      id: String(r.id ?? ''),
      kind: kinds.includes(r.kind) ? r.kind : 'drawn',
      box: proper({ x0: Number(at.x0), y0: Number(at.y0), x1: Number(at.x1), y1: Number(at.y1) }, size),
      score: Number(r.score) || 0,
      source: String(r.source ?? ''),
      learned: [r.model ? `model ${String(r.model).slice(0, 12)}` : '', r.tuning ? `thresholds ${r.tuning}` : ''].filter(Boolean).join(', '),
      faint: r.faint === true,
      touched: false,
    };
    return region;
  });
  return { regions, selected: '' };
}

/** What is covered as things stand. @param {State} state */
export const firm = (state) => state.regions.filter((r) => !r.faint);

/** What is covered only if the person accepts it. @param {State} state */
export const faint = (state) => state.regions.filter((r) => r.faint);

/**
 * What the vault is asked to cover: no faint region.
 * @param {State} state
 */
export function toWire(state) {
  return firm(state).map((r) => (r.id ? { id: r.id, kind: r.kind, ...r.box } : { kind: r.kind, ...r.box }));
}

/** @param {State} state @returns {Region | undefined} */
export const chosen = (state) => state.regions.find((r) => r.key === state.selected);

/** @param {State} state @param {string} key @returns {State} */
export function select(state, key) {
  return state.selected === key ? state : { ...state, selected: key };
}

/**
 * The next or the previous region, round and round.
 * @param {State} state @param {1 | -1} step @returns {State}
 */
export function step(state, step) {
  const n = state.regions.length;
  if (n === 0) return state;
  const at = state.regions.findIndex((r) => r.key === state.selected);
  const next = at < 0 ? (step > 0 ? 0 : n - 1) : (at + step + n) % n;
  return select(state, state.regions[next].key);
}

/**
 * Adds a region a person drew and selects it.
 * @param {State} state @param {Box} box @param {Size} size @returns {State}
 */
export function add(state, box, size) {
  const used = state.regions.map((r) => Number(r.key.slice(1)));
  const key = `r${Math.max(-1, ...used) + 1}`;
  /** @type {Region} */
  const region = { key, id: '', kind: 'drawn', box: proper(box, size), score: 0, source: 'person', learned: '', faint: false, touched: true };
  return { regions: [...state.regions, region], selected: key };
}

/**
 * Removes a region; its neighbour is selected, so that removing can go on.
 * @param {State} state @param {string} key @returns {State}
 */
export function remove(state, key) {
  const at = state.regions.findIndex((r) => r.key === key);
  if (at < 0) return state;
  const regions = state.regions.filter((r) => r.key !== key);
  return { regions, selected: regions[Math.min(at, regions.length - 1)]?.key ?? '' };
}

/** Who moves a faint region accepts it. @param {State} state @param {string} key @param {Box} box @returns {State} */
export function place(state, key, box) {
  return change(state, key, (r) => (same(r.box, box) ? r : { ...r, box, touched: true, faint: false }));
}

/** Who names a faint region accepts it. @param {State} state @param {string} key @param {Kind} kind @returns {State} */
export function call(state, key, kind) {
  return change(state, key, (r) => (r.kind === kind && !r.faint ? r : { ...r, kind, faint: false }));
}

/**
 * Accepts a faint region; the next faint one is selected, so that accepting can go on.
 * @param {State} state @param {string} key @returns {State}
 */
export function accept(state, key) {
  const next = change(state, key, (r) => (r.faint ? { ...r, faint: false } : r));
  if (next === state) return state;
  const at = state.regions.findIndex((r) => r.key === key);
  const left = [...next.regions.slice(at), ...next.regions.slice(0, at)].find((r) => r.faint);
  return { ...next, selected: left?.key ?? key };
}

/** Accepts all faint regions. @param {State} state @returns {State} */
export function acceptAll(state) {
  if (faint(state).length === 0) return state;
  return { ...state, regions: state.regions.map((r) => (r.faint ? { ...r, faint: false } : r)) };
}

/** @param {State} state @param {string} key @param {(r: Region) => Region} fn @returns {State} */
function change(state, key, fn) {
  let other = false;
  const regions = state.regions.map((r) => {
    if (r.key !== key) return r;
    const now = fn(r);
    other = other || now !== r;
    return now;
  });
  return other ? { ...state, regions } : state;
}

/**
 * One line about a region, for the list and for a screen reader.
 * @param {Region} r
 */
export function about(r) {
  if (!r.id) return 'drawn by you';
  if (r.source === 'person') return r.touched ? 'drawn by a reviewer, changed by you' : 'drawn by a reviewer';
  const by = `${r.faint ? 'by' : 'proposed by'} ${r.source.split(' ')[0] || 'a detector'}`;
  const score = r.score > 0 ? `, score ${r.score >= 10 ? Math.round(r.score) : r.score.toFixed(2)}` : '';
  return by + score + (r.touched ? ', changed by you' : '');
}

/**
 * What a pointer that rests on a region is told.
 * @param {Region} r
 */
export function tooltip(r) {
  return [kindNames[r.kind] + (r.faint ? ', faint' : ''), about(r), r.learned, r.faint ? 'not covered unless you accept it (Y)' : ''].filter(Boolean).join(', ');
}

/**
 * What to warn of when the detectors are sure of nothing; otherwise nothing.
 * @param {any[] | null | undefined} regions
 */
export function nothing(regions) {
  const proposed = (regions ?? []).filter((r) => r.source !== 'person');
  if (proposed.length === 0) return 'No proposal: no face, tattoo or text was found.';
  return proposed.every((r) => r.faint) ? 'Only faint proposals: nothing was found with certainty.' : '';
}

/**
 * Whether a second opinion was asked: a face model that the operator supplied looked at the photo too.
 * @param {string[] | null | undefined} detectors that looked at the photo
 */
export const second = (detectors) => (detectors ?? []).some((d) => d.startsWith('opinion/'));
