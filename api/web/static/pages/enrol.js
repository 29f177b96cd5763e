// @ts-check
// The device's side of being added: it commits to its key, learns the server's number, shows its key, and then a number
// that a person compares. The code came behind the #; it is taken out of the address at once.

import { Problem, call } from '../lib/api.js';
import { base64, commitment, comparison, nameKey, ownKey, publicBytes, sign } from '../lib/devicekey.js';
import { need, sentence, show } from '../lib/dom.js';

const path = need('enrol', HTMLElement).dataset.enrol ?? '';
const state = need('enrol-state', HTMLElement);
const [code] = location.hash.slice(1).split('.');
history.replaceState(null, '', location.pathname);

/** @param {string} text */
const tell = (text) => {
  state.textContent = text;
};

/** @returns {Promise<Uint8Array>} what only this page and the server know */
async function enrol() {
  const key = await ownKey();
  const bytes = await publicBytes(key);
  const opening = crypto.getRandomValues(new Uint8Array(32));
  const { nonce } = await call('POST', path, { code, commitment: base64(await commitment(opening, bytes)) });
  const added = await call('POST', `${path}/finish`, {
    code, kind: 'browser', key: base64(bytes), opening: base64(opening), signature: await sign(key, 'enrol', nonce),
  });
  await nameKey(added.device);
  const number = await comparison(code, nonce, opening, bytes);
  need('number', HTMLElement).textContent = `${number.slice(0, 3)} ${number.slice(3)}`;
  show(need('enrol-number', HTMLElement), true);
  return opening;
}

/** @param {Uint8Array} opening */
async function wait(opening) {
  tell('Waiting for an administrator to approve this device …');
  for (;;) {
    const now = await call('POST', `${path}/state`, { code, opening: base64(opening) }).catch((err) => {
      if (err instanceof Problem && (err.status === 0 || err.status === 429 || err.status >= 500)) return { state: 'pending' };
      throw err;
    });
    if (now.state !== 'pending') return now.state;
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

async function run() {
  if (!code) return tell('Open the address that the administrator’s QR code holds. It works once, for ten minutes.');
  const end = await wait(await enrol());
  show(need('enrol-number', HTMLElement), false);
  if (end !== 'approved') return tell('An administrator has taken this device out of use.');
  tell('This device is approved.');
  show(need('enrol-next', HTMLElement), true);
}

run().catch((err) => {
  tell('This device was not added.');
  need('enrol-error', HTMLElement).textContent = sentence(err);
});
