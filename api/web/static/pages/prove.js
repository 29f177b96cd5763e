// @ts-check
// Where a page goes that was asked for after the device had not shown itself for a while: it does so now, and goes on.

import { prove } from '../lib/device.js';
import { need, show } from '../lib/dom.js';

const page = need('prove', HTMLElement);

if (await prove()) {
  location.replace(page.dataset.next ?? '/');
} else {
  need('prove-state', HTMLElement).textContent = '';
  need('prove-error', HTMLElement).textContent = 'This session was opened on another device, or this browser has lost its key. Please sign in again. Sealed photos stay in the queue.';
  show(need('prove-again', HTMLElement), true);
}
