// @ts-check
import { need, show } from '../lib/dom.js';
import { safeNext } from '../lib/next.js';
import { passkeySentence, supported } from '../lib/passkey.js';
import { offers } from '../lib/passkeymake.js';
import { signInPrepared } from '../lib/prepare.js';
import { refusalOf, wireSignIn } from '../lib/sign-in.js';

const form = need('sign-in', HTMLFormElement);
const button = need('with-passkey', HTMLButtonElement);
const error = need('passkey-error', HTMLElement);

let entering = false;

function enter() {
  entering = true;
  location.replace(safeNext(form.dataset.next, location.origin));
}

/** Lets the browser offer a passkey beside the login field, for as long as nobody chooses another way. */
async function offerQuietly() {
  if (!(await offers())) return;
  try {
    await signInPrepared(true);
    enter();
  } catch (err) {
    // Taken back, or none was picked. What the server refused is worth a sentence.
    if (!(err instanceof DOMException) && passkeySentence(err) === '') error.textContent = refusalOf(err);
  }
}

button.addEventListener('click', async () => {
  if (entering) return;
  error.textContent = '';
  button.disabled = true;
  try {
    await signInPrepared(false);
    enter();
  } catch (err) {
    error.textContent = refusalOf(err);
    void offerQuietly();
  } finally {
    button.disabled = false;
  }
});

wireSignIn(form, need('sign-in-error', HTMLElement), enter, () => signInPrepared(false));
show(button, supported());
need('login', HTMLInputElement).focus();
void offerQuietly();
