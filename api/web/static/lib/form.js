// @ts-check
// Forms and buttons that do one act of the API, as the page describes it in
// data- attributes; the page is loaded again when it is done.
//
//   form[data-post]       the address; {name} in it is taken from the field of that name
//   field[data-as]        number, time (a date: the start of that day, UTC), dayend (its end), flag, or optional (left out when empty)
//   data-sure, data-sure-text, data-sure-ok, data-sure-type
//                         a question before the act; with data-sure-type that text has to be typed
//   button[data-post]     an act without fields; with data-reason a reason is asked for, and data-reason-text, data-reason-ok
//   data-shows            what to show of the page when it is done, instead of loading the page again
//   data-to               where to go when it is done, instead of loading the page again; {name} is taken from the answer

import { address, call } from './api.js';
import { askSure } from './confirm.js';
import { busy, need } from './dom.js';
import { askReason } from './reason.js';

/** @typedef {{ name: string, as: string, value: string, checked: boolean }} Field */

/**
 * What a form sends. Pure.
 * @param {Field[]} fields
 * @param {string[]} inAddress names that the address takes
 * @returns {Record<string, unknown>}
 */
export function bodyOf(fields, inAddress = []) {
  /** @type {Record<string, unknown>} */
  const body = {};
  for (const f of fields) {
    const text = f.value.trim();
    if (inAddress.includes(f.name)) continue;
    if (f.as === 'flag') body[f.name] = f.checked;
    else if (f.as === 'truth') body[f.name] = text === 'true';
    else if (f.as === 'number') body[f.name] = Number(text);
    else if (f.as === 'time') {
      if (text) body[f.name] = `${text}T00:00:00.000Z`;
    } else if (f.as === 'dayend') {
      if (text) body[f.name] = `${text}T23:59:59.999Z`;
    } else if (f.as !== 'optional' || text) body[f.name] = text;
  }
  return body;
}

/** Names between braces in an address. Pure. @param {string} pattern @returns {string[]} */
export const namesIn = (pattern) => [...pattern.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);

/**
 * What is missing in a form, as a sentence; '' when nothing is. Pure.
 * @param {{ label: string, required: boolean, value: string, min: number, max: number, as: string }[]} fields
 */
export function gap(fields) {
  for (const f of fields) {
    const text = f.value.trim();
    if (f.required && !text) return `Please fill in: ${f.label}.`;
    if (text && f.as === 'number' && !/^\d{1,4}$/.test(text)) return `${f.label}: please give a whole number.`;
    if (text && text.length < f.min) return `${f.label}: please write at least ${f.min} characters.`;
    if (f.max > 0 && text.length > f.max) return `${f.label}: at most ${f.max} characters.`;
  }
  return '';
}

/** @param {HTMLFormElement} form @returns {(HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement)[]} */
const controls = (form) => [...form.elements].filter((e) => (e instanceof HTMLInputElement || e instanceof HTMLSelectElement || e instanceof HTMLTextAreaElement) &&
  e.name !== '' && !e.disabled && !(e instanceof HTMLInputElement && e.type === 'radio' && !e.checked)).map((e) => /** @type {HTMLInputElement} */ (e));

/** @param {Element} from @returns {Promise<boolean>} whether the person is sure, or was not asked */
async function sure(from) {
  if (!(from instanceof HTMLElement) || !from.dataset.sure) return true;
  return askSure({
    title: from.dataset.sure, text: from.dataset.sureText ?? '', ok: from.dataset.sureOk ?? 'Go on', typed: from.dataset.sureType ?? '',
  });
}

/** @param {HTMLElement} from @param {any} answer */
function done(from, answer) {
  const to = from.dataset.to;
  const shown = document.getElementById(from.dataset.shows ?? '');
  if (shown) {
    from.closest('dialog')?.close();
    shown.hidden = false;
    shown.focus();
    return;
  }
  if (to) location.assign(address(to, answer ?? {}));
  else location.reload();
}

/** @param {HTMLFormElement} form */
function wireForm(form) {
  form.noValidate = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = form.querySelector('button[type="submit"]');
    if (!(button instanceof HTMLButtonElement)) return;
    void busy(button, form.querySelector('.error-text'), async () => {
      const all = controls(form);
      const missing = gap(all.map((c) => ({
        label: c.dataset.label ?? c.labels?.[0]?.firstChild?.textContent?.trim() ?? c.name, required: c.required, value: c.value,
        min: 'minLength' in c ? c.minLength : 0, max: 'maxLength' in c ? c.maxLength : 0, as: c.dataset.as ?? '',
      })));
      if (missing) throw new Error(missing);
      const pattern = form.dataset.post ?? '';
      const names = namesIn(pattern);
      const fields = all.map((c) => ({ name: c.name, as: c.dataset.as ?? '', value: c.value, checked: c instanceof HTMLInputElement && c.checked }));
      const values = Object.fromEntries(fields.map((f) => [f.name, f.value]));
      if (!(await sure(form))) return;
      done(form, await call('POST', address(pattern, values), bodyOf(fields, names)));
    });
  });
}

/** @param {HTMLButtonElement} button */
function wireButton(button) {
  const near = button.closest('[data-acts]')?.querySelector('.error-text') ?? document.getElementById('page-error');
  button.addEventListener('click', () => busy(button, near, async () => {
    let body;
    if (button.dataset.reason) {
      const reason = await askReason({ title: button.dataset.reason, text: button.dataset.reasonText ?? '', ok: button.dataset.reasonOk ?? 'Go on' });
      if (!reason) return;
      body = { reason };
    }
    if (!(await sure(button))) return;
    done(button, await call(button.dataset.method ?? 'POST', button.dataset.post ?? '', body));
  }));
}

/** Wires every form and button of the page that names an act. */
export function wireActs() {
  for (const form of document.querySelectorAll('form[data-post]')) if (form instanceof HTMLFormElement) wireForm(form);
  for (const button of document.querySelectorAll('button[data-post]')) if (button instanceof HTMLButtonElement) wireButton(button);
  for (const button of document.querySelectorAll('button[data-opens]')) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.addEventListener('click', () => open(need(button.dataset.opens ?? '', HTMLDialogElement), button));
  }
  for (const button of document.querySelectorAll('dialog button[data-cancel]')) {
    button.addEventListener('click', () => button.closest('dialog')?.close());
  }
}

/**
 * Opens a dialog with a form; data-set-NAME of the button goes into the field of that name.
 * @param {HTMLDialogElement} dialog @param {HTMLButtonElement} button
 */
function open(dialog, button) {
  const form = dialog.querySelector('form');
  if (!form) return;
  form.reset();
  const error = form.querySelector('.error-text');
  if (error) error.textContent = '';
  for (const [name, value] of Object.entries(button.dataset)) {
    if (!name.startsWith('set')) continue;
    const field = form.elements.namedItem(name.slice(3).toLowerCase());
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value ?? '';
  }
  for (const [part, text] of [['h2', button.dataset.title], ['[data-part="text"]', button.dataset.text], ['[data-ok]', button.dataset.ok]]) {
    const node = part ? dialog.querySelector(part) : null;
    if (node && text) node.textContent = text;
  }
  dialog.showModal();
}
