// @ts-check
// The photos that a person sent: above them what still waits on this device; and the page is loaded again while one is
// being prepared.

import { openQueue } from '../capture/queue.js';
import { need, sentence } from '../lib/dom.js';
import { who } from '../lib/who.js';
import { Panel } from './capture-queue.js';

const list = document.getElementById('captures');
if (list?.dataset.moving === 'true') {
  const again = () => {
    if (document.hidden) setTimeout(again, 5000);
    else location.reload();
  };
  setTimeout(again, 5000);
}

/** Shows the queue of this device as it is, also while another page sends it. @param {string} owner */
async function watchQueue(owner) {
  const queue = await openQueue();
  const panel = new Panel(owner, (id) => void queue.update(id, { state: 'sealed', last_error: '' }));
  const draw = async () => {
    const items = await queue.list();
    panel.show(items);
    need('queue-go', HTMLElement).toggleAttribute('hidden', !items.some((i) => i.owner === owner));
  };
  queue.addEventListener('change', () => void draw());
  await draw();
}

const one = await who();
if (one) {
  watchQueue(one.person).catch((err) => {
    const note = need('queue-fault', HTMLElement);
    note.textContent = sentence(err);
    note.hidden = false;
  });
}
