// @ts-check
// Which screen of the capture page is on view, and what all of them share. Nothing here outlives the page.

import { need, show } from '../lib/dom.js';

/** @import { Patient } from '../lib/patients.js' */
/** @import { Details } from './capture-facts.js' */
/** @import { Shot } from './capture-shots.js' */
/** @typedef {'find' | 'card' | 'camera' | 'review' | 'sent'} Step */
/** @typedef {{ enter?: () => void, leave?: () => void }} Acts */

/** @type {Step[]} */
export const steps = ['find', 'card', 'camera', 'review', 'sent'];

/**
 * What the person is doing. shots: taken and not sent, oldest first; sent: the captures that the last screen speaks of.
 * @type {{ step: Step, person: string, patient: Patient | null, details: Details | null, shots: Shot[], sent: string[] }}
 */
export const now = { step: 'find', person: '', patient: null, details: null, shots: [], sent: [] };

/** @type {Map<Step, Acts>} */
const acts = new Map();

/** What a screen does when it comes and when it goes. @param {Step} step @param {Acts} its */
export function onStep(step, its) {
  acts.set(step, its);
}

/** @param {string} text shown at the top; '' takes it away */
export function complain(text) {
  tell('capture-error', text);
}

/** @param {string} text of something that is off, which does not stop the work */
export function notice(text) {
  tell('capture-notice', text);
}

/** @param {string} id @param {string} text */
function tell(id, text) {
  const node = need(id, HTMLElement);
  node.textContent = text;
  show(node, text !== '');
}

/** Goes to a screen. @param {Step} step */
export function go(step) {
  complain('');
  acts.get(now.step)?.leave?.();
  now.step = step;
  globalThis.dispatchEvent(new Event('clinivault-step'));
  const root = need('capture', HTMLElement);
  root.dataset.step = step;
  for (const name of steps) show(need(`step-${name}`, HTMLElement), name === step);
  const at = steps.indexOf(step);
  for (const mark of root.querySelectorAll('[data-step-mark]')) {
    const i = steps.indexOf(/** @type {Step} */ (mark.getAttribute('data-step-mark')));
    if (i === at) mark.setAttribute('aria-current', 'step');
    else mark.removeAttribute('aria-current');
    mark.setAttribute('data-done', String(i < at));
  }
  const title = need(`step-${step}`, HTMLElement).querySelector('h2');
  title?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  acts.get(step)?.enter?.();
}
