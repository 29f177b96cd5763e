// @ts-check
import { need } from '../lib/dom.js';
import { safeNext } from '../lib/next.js';
import { wireSignIn } from '../lib/sign-in.js';

const form = need('sign-in', HTMLFormElement);
wireSignIn(form, need('sign-in-error', HTMLElement), () => {
  location.replace(safeNext(form.dataset.next, location.origin));
});
