// @ts-check
// What every page does: times in the reader's own zone, and where somebody is signed in the lock of the screen, the
// question for a fresh factor, the device's proofs, and what signing out leaves behind.

import { remedy } from './api.js';
import { kept } from './kept.js';
import { wireLeaving } from './leave.js';
import { endOwed, wireLock } from './lock.js';
import { wireStepUp } from './stepup.js';
import { localTimes } from './time.js';
import { forgetOther, settleOwed, who } from './who.js';
import { translate } from './words.js';

const ownShell = 'shell' in document.body.dataset;

translate(document);
localTimes(document);

if (ownShell) void startShell();
else if (document.body.dataset.person) {
  wire();
  void forgetOther(document.body.dataset.person);
  void kept('owed').then((owed) => owed && endOwed());
} else void settleOwed();

/** A page that was made for nobody: whose it is comes first. */
async function startShell() {
  const bedside = await import('./bedside.js');
  bedside.begin();
  const one = await who();
  bedside.showWho(one);
  if (!one) return;
  wire();
  bedside.settle(one);
}

function wire() {
  wireStepUp();
  wireLock();
  wireLeaving();
  remedy('prove-device', async () => {
    const device = await import('./device.js');
    return device.prove();
  });
  remedy('second-factor', async () => {
    if (location.pathname !== '/account') location.assign('/account?add');
    return false;
  });
  void proveOn();
}

/** Keeps proving, while the page is seen, that this is the device that the session belongs to. */
async function proveOn() {
  try {
    const device = await import('./device.js');
    device.keepProving();
  } catch {
    // A browser without a key store: the server says what it then may do.
  }
}
