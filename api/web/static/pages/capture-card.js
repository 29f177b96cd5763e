// @ts-check
// The card: who it is, what they agreed to, and which part of the body. Nothing that could be wrong is chosen beforehand.

import { address, call } from '../lib/api.js';
import { busy, need, say, sentence, show } from '../lib/dom.js';
import { locale, t } from '../lib/words.js';
import { earlierSites } from '../capture/ghost.js';
import { ageAt, likelyEncounter, missing } from './capture-facts.js';
import { allSites, chips, choicesOf, nearest, remember, siteText, usedBy } from './capture-sites.js';
import { openFigure } from './capture-figure.js';
import { go, now, onStep } from './capture-steps.js';

/** @import { Patient } from '../lib/patients.js' */
/** @import { Details } from './capture-facts.js' */
/** @import { Choice, Site } from './capture-sites.js' */
/** @import { Earlier } from '../capture/ghost.js' */

/** @type {Site[]} */
let sites = [];
/** @type {Choice | null} */
let chosen = null;
/** @type {{ patient: string, photos: Earlier[] } | null} the photos of the patient, once they were asked for */
let known = null;

const form = () => need('details', HTMLFormElement);

/** @param {string} born YYYY-MM-DD @returns {string} the day and the age */
export function bornText(born) {
  const at = new Date(`${born}T12:00:00`);
  if (Number.isNaN(at.getTime())) return t('born {day}', { day: born });
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' }).format(at);
  const age = ageAt(born, new Date());
  return age === null ? t('born {day}', { day }) : t('born {day}, {age} years', { day, age });
}

/** @param {string} number */
export const numberText = (number) => t('number {number}', { number });

/** One line about whom and what, for the screens that follow. */
export function aboutText() {
  const p = now.patient;
  const d = now.details;
  if (!p) return '';
  const site = d ? siteText(sites.find((s) => s.code === d.site), d.sided ? d.side : '') : '';
  return [p.name, bornText(p.birth_date), site].filter(Boolean).join(' · ');
}

/** Shows the card of a patient. @param {Patient} p */
export function choose(p) {
  if (now.patient?.id !== p.id) {
    now.details = null;
    globalThis.dispatchEvent(new Event('clinivault-other-patient'));
  }
  now.patient = p;
  form().reset();
  pick(null);
  need('card-name', HTMLElement).textContent = p.name;
  need('card-born', HTMLElement).textContent = bornText(p.birth_date);
  need('card-number', HTMLElement).textContent = numberText(p.record_number);
  showVisits(p.encounters ?? []);
  drawSites();
  show(need('earlier', HTMLElement), false);
  show(need('site-earlier', HTMLElement), true);
  go('card');
}

/** @param {NonNullable<Patient['encounters']>} visits */
function showVisits(visits) {
  const likely = likelyEncounter(visits);
  const text = (/** @type {typeof visits[number]} */ e) => {
    const at = e.started_at ? new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' }).format(new Date(e.started_at)) : '';
    const since = at ? t('{visit}, since {at}', { visit: e.label, at }) : e.label;
    return e.ended_at ? t('{visit} (ended)', { visit: since }) : since;
  };
  need('encounter', HTMLSelectElement).replaceChildren(...visits.map((e) => new Option(text(e), e.id, e.id === likely, e.id === likely)));
  show(need('encounter-field', HTMLElement), visits.length > 1);
  const line = need('card-visit', HTMLElement);
  line.textContent = visits.length === 1 ? text(visits[0]) : '';
  show(line, visits.length === 1);
}

/** The sites one tap away, with the chosen one among them. */
function drawSites() {
  const near = nearest(usedBy(now.person), sites.map((s) => s.code));
  const offered = near.flatMap((code) => choicesOf(/** @type {Site} */ (sites.find((s) => s.code === code))));
  const has = offered.some((c) => c.site === chosen?.site && c.side === chosen.side);
  need('sites', HTMLElement).replaceChildren(...chips(chosen && !has ? [chosen, ...offered] : offered, sites, pick));
  mark();
}

function mark() {
  for (const chip of form().querySelectorAll('button[data-site]')) {
    const on = chosen !== null && chip.getAttribute('data-site') === chosen.site && chip.getAttribute('data-side') === chosen.side;
    chip.setAttribute('aria-pressed', String(on));
  }
}

/** @param {Choice | null} choice */
function pick(choice) {
  chosen = choice;
  need('details-error', HTMLElement).textContent = '';
  mark();
}

/**
 * The photos of the patient on the card, asked for once for each time that the card is shown.
 * @param {import('../lib/api.js').How} [how]
 * @returns {Promise<Earlier[]>}
 */
export async function earlierPhotos(how) {
  const id = now.patient?.id ?? '';
  if (known?.patient === id) return known.photos;
  const answer = await call('GET', address(need('capture', HTMLElement).dataset.photos, { id }), undefined, how);
  if (now.patient?.id !== id) return [];
  known = { patient: id, photos: answer?.photos ?? [] };
  return known.photos;
}

async function showEarlier() {
  const found = earlierSites(await earlierPhotos());
  const list = need('earlier', HTMLElement);
  list.replaceChildren(...found.map((p) => {
    const item = document.createElement('li');
    const site = sites.find((s) => s.code === p.body_site);
    const [chip] = chips([{ site: p.body_site, side: site?.sided ? p.laterality : '' }], sites, pick);
    const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' }).format(new Date(p.taken_at));
    chip.textContent = `${chip.textContent} · ${day}`;
    item.append(chip);
    return item;
  }));
  show(list, found.length > 0);
  show(need('site-earlier', HTMLElement), false);
  mark();
  say(found.length ? t('{n} earlier sites.', { n: found.length }) : t('No earlier photo of this patient.'));
  if (found.length === 0) need('details-error', HTMLElement).textContent = t('No earlier photo of this patient.');
}

/** @returns {Details} */
function read() {
  const data = new FormData(form());
  return {
    consent: { record: data.has('record'), teaching: data.has('teaching'), publication: data.has('publication') },
    encounter: String(data.get('encounter') ?? ''),
    site: chosen?.site ?? '',
    sided: sites.find((s) => s.code === chosen?.site)?.sided ?? false,
    side: chosen?.side ?? '',
  };
}

/** @param {Event} event */
function confirm(event) {
  event.preventDefault();
  const details = read();
  const gap = missing(details);
  need('details-error', HTMLElement).textContent = gap?.text ?? '';
  if (gap) {
    const field = gap.field === 'record' ? form().querySelector('[name="record"]') : need('sites', HTMLElement).querySelector('button');
    if (field instanceof HTMLElement) field.focus();
    need('details-error', HTMLElement).scrollIntoView({ block: 'nearest' });
    return;
  }
  const other = now.details?.site !== details.site || now.details.side !== details.side;
  now.details = details;
  if (other) globalThis.dispatchEvent(new Event('clinivault-other-site'));
  remember(now.person, details.site);
  go('camera');
}

/** @param {{ wrongPatient: () => void }} acts */
export function wireCard(acts) {
  sites = allSites();
  onStep('card', {
    enter: () => {
      known = null; // there may be more by now
      drawSites();
    },
  });
  form().addEventListener('submit', confirm);
  form().addEventListener('input', () => (need('details-error', HTMLElement).textContent = ''));
  const meaning = need('meaning-open', HTMLButtonElement);
  meaning.addEventListener('click', () => {
    const on = need('consent-meaning', HTMLElement).hasAttribute('hidden');
    show(need('consent-meaning', HTMLElement), on);
    meaning.setAttribute('aria-expanded', String(on));
  });
  need('wrong-patient', HTMLButtonElement).addEventListener('click', acts.wrongPatient);
  need('site-other', HTMLButtonElement).addEventListener('click', () => openFigure(sites, (choice) => {
    pick(choice);
    drawSites();
    need('to-camera', HTMLElement).focus();
  }));
  const earlier = need('site-earlier', HTMLButtonElement);
  earlier.addEventListener('click', () => void busy(earlier, need('details-error', HTMLElement), async () => {
    try {
      await showEarlier();
    } catch (err) {
      throw new Error(t('The earlier photos could not be listed. {why}', { why: sentence(err) }), { cause: err });
    }
  }));
}
