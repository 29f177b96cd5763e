// @ts-check
// A person's own ways in: passkeys, the authenticator app, recovery codes, password, PIN, and their sessions.

import { prepared } from '../capture/unlock.js';
import { call } from '../lib/api.js';
import { askSure } from '../lib/confirm.js';
import { busy, need, show } from '../lib/dom.js';
import { passkeySentence, supported } from '../lib/passkey.js';
import { make } from '../lib/passkeymake.js';
import { passwordGap, pinGap } from '../lib/password.js';
import { undo } from '../lib/prepare.js';

const root = need('account', HTMLElement);
/** @param {string} part */
const at = (part) => (root.dataset.account ?? '') + part;

/**
 * Wires a form or a button: disabled meanwhile, errors told beside it.
 * @param {Element | null} from @param {string} errors @param {(button: HTMLButtonElement) => Promise<void>} act
 */
function wire(from, errors, act) {
  const error = need(errors, HTMLElement);
  const run = (/** @type {HTMLButtonElement} */ button) => void busy(button, error, async () => {
    try {
      await act(button);
    } catch (err) {
      const told = passkeySentence(err);
      throw told ? new Error(told) : err;
    }
  });
  if (from instanceof HTMLButtonElement) from.addEventListener('click', () => run(from));
  if (!(from instanceof HTMLFormElement)) return;
  from.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = from.querySelector('button[type="submit"]');
    if (button instanceof HTMLButtonElement) run(button);
  });
}

/** @param {string} selector @param {string} errors @param {(button: HTMLButtonElement) => Promise<void>} act */
function wireAll(selector, errors, act) {
  for (const button of document.querySelectorAll(selector)) wire(button, errors, act);
}

// Passkeys.

wire(need('passkey-add', HTMLFormElement), 'passkey-error', async () => {
  if (!supported()) throw new Error('This browser has no passkeys. Use an authenticator app.');
  const name = need('passkey-name', HTMLInputElement).value.trim() || 'Passkey';
  const asked = await call('POST', at('/passkeys/begin'));
  const credential = await make(asked.options);
  await call('POST', at('/passkeys'), { ticket: asked.ticket, name, credential });
  location.reload();
});

wireAll('button[data-remove]', 'passkey-error', async (button) => {
  const sure = await askSure({ title: `Remove ${button.dataset.name}?`, ok: 'Remove', text: 'It opens nothing here any more. Remove it on the device too.' });
  if (!sure) return;
  await call('DELETE', at(`/passkeys/${button.dataset.remove}`));
  location.reload();
});

let renaming = '';
const rename = need('rename', HTMLDialogElement);
wireAll('button[data-rename]', 'passkey-error', async (button) => {
  renaming = button.dataset.rename ?? '';
  need('rename-name', HTMLInputElement).value = button.dataset.name ?? '';
  need('rename-error', HTMLElement).textContent = '';
  rename.showModal();
});
need('rename-cancel', HTMLButtonElement).addEventListener('click', () => rename.close());
wire(need('rename-form', HTMLFormElement), 'rename-error', async () => {
  const name = need('rename-name', HTMLInputElement).value.trim();
  if (!name) throw new Error('Please give a name.');
  await call('POST', at(`/passkeys/${renaming}/name`), { name });
  location.reload();
});

// The list of patients that a passkey opens in this browser, without a network.

const person = document.body.dataset.person ?? '';
const kept = need('offline-kept', HTMLElement);
wireAll('button[data-act="offline-undo"]', 'passkey-error', async () => {
  if (!(await askSure({ title: 'Do not keep the list here?', ok: 'Do not keep it', text: 'Without a network this device then knows none of your patients. The page where photos are taken offers to keep it again.' }))) return;
  await undo(person);
  show(kept, await prepared(person));
  tell('This browser keeps no list of your patients any more.');
});
void prepared(person).then((is) => show(kept, is));

// The authenticator app.

wireAll('button[data-act="app"]', 'app-error', async () => {
  const made = await call('POST', at('/app'));
  need('app-qr', HTMLImageElement).src = URL.createObjectURL(new Blob([made.qr], { type: 'image/svg+xml' }));
  need('app-key', HTMLElement).textContent = made.secret.replace(/(.{4})(?=.)/g, '$1 ');
  show(need('app-new', HTMLElement), true);
  need('app-code', HTMLInputElement).focus();
});
wire(need('app-form', HTMLFormElement), 'app-error', async () => {
  const input = need('app-code', HTMLInputElement);
  const code = input.value.replace(/\s/g, '');
  if (!/^\d{6}$/.test(code)) throw new Error('Please give the six digits that the app shows.');
  input.value = '';
  await call('POST', at('/app/confirm'), { code });
  location.reload();
});
wireAll('button[data-act="app-remove"]', 'app-error', async () => {
  if (!(await askSure({ title: 'Remove the app?', ok: 'Remove', text: 'Its digits open nothing here any more.' }))) return;
  await call('DELETE', at('/app'));
  location.reload();
});

// Recovery codes: shown once.

wireAll('button[data-act="codes"]', 'codes-error', async (button) => {
  const had = button.dataset.had !== '0' && button.dataset.had !== '';
  if (had && !(await askSure({ title: 'Make new codes?', ok: 'Make new codes', text: 'The codes that you have now become void.' }))) return;
  /** @type {{ codes: string[] }} */
  const made = await call('POST', at('/recovery-codes'));
  need('codes-list', HTMLUListElement).replaceChildren(...made.codes.map((code) => {
    const item = document.createElement('li');
    item.textContent = code;
    return item;
  }));
  const shown = need('codes-new', HTMLElement);
  show(shown, true);
  shown.focus();
});
wireAll('button[data-act="print"]', 'codes-error', async () => {
  document.body.classList.add('print-only-codes');
  globalThis.print();
  document.body.classList.remove('print-only-codes');
});

// Password and PIN.

const passwordForm = document.getElementById('password-form');
if (passwordForm instanceof HTMLFormElement) wire(passwordForm, 'password-error', async () => {
  const data = new FormData(passwordForm);
  const gap = passwordGap(String(data.get('password') ?? ''), String(data.get('again') ?? ''));
  if (gap) throw new Error(gap);
  await call('POST', at('/password'), { password: String(data.get('password')) });
  passwordForm.reset();
  tell('The password is changed. Your other sessions have ended.');
});

wire(need('pin-form', HTMLFormElement), 'pin-error', async () => {
  const input = need('pin', HTMLInputElement);
  const gap = pinGap(input.value);
  if (gap) throw new Error(gap);
  await call('POST', at('/pin'), { pin: input.value });
  input.value = '';
  location.reload();
});
wireAll('button[data-act="pin-remove"]', 'pin-error', async () => {
  await call('DELETE', at('/pin'));
  location.reload();
});

// Sessions.

wireAll('button[data-end]', 'sessions-error', async (button) => {
  if (!(await askSure({ title: `End the session on ${button.dataset.name}?`, ok: 'End', text: 'Whoever is there is signed out at their next click.' }))) return;
  await call('DELETE', button.dataset.end ?? '');
  location.reload();
});

/** @param {string} text */
function tell(text) {
  const done = need('account-done', HTMLElement);
  done.textContent = text;
  show(done, true);
}
