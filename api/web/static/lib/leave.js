// @ts-check
// Signing out. What this browser kept of the person goes; sealed photos that the vault has not received stay, and the
// person is told so first. Signing out is never refused.

import { need } from './dom.js';
import { keep, kept } from './kept.js';
import { forgetPerson } from './who.js';
import { t } from './words.js';

const queueName = 'clinivault-capture';
const storeName = 'sealed';

/**
 * How many sealed photos wait on this device. The queue is not made where there is none.
 * @param {string} owner ID
 * @returns {Promise<{ mine: number, others: number }>}
 */
export async function waitingHere(owner) {
  const none = { mine: 0, others: 0 };
  const known = (await indexedDB.databases?.()) ?? [];
  if (!known.some((d) => d.name === queueName)) return none;
  /** @type {IDBDatabase} */
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open(queueName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  try {
    if (!db.objectStoreNames.contains(storeName)) return none;
    return await new Promise((resolve, reject) => {
      const found = { ...none };
      const request = db.transaction(storeName, 'readonly').objectStore(storeName).openCursor();
      request.onsuccess = () => {
        const at = request.result;
        if (!at) return resolve(found);
        found[at.value.owner === owner ? 'mine' : 'others']++;
        at.continue();
      };
      request.onerror = () => reject(request.error);
    });
  } finally {
    db.close();
  }
}

/**
 * What the dialog says of the number. Pure.
 * @param {number} n
 */
export function leaveText(n) {
  return n === 1 ? t('One photo of yours has not reached the vault yet.') : t('{n} photos of yours have not reached the vault yet.', { n });
}

/** Wires every way to sign out that the page has. */
export function wireLeaving() {
  for (const form of document.querySelectorAll('form[action="/sign-out"]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void leaveBy(/** @type {HTMLFormElement} */ (form));
    });
  }
}

/** @param {HTMLFormElement} form */
async function leaveBy(form) {
  const { mine } = await waitingHere(document.body.dataset.person ?? '').catch(() => ({ mine: 0 }));
  const dialog = document.getElementById('leave');
  if (mine === 0 || !(dialog instanceof HTMLDialogElement)) return go(form);
  need('leave-count', HTMLElement).textContent = leaveText(mine);
  need('leave-error', HTMLElement).textContent = '';
  need('leave-stay', HTMLButtonElement).onclick = () => dialog.close();
  need('leave-anyway', HTMLButtonElement).onclick = () => void go(form);
  need('leave-send', HTMLButtonElement).onclick = () => {
    dialog.close();
    if (location.pathname === '/capture') globalThis.dispatchEvent(new Event('clinivault-send'));
    else location.assign('/captures');
  };
  dialog.showModal();
}

/**
 * Goes, once the server has heard it: a session that lives on at the server would be no sign-out. Then every other tab of
 * this browser goes too. While the server does not answer the page is covered, the sign-out is owed, and asked for before
 * all else by each page of this browser.
 * @param {HTMLFormElement} form
 */
async function go(form) {
  const asked = new CustomEvent('clinivault-leaving', { cancelable: true, detail: () => void go(form) });
  if (!globalThis.dispatchEvent(asked)) return; // the page asks about what was not sent, and comes back
  globalThis.dispatchEvent(new Event('clinivault-leave'));
  await keep('owed', { person: document.body.dataset.person ?? '' });
  await forgetPerson();
  await import('../capture/wardlist.js').then((lists) => lists.forgetLists()).catch(() => {}); // where there are none
  if (!(await kept('owed'))) return form.submit(); // this browser keeps nothing
  const { endOwed } = await import('./lock.js');
  await endOwed();
}
