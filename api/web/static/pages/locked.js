// @ts-check
// The page of a locked screen that was loaded anew: sealed photos of its owner go on to the vault. Only the keys that
// check receipts are needed for that, which are public; nothing here can open a photo.

import { call } from '../lib/api.js';
import { need } from '../lib/dom.js';
import { openQueue } from '../capture/queue.js';
import { verifyReceipt } from '../capture/receipt.js';
import { Uploader } from '../capture/upload.js';

const root = need('locked', HTMLElement);

async function drain() {
  const owner = document.body.dataset.person ?? '';
  const queue = await openQueue();
  if (!(await queue.list()).some((item) => item.owner === owner)) return;
  /** @type {Promise<{ key_id: string, public_key: string }[]> | null} */
  let keys = null;
  const uploader = new Uploader({
    queue, owner, url: root.dataset.captures, uploads: root.dataset.uploads,
    receiptKeys: async (fresh) => {
      if (fresh || !keys) keys = call('GET', root.dataset.keys ?? '', undefined, { background: true }).then((all) => all.receipts);
      return keys;
    },
    verify: verifyReceipt,
  });
  await uploader.start();
}

drain().catch(() => {}); // the queue stays, and goes on when the screen is open
