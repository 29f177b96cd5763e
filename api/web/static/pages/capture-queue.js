// @ts-check
// The panel that shows what becomes of each sealed photo on this device.

import { trustedNow } from '../capture/offline.js';
import { keepRoom, little } from '../capture/storage.js';
import { fill, need, say, show, stamp } from '../lib/dom.js';
import { localTime } from '../lib/time.js';
import { locale, t } from '../lib/words.js';

/** @import { Item } from '../capture/state.js' */
/** @import { Storage } from '../capture/storage.js' */
/** @typedef {{ capture_id: string, created_at: string, photo_id: string }} Received */

/** From this age on, in milliseconds, a photo that still waits is spoken of. */
export const old = 24 * 3600_000;

/** @param {number} bytes */
export function sizeText(bytes) {
  const number = (/** @type {number} */ n, /** @type {number} */ digits) => n.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (bytes >= 1e9) return `${number(bytes / 1e9, 1)} GB`;
  return bytes >= 1e6 ? `${number(bytes / 1e6, 1)} MB` : `${number(Math.max(1, Math.round(bytes / 1e3)), 0)} kB`;
}

/**
 * What a row says. Pure, so that it can be tested.
 * @param {{ state: string, last_error: string, size: number, unsaved?: boolean }} item
 * @param {{ sent: number, total: number } | undefined} progress
 * @returns {{ state: string, tone: string, text: string, part: number | null }}
 */
export function rowWords(item, progress) {
  const why = item.last_error && t(item.last_error);
  if (item.state === 'failed') {
    return { state: t('Not taken'), tone: 'bad', text: `${why} ${t('The sealed photo is kept on this device. Put the cause right, then try again; if that does not help, show this to your IT team.')}`, part: null };
  }
  if (item.state === 'sending' && progress && progress.total > 0) {
    const part = progress.sent / progress.total;
    if (part >= 1) return { state: t('Sent'), tone: 'wait', text: t('All sent. Waiting for the signed receipt.'), part };
    return { state: t('Sending'), tone: 'wait', text: t('{sent} of {total}', { sent: sizeText(progress.sent), total: sizeText(progress.total) }), part };
  }
  if (item.unsaved) return { state: t('Sealed'), tone: 'bad', text: t('Only in the memory of this page, since the device is full: keep the page open until it is received.'), part: null };
  return { state: t('Sealed'), tone: '', text: why || t('{size}, waits for its turn.', { size: sizeText(item.size) }), part: null };
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
  if (failed) parts.push(t('{n} not taken, please look', { n: failed }));
  if (waiting) parts.push(t('{n} on the way', { n: waiting }));
  if (received && !failed && !waiting) parts.push(received === 1 ? t('The photo was received') : t('All {n} photos were received', { n: received }));
  return parts.join(', ');
}

/**
 * What to say of photos that were just sent. Pure.
 * @param {number} sent @param {number} waiting how many of them the vault has not received yet
 * @param {boolean} [away] the server is not reached
 */
export function sentText(sent, waiting, away) {
  if (waiting > 0) {
    return sent === 1
      ? { title: away ? t('Sealed; goes when the network is back') : t('Sealed and on its way'), text: t('It is sealed; nobody can open it on this device any more. Below you see when the vault has received it. You can go on at once.') }
      : { title: away ? t('Sealed; they go when the network is back') : t('Sealed and on their way'), text: t('They are sealed; nobody can open them on this device any more. Below you see when the vault has received them. You can go on at once.') };
  }
  return {
    title: t('Received by the vault'),
    text: sent === 1
      ? t('The vault has it, with a signed receipt, and the copy on this device is gone. A colleague checks it next.')
      : t('The vault has all {n}, each with a signed receipt, and the copies on this device are gone. A colleague checks them next.', { n: sent }),
  };
}

/**
 * What waits here of other people, whom this device may be shared with.
 * @param {number} others
 */
export function othersText(others) {
  if (others === 1) return t('One sealed photo of somebody else waits here; it goes when that person signs in on this device.');
  return others ? t('{n} sealed photos of somebody else wait here; they go when that person signs in on this device.', { n: others }) : '';
}

/**
 * What to say of photos that wait for long.
 * @param {{ created_at: string }[]} mine @param {number} now unix milliseconds
 */
export function ageText(mine, now) {
  const hours = Math.floor(Math.max(0, ...mine.map((i) => now - Date.parse(i.created_at))) / 3600_000);
  if (hours * 3600_000 < old) return '';
  return t('The oldest photo has waited for {n} hours. Bring this device to where the network is good, and keep this page open.', { n: hours });
}

/**
 * What to say of the room for sealed photos.
 * @param {Storage} storage @param {number} waiting
 */
export function storageText(storage, waiting) {
  if (waiting === 0) return '';
  if (storage.room > 0 && storage.room < little) {
    return t('This device has room for {size} more. Send what waits before you take many photos, or free space on it.', { size: sizeText(storage.room) });
  }
  if (!storage.persisted) return t('This browser may clear what waits here when the device runs out of space. Keep this page open until all is received; installing it on the home screen helps.');
  return '';
}

/** Shows what waits on the icon of the installed page, where the system does that. @param {number} n */
export function badge(n) {
  const app = /** @type {any} */ (navigator);
  Promise.resolve(n > 0 ? app.setAppBadge?.(n) : app.clearAppBadge?.()).catch(() => {}); // a system without badges
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
    /** @type {Promise<Storage> | undefined} */
    this.storage = undefined;
  }

  /** @param {Item[]} items */
  show(items) {
    this.items = items;
    const mine = items.filter((i) => i.owner === this.owner);
    const rows = [...mine.map((i) => this.row(i)), ...this.received.map((r) => receivedRow(r))];
    this.list.replaceChildren(...rows);
    const others = items.length - mine.length;
    const hint = document.getElementById('queue-hint'); // at the top of the capture page alone
    if (hint) {
      hint.textContent = hintText(mine, this.received.length);
      show(hint, hint.textContent !== '');
    }
    const theirs = need('queue-others', HTMLElement);
    theirs.textContent = othersText(others);
    show(theirs, others > 0);
    badge(mine.length);
    this.tell('queue-old', ageText(mine, trustedNow().getTime()));
    if (mine.length > 0) void this.room();
    else this.tell('queue-storage', '');
    this.shown();
  }

  /** Looks after the room, once something is sealed. */
  async room() {
    this.storage ??= keepRoom();
    const text = storageText(await this.storage, this.items.filter((i) => i.owner === this.owner).length);
    this.tell('queue-storage', text);
    this.shown();
  }

  /** @param {string} id @param {string} text '' hides it */
  tell(id, text) {
    const node = need(id, HTMLElement);
    node.textContent = text;
    show(node, text !== '');
  }

  /** With nothing to tell, the panel leaves the room to the step. */
  shown() {
    const parts = ['queue-others', 'queue-wait', 'queue-old', 'queue-storage'].some((id) => !need(id, HTMLElement).hasAttribute('hidden'));
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
    say(t('Photo received.'));
  }

  /** @param {string} text */
  wait(text) {
    this.tell('queue-wait', text);
    this.shown();
  }

  /** @param {Item} item */
  row(item) {
    const words = rowWords(item, this.progress.get(item.capture_id));
    const row = stamp('queue-row');
    row.dataset.capture = item.capture_id;
    row.dataset.state = item.state;
    fill(row, { title: t('Photo of {time}', { time: localTime(item.created_at, undefined, locale) }), state: words.state, text: words.text });
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
  fill(row, { title: t('Photo of {time}', { time: localTime(r.created_at, undefined, locale) }), state: t('Received'), text: t('The vault has it, with a signed receipt. The copy on this device is gone.') });
  row.querySelector('.pill')?.classList.add('good');
  return row;
}
