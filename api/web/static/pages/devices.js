// @ts-check
import { call } from '../lib/api.js';
import { storedKey } from '../lib/devicekey.js';
import { busy, need, show } from '../lib/dom.js';
import { wireActs } from '../lib/form.js';
import { clockTime } from '../lib/time.js';

wireActs();

// Which of the devices is this one.
const own = await storedKey().catch(() => undefined);
for (const row of document.querySelectorAll('[data-device]')) {
  if (row instanceof HTMLElement && own?.device && row.dataset.device === own.device) show(row.querySelector('[data-here]'), true);
}

// Renaming.

const rename = need('rename', HTMLDialogElement);
const renameForm = need('rename-form', HTMLFormElement);
const newName = need('rename-name', HTMLInputElement);
let renamed = '';
for (const button of document.querySelectorAll('button[data-rename]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.addEventListener('click', () => {
    renamed = button.dataset.rename ?? '';
    newName.value = button.dataset.name ?? '';
    rename.showModal();
    newName.select();
  });
}
renameForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const button = renameForm.querySelector('button[type="submit"]');
  if (button instanceof HTMLButtonElement) {
    void busy(button, need('rename-error', HTMLElement), async () => {
      if (!newName.value.trim()) throw new Error('Please give a name.');
      await call('POST', renamed, { name: newName.value.trim() });
      location.reload();
    });
  }
});

for (const button of document.querySelectorAll('button[data-shared]')) {
  if (!(button instanceof HTMLButtonElement)) continue;
  const errors = button.closest('section')?.querySelector('.error-text') ?? null;
  button.addEventListener('click', () => busy(button, errors, async () => {
    await call('POST', button.dataset.shared ?? '', { shared: button.dataset.value === 'true' });
    location.reload();
  }));
}

// Adding: a code for the device, then its number, then the approval.

const adding = need('adding', HTMLDialogElement);
const form = need('adding-form', HTMLFormElement);
const go = need('adding-go', HTMLButtonElement);
const state = need('adding-state', HTMLElement);
const approve = document.getElementById('adding-approve');
let picture = '';
let waiting = 0;
need('add', HTMLButtonElement).addEventListener('click', () => {
  form.reset();
  show(need('adding-ask', HTMLElement), true);
  show(need('adding-code', HTMLElement), false);
  show(go, true);
  show(approve, false);
  adding.showModal();
});
adding.addEventListener('close', () => {
  clearTimeout(waiting);
  if (picture) location.reload();
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void busy(go, need('adding-error', HTMLElement), async () => {
    const name = need('adding-name', HTMLInputElement).value.trim();
    if (!name) throw new Error('Please give the device a name.');
    const shared = document.getElementById('adding-shared');
    const made = await call('POST', form.dataset.codes ?? '', { name, shared: shared instanceof HTMLInputElement && shared.checked });
    picture = URL.createObjectURL(new Blob([made.qr], { type: 'image/svg+xml' }));
    need('adding-qr', HTMLImageElement).src = picture;
    need('adding-url', HTMLElement).textContent = made.url;
    need('adding-until', HTMLElement).textContent = clockTime(made.expires_at);
    show(need('adding-ask', HTMLElement), false);
    show(need('adding-code', HTMLElement), true);
    show(go, false);
    void look(made.code);
  });
});

/** Looks now and then whether the device has come. @param {string} code */
async function look(code) {
  const { device: came } = await call('POST', form.dataset.came ?? '', { code }, { background: true }).catch(() => ({ device: null }));
  if (!adding.open) return;
  if (!came) {
    waiting = setTimeout(() => void look(code), 2000);
    return;
  }
  if (came.state !== 'pending') {
    state.textContent = 'The device was approved before. It is ready.';
    return;
  }
  const number = `${came.number.slice(0, 3)} ${came.number.slice(3)}`;
  state.textContent = approve
    ? `The device must show ${number}. Another number there means that somebody sits in between: do not approve it then.`
    : `The device must show ${number}. Tell an administrator, who approves it under Devices.`;
  if (!(approve instanceof HTMLButtonElement)) return;
  show(approve, true);
  approve.onclick = () => busy(approve, need('adding-error', HTMLElement), async () => {
    await call('POST', `/api/v1/devices/${came.id}/approve`);
    adding.close();
  });
}
