// @ts-check
// Small helpers over the document. Text goes in by textContent, structure by
// <template>; there is no other way in.

import { t } from './words.js';

/**
 * The element with this id; a page without it is a programmer's mistake.
 * @template {Element} T
 * @param {string} id
 * @param {{ new (): T }} type
 * @returns {T}
 */
export function need(id, type) {
  const node = document.getElementById(id);
  if (!(node instanceof type)) throw new Error(`page has no ${type.name} #${id}`);
  return node;
}

/**
 * @param {string} id of a <template> with one element
 * @returns {HTMLElement} a fresh copy
 */
export function stamp(id) {
  const copy = need(id, HTMLTemplateElement).content.cloneNode(true);
  const first = /** @type {DocumentFragment} */ (copy).firstElementChild;
  if (!(first instanceof HTMLElement)) throw new Error(`template #${id} is empty`);
  return first;
}

/**
 * Puts text into the parts of a stamped copy: { name: 'text' } fills every [data-fill="name"].
 * @param {ParentNode} root
 * @param {Record<string, string>} texts
 */
export function fill(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const node of root.querySelectorAll(`[data-fill="${name}"]`)) node.textContent = text;
  }
}

/**
 * Shows or hides.
 * @param {Element | null} node
 * @param {boolean} visible
 */
export function show(node, visible) {
  if (node instanceof HTMLElement || node instanceof SVGElement) node.toggleAttribute('hidden', !visible);
}

/** Says something to a screen reader, politely. @param {string} text */
export function say(text) {
  const node = document.getElementById('status');
  if (node) node.textContent = text;
}

/** Says something to a screen reader at once. @param {string} text */
export function alarm(text) {
  const node = document.getElementById('alert');
  if (node) node.textContent = text;
}

/**
 * The sentence of an error for a person.
 * @param {unknown} err
 * @returns {string}
 */
export function sentence(err) {
  return err instanceof Error && err.message ? t(err.message) : t('Something went wrong. Please try again.');
}

/**
 * Runs an act of a button: disabled meanwhile, an error is shown in `errors`.
 * @param {HTMLButtonElement} button
 * @param {Element | null} errors
 * @param {() => Promise<void>} act
 */
export async function busy(button, errors, act) {
  if (button.disabled) return;
  button.disabled = true;
  if (errors) errors.textContent = '';
  try {
    await act();
  } catch (err) {
    if (errors) errors.textContent = sentence(err);
    else alarm(sentence(err));
  } finally {
    button.disabled = false;
  }
}

/** Whether the lock's cover lies over the page: then no camera runs. @returns {boolean} */
export const isCovered = () => 'covered' in document.documentElement.dataset;

/** @type {Promise<void> | undefined} */
let moved;

/**
 * Waits for the first picture of a camera, so that what is large and not needed for it does not take its network.
 * @param {number} patience milliseconds after which it is given up
 * @returns {Promise<void>}
 */
export function viewfinder(patience) {
  moved ??= new Promise((resolve) => {
    document.addEventListener('playing', () => resolve(), { capture: true, once: true });
  });
  return Promise.race([moved, new Promise((/** @type {(none: void) => void} */ resolve) => setTimeout(resolve, patience))]);
}
