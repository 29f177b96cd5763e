// @ts-check
// Records: filtering, attaching with one click, and how it goes.

import { address, call } from '../lib/api.js';
import { current, errorWords, pause, stateWords, tags, targetWords } from '../lib/attach.js';
import { busy, fill, need, say, sentence, show, stamp } from '../lib/dom.js';

/** @typedef {import('../lib/attach.js').Attachment} Attachment */

const chart = document.getElementById('chart');

/** Shows what fits the words and the state that are asked for. */
function filter() {
  const words = document.getElementById('filter');
  const state = need('state-filter', HTMLSelectElement).value;
  const want = words instanceof HTMLInputElement ? words.value.trim().toLowerCase() : '';
  const items = [...document.querySelectorAll('[data-tags]')];
  let seen = 0;
  for (const item of items) {
    const fits = (!want || (item.getAttribute('data-text') ?? '').toLowerCase().includes(want)) &&
      (!state || (item.getAttribute('data-tags') ?? '').split(' ').includes(state));
    show(item, fits);
    if (fits) seen++;
  }
  for (const group of document.querySelectorAll('[data-group]')) {
    show(group, [...group.querySelectorAll('[data-tags]')].some((item) => !item.hasAttribute('hidden')));
  }
  need('filter-count', HTMLElement).textContent = want || state ? `${seen} of ${items.length} shown` : '';
}

/** @param {string} photo @returns {HTMLElement | null} */
const cardOf = (photo) => chart?.querySelector(`[data-photo="${CSS.escape(photo)}"]`) ?? null;

/** @param {HTMLElement} card @param {Attachment[] | null | undefined} list */
function draw(card, list) {
  const all = current(list, Number(card.dataset.version) || 0);
  const key = JSON.stringify(all.map((a) => [a.id, a.state, a.last_error]));
  if (card.dataset.drawn === key) return;
  card.dataset.drawn = key;
  const rows = all.map((a) => {
    const row = stamp('attachment-row');
    row.dataset.attachment = a.id;
    row.dataset.state = a.state;
    const words = stateWords(a.state);
    fill(row, { target: targetWords(a.target), state: words.text, error: errorWords(a) });
    row.querySelector('.pill')?.classList.add(...(words.tone ? [words.tone] : []));
    return row;
  });
  card.querySelector('[data-part="attachments"]')?.replaceChildren(...rows);
  card.dataset.tags = tags(all).join(' ');
  show(card.querySelector('[data-act="attach"]'), all.length === 0);
  show(card.querySelector('[data-act="retry"]'), all.some((a) => a.state === 'failed'));
  filter();
}

/** Anything that may still change by itself. */
const moving = () => chart?.querySelector('.attachment[data-state="pending"]') !== null;

let round = 0;
let timer = 0;

/** @param {number} ms */
function poll(ms) {
  clearTimeout(timer);
  timer = window.setTimeout(refresh, ms);
}

async function refresh() {
  if (!chart) return;
  if (document.hidden) return poll(5000);
  try {
    const answer = await call('POST', chart.dataset.approved ?? '', chart.dataset.patient ? { patient: chart.dataset.patient } : {});
    for (const photo of answer.photos ?? []) {
      const card = cardOf(photo.id);
      if (card) draw(card, photo.attachments);
    }
    if (moving()) poll(pause(round++));
    else say('Nothing is being attached any more.');
  } catch {
    poll(10_000); // the next look may reach the server again
  }
}

/** @param {HTMLElement} card @param {HTMLButtonElement} button */
async function attach(card, button) {
  await busy(button, card.querySelector('[data-part="error"]'), async () => {
    const answer = await call('POST', address(chart?.dataset.attach, { id: card.dataset.photo ?? '' }), {});
    draw(card, answer.attachments);
    say('Being attached.');
    round = 0;
    poll(pause(0));
  });
}

/** @param {HTMLElement} card @param {HTMLButtonElement} button */
async function retry(card, button) {
  await busy(button, card.querySelector('[data-part="error"]'), async () => {
    for (const row of card.querySelectorAll('.attachment[data-state="failed"]')) {
      await call('POST', address(chart?.dataset.retry, { id: row.getAttribute('data-attachment') ?? '' }));
    }
    round = 0;
    await refresh();
  });
}

chart?.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button[data-act]') : null;
  const card = button?.closest('[data-photo]');
  if (!(button instanceof HTMLButtonElement) || !(card instanceof HTMLElement)) return;
  const act = button.dataset.act === 'attach' ? attach : retry;
  act(card, button).catch((err) => say(sentence(err)));
});

if (document.getElementById('state-filter')) {
  need('state-filter', HTMLSelectElement).addEventListener('change', filter);
  document.getElementById('filter')?.addEventListener('input', filter);
}
if (chart) {
  for (const card of chart.querySelectorAll('[data-photo]')) {
    show(card.querySelector('[data-act="retry"]'), card.querySelector('.attachment[data-state="failed"]') !== null);
  }
  if (moving()) poll(pause(0));
}
