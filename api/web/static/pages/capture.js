// @ts-check
// The capture page: whose photo, the card, the camera, a look, Send. Photos lie in memory alone until they are sealed, and
// the queue holds ciphertext only.

import { need, show } from '../lib/dom.js';
import { wireSignIn } from '../lib/sign-in.js';
import { who } from '../lib/who.js';
import { t } from '../lib/words.js';
import { wireCamera } from './capture-camera.js';
import { choose, wireCard } from './capture-card.js';
import { listAgain, wireFind } from './capture-find.js';
import { clearView, view, wireReview } from './capture-review.js';
import { sendAll, sendOn, wireSend } from './capture-send.js';
import { dropAll, markShots } from './capture-shots.js';
import { complain, go, now, onStep, steps } from './capture-steps.js';

/** @import { Patient } from '../lib/patients.js' */

const handKey = 'clinivault-hand';
const root = need('capture', HTMLElement);

function signInAgain() {
  const dialog = need('again', HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
}

function dropShots() {
  dropAll(now.shots);
  markShots(now.shots);
  clearView();
}

/**
 * Asks before photos that were not sent are lost.
 * @param {() => void} act what to do when there are none any more
 */
function withoutShots(act) {
  const n = now.shots.length;
  if (n === 0) return act();
  const dialog = need('drop', HTMLDialogElement);
  need('drop-text', HTMLElement).textContent = n === 1 ? t('One photo was not sent yet.') : t('{n} photos were not sent yet.', { n });
  need('drop-yes', HTMLButtonElement).onclick = () => {
    dialog.close();
    dropShots();
    act();
  };
  dialog.showModal();
}

function toFind() {
  withoutShots(() => {
    now.patient = now.details = null;
    globalThis.dispatchEvent(new Event('clinivault-other-patient'));
    need('search', HTMLInputElement).value = '';
    go('find');
    listAgain();
  });
}

// The system's Back: the browser's history holds the names of the steps up to the one on view, and Back presses that
// step's own way back, with its questions.

/** @type {Record<string, string>} */
const backs = { card: 'wrong-patient', camera: 'camera-back', review: 'more', sent: 'other-patient' };

let at = 0; // the place in steps of the entry on view
let going = false; // to another one

/** Has the history end with the step on view. */
function follow() {
  const to = steps.indexOf(now.step);
  if (going) return; // and once it is there
  if (to < at) {
    going = true;
    history.go(to - at);
  }
  while (at < to) {
    history.replaceState(steps[at], '');
    history.pushState(steps[++at], '');
  }
}

/** @param {PopStateEvent} event */
function moved({ state }) {
  const to = steps.indexOf(state);
  if (to < 0) return; // a place on the page
  const back = to < at && !going;
  at = to;
  going = false;
  const dialog = /** @type {any} */ (document.querySelector('dialog[open]'));
  if (back && dialog) dialog.requestClose?.();
  else if (back) document.getElementById(backs[now.step])?.click();
  follow(); // where the step is not the entry's
}

function wireBack() {
  at = Math.max(0, steps.indexOf(history.state)); // of the page before it was loaded anew
  history.scrollRestoration = 'manual';
  globalThis.addEventListener('popstate', moved);
  globalThis.addEventListener('clinivault-step', follow);
  follow();
}

/** The controls on the side of the hand that holds the device. */
function wireHand() {
  const box = need('left-handed', HTMLInputElement);
  const apply = () => (root.dataset.hand = box.checked ? 'left' : 'right');
  try {
    box.checked = localStorage.getItem(handKey) === 'left';
  } catch {
    // Storage is off: as most people hold it.
  }
  apply();
  box.addEventListener('change', () => {
    apply();
    try {
      localStorage.setItem(handKey, root.dataset.hand ?? '');
    } catch {
      // It holds for this page.
    }
  });
}

function wirePage() {
  need('same-patient', HTMLButtonElement).addEventListener('click', () => go('card'));
  onStep('sent', { enter: () => (need('same-patient', HTMLElement).textContent = t('Another photo of {name}', { name: now.patient?.name ?? '' })) });
  need('other-patient', HTMLButtonElement).addEventListener('click', toFind);
  need('again-later', HTMLButtonElement).addEventListener('click', () => need('again', HTMLDialogElement).close());
  need('drop-no', HTMLButtonElement).addEventListener('click', () => need('drop', HTMLDialogElement).close());
  wireSignIn(need('again-form', HTMLFormElement), need('again-error', HTMLElement), (person) => {
    need('again', HTMLDialogElement).close();
    if (person.id !== now.person) {
      dropShots();
      return location.reload();
    }
    sendOn();
    listAgain();
  });
  for (const name of ['pagehide', 'clinivault-leave']) {
    globalThis.addEventListener(name, dropShots);
  }
  globalThis.addEventListener('clinivault-leaving', (event) => {
    if (now.shots.length === 0) return;
    event.preventDefault();
    withoutShots(/** @type {CustomEvent} */ (event).detail);
  });
  globalThis.addEventListener('beforeunload', (event) => {
    if (now.shots.length > 0) event.preventDefault();
  });
}

async function start() {
  wireHand();
  const one = await who();
  if (!one) {
    show(need('step-find', HTMLElement), false);
    complain(t('Nobody is signed in on this device. Connect to the network and sign in; the camera then works without it too.'));
    return;
  }
  now.person = one.person;
  wirePage();
  wireBack();
  wireSend({ signIn: signInAgain });
  wireCard({ wrongPatient: toFind });
  wireCamera({ took: view });
  wireReview({ send: sendAll });
  await wireFind({ choose: (/** @type {Patient} */ p) => choose(p), signIn: signInAgain });
  if (now.step === 'find') go('find');
}

void start();
