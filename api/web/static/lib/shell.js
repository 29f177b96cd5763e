// @ts-check
// What every page does: times in the reader's own zone, and where somebody is signed in the lock of the screen, the
// question for a fresh factor, and the device's proofs.

import { remedy } from './api.js';
import { wireLock } from './lock.js';
import { wireStepUp } from './stepup.js';
import { localTimes } from './time.js';

localTimes(document);

if (document.body.dataset.person) {
  wireStepUp();
  wireLock();
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
