// @ts-check
// The place on the page where a device is prepared for the time without a network, and where the list is then opened.

import { need, say, sentence, show } from '../lib/dom.js';
import { passkeySentence } from '../lib/passkey.js';
import { t } from '../lib/words.js';
import { openOffline, prepare, prepared } from './unlock.js';

/** @typedef {import('./wardlist.js').openWardList} openWardList */

/**
 * What to offer. Pure.
 * @param {{ state: 'open' | 'locked' | 'expired' | 'absent', prepared: boolean, stale: boolean, online: boolean }} now
 * @returns {'open' | 'prepare' | ''}
 */
export function offerOf(now) {
  if (now.prepared && now.state === 'locked') return 'open';
  if (now.state === 'open' && now.online && (!now.prepared || now.stale)) return 'prepare';
  return '';
}

/**
 * Wires it; a page without the place is left alone.
 * @param {ReturnType<openWardList>} ward @param {string} person
 */
export function wireOfflineUse(ward, person) {
  const place = document.getElementById('offline-use');
  if (!place) return;
  const note = need('offline-use-note', HTMLElement);
  const button = need('offline-use-act', HTMLButtonElement);
  /** @type {'open' | 'prepare' | ''} */
  let offer = '';
  const draw = async () => {
    offer = offerOf({ state: ward.state(), prepared: await prepared(person), stale: ward.stale, online: navigator.onLine });
    show(place, offer !== '');
    if (offer === 'open') {
      note.textContent = t('There is no network. Your list of patients is on this device, closed.');
      button.textContent = t('Open my list with the passkey');
    } else if (offer === 'prepare') {
      note.textContent = t('When the network is away, this device can show whose wristband it reads. Your passkey opens the list then.');
      button.textContent = t('Use this device offline');
    }
  };
  const act = async () => {
    if (offer === 'open') {
      await openOffline(person);
      say(t('Your list is open.'));
      globalThis.dispatchEvent(new Event('clinivault-open'));
    } else {
      await prepare(person, ward.signers());
      await ward.refresh();
      say(t('This device is prepared.'));
    }
  };
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await act();
      await draw();
    } catch (err) {
      note.textContent = `${t(passkeySentence(err)) || sentence(err)} `;
      if (err instanceof Error && err.cause === 'account') note.append(Object.assign(document.createElement('a'), { href: '/account?add', textContent: t('To your account') }));
    } finally {
      button.disabled = false;
    }
  });
  ward.addEventListener('change', () => void draw());
  for (const name of ['online', 'offline']) globalThis.addEventListener(name, () => void draw());
  void draw();
}
