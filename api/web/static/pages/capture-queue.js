// @ts-check
// The panel that shows what becomes of each sealed photo on this device.

import { fill, need, say, show, stamp } from '../lib/dom.js';
import { localTime } from '../lib/time.js';

/** @import { Item } from '../capture/state.js' */
/** @typedef {{ capture_id: string, created_at: string, photo_id: string }} Received */

/** @param {number} bytes */
export function sizeText(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

/**
 * What a row says. Pure, so that it can be tested.
 * @param {{ state: string, last_error: string, size: number }} item
 * @param {{ sent: number, total: number } | undefined} progress
 * @returns {{ state: string, tone: string, text: string, part: number | null }}
 */
export function rowWords(item, progress) {
  if (item.state === 'failed') {
    return { state: 'Not taken', tone: 'bad', text: `${item.last_error} The sealed photo is kept on this device.`, part: null };
  }
  if (item.state === 'sending' && progress && progress.total > 0) {
    const part = progress.sent / progress.total;
    if (part >= 1) return { state: 'Sent', tone: 'wait', text: 'All sent. Waiting for the signed receipt.', part };
    return { state: 'Sending', tone: 'wait', text: `${sizeText(progress.sent)} of ${sizeText(progress.total)}`, part };
  }
  return { state: 'Sealed', tone: '', text: item.last_error || `${sizeText(item.size)}, waits for its turn.`, part: null };
}

/**
 * One line for the top of the page: what is still on this device.
 * @param {{ state: string }[]} mine
 * @param {number} received in this page's time
 */
export function hintText(mine, received) {
  const failed = mine.filter((i) => i.state === 'failed').length;
  const waiting = mine.length - failed;
  const parts = [];
  if (failed) parts.push(`${failed} not taken, please look`);
  if (waiting) parts.push(`${waiting} on the way`);
  if (received && !failed && !waiting) parts.push(received === 1 ? 'The photo was received' : `All ${received} photos were received`);
  return parts.join(', ');
}

/**
 * What waits here of other people, whom this device may be shared with.
 * @param {number} others
 */
export function othersText(others) {
  if (others === 1) return 'One sealed photo of somebody else waits here; it goes when that person signs in on this device.';
  return others ? `${others} sealed photos of somebody else wait here; they go when that person signs in on this device.` : '';
}

export class Panel {
  /** @param {string} owner @param {(captureID: string) => void} retry */
  constructor(owner, retry) {
    this.owner = owner;
    this.retry = retry;
    this.list = need('queue-list', HTMLUListElement);
    /** @type {Map<string, { sent: number, total: number }>} */
    this.progress = new Map();
    /** @type {Received[]} of this page, newest first */
    this.received = [];
    /** @type {Item[]} */
    this.items = [];
  }

  /** @param {Item[]} items */
  show(items) {
    this.items = items;
    const mine = items.filter((i) => i.owner === this.owner);
    const rows = [...mine.map((i) => this.row(i)), ...this.received.map((r) => receivedRow(r))];
    this.list.replaceChildren(...rows);
    const others = items.length - mine.length;
    const hint = need('queue-hint', HTMLElement);
    hint.textContent = hintText(mine, this.received.length);
    show(hint, hint.textContent !== '');
    const theirs = need('queue-others', HTMLElement);
    theirs.textContent = othersText(others);
    show(theirs, others > 0);
    this.shown();
  }

  /** With nothing to tell, the panel leaves the room to the step. */
  shown() {
    const parts = ['queue-others', 'queue-wait'].some((id) => !need(id, HTMLElement).hasAttribute('hidden'));
    show(need('queue', HTMLElement), parts || this.list.childElementCount > 0);
  }

  /** @param {string} captureID @param {number} sent @param {number} total */
  moved(captureID, sent, total) {
    this.progress.set(captureID, { sent, total });
    const item = this.items.find((i) => i.capture_id === captureID);
    const old = this.list.querySelector(`[data-capture="${captureID}"]`);
    if (item && old) old.replaceWith(this.row({ ...item, state: 'sending' }));
  }

  /** @param {string} captureID @param {string} photoID */
  arrived(captureID, photoID) {
    const item = this.items.find((i) => i.capture_id === captureID);
    this.progress.delete(captureID);
    this.received.unshift({ capture_id: captureID, created_at: item?.created_at ?? new Date().toISOString(), photo_id: photoID });
    this.received.length = Math.min(this.received.length, 8);
    this.wait('');
    this.show(this.items.filter((i) => i.capture_id !== captureID));
    say('Photo received.');
  }

  /** @param {string} text */
  wait(text) {
    const node = need('queue-wait', HTMLElement);
    node.textContent = text;
    show(node, text !== '');
    this.shown();
  }

  /** @param {Item} item */
  row(item) {
    const words = rowWords(item, this.progress.get(item.capture_id));
    const row = stamp('queue-row');
    row.dataset.capture = item.capture_id;
    row.dataset.state = item.state;
    fill(row, { title: `Photo of ${localTime(item.created_at)}`, state: words.state, text: words.text });
    if (words.tone) row.querySelector('.pill')?.classList.add(words.tone);
    const bar = row.querySelector('progress');
    if (bar && words.part !== null) {
      bar.value = words.part;
      show(bar, true);
    }
    show(row.querySelector('[data-part="acts"]'), item.state === 'failed');
    row.querySelector('[data-act="retry"]')?.addEventListener('click', () => this.retry(item.capture_id));
    return row;
  }
}

/** @param {Received} r */
function receivedRow(r) {
  const row = stamp('queue-row');
  row.dataset.capture = r.capture_id;
  row.dataset.state = 'received';
  row.dataset.photo = r.photo_id;
  fill(row, { title: `Photo of ${localTime(r.created_at)}`, state: 'Received', text: 'The vault has it, with a signed receipt. The copy on this device is gone.' });
  row.querySelector('.pill')?.classList.add('good');
  return row;
}
