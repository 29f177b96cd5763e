// @ts-check
// Back from the hospital's sign-in. The address of this page holds what is used up already, so it is left at once; a
// window that was opened only to confirm tells the page that waits for it, and closes.
import { need } from '../lib/dom.js';
import { safeNext } from '../lib/next.js';
import { settle } from '../lib/sign-in.js';

const arrived = need('arrived', HTMLElement);
history.replaceState(null, '', location.pathname);
if (arrived.dataset.raised !== undefined) {
  const waiting = new BroadcastChannel('clinivault-sign-in');
  waiting.postMessage('raised');
  waiting.close();
  window.close();
} else {
  await settle();
  location.replace(safeNext(arrived.dataset.next, location.origin));
}
