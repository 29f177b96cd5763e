// @ts-check
// Which key does what in the review room: one table for the program and for
// the help that a person reads.

/**
 * @typedef {object} Press
 * @property {string} key
 * @property {boolean} [shiftKey]
 * @property {boolean} [altKey]
 * @property {boolean} [ctrlKey]
 * @property {boolean} [metaKey]
 */

/** @type {{ keys: string[], does: string }[]} */
export const help = [
  { keys: ['A', 'Enter'], does: 'Approve: cover the boxes and release the photo' },
  { keys: ['R'], does: 'Reject, with a reason' },
  { keys: [']', '['], does: 'Select the next or the previous box (Tab works too)' },
  { keys: ['←', '↑', '→', '↓'], does: 'Move the selected box; with Shift in bigger steps' },
  { keys: ['Alt + arrows'], does: 'Make the selected box wider, narrower, taller or flatter' },
  { keys: ['N'], does: 'New box in the middle of what you see' },
  { keys: ['drag'], does: 'New box; on the selected box it moves it, on its corners it pulls them' },
  { keys: ['Y'], does: 'Yes, cover the selected faint box; with none selected, all faint ones' },
  { keys: ['X', 'Delete'], does: 'Remove the selected box' },
  { keys: ['F', 'T', 'W', 'O'], does: 'Call the selected box a face, a tattoo, written text, or other' },
  { keys: ['Z', 'Shift + Z'], does: 'Undo, redo' },
  { keys: ['+', '−', '0'], does: 'Nearer, farther, the whole picture' },
  { keys: ['C'], does: 'Show the boxes filled, as they will be covered' },
  { keys: ['S'], does: 'Show the photo in its full size' },
  { keys: ['Esc'], does: 'Select nothing' },
  { keys: ['?'], does: 'This help' },
];

/** @type {Record<string, string>} */
const plain = {
  a: 'approve', r: 'reject', ']': 'next', '[': 'previous', n: 'new', x: 'remove', y: 'accept',
  f: 'kind:face', t: 'kind:tattoo', w: 'kind:text', o: 'kind:drawn', z: 'undo',
  '+': 'nearer', '=': 'nearer', '-': 'farther', '−': 'farther', 0: 'whole', c: 'cover', s: 'original', '?': 'help',
};

/** @type {Record<string, string>} */
const named = { Enter: 'approve', Delete: 'remove', Backspace: 'remove', Escape: 'none' };

/** @type {Record<string, [number, number]>} */
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * What a key press means, or '' when it is not ours. Arrows give
 * "move:dx:dy" or "size:dw:dh" in steps.
 * @param {Press} press
 * @param {boolean} [letters] false when the person switched single-key shortcuts off
 * @returns {string}
 */
export function command(press, letters = true) {
  const arrow = arrows[press.key];
  if (arrow && !press.ctrlKey && !press.metaKey) {
    const by = press.shiftKey ? 10 : 1;
    if (press.altKey) return `size:${arrow[0] * by}:${-arrow[1] * by || 0}`;
    return `move:${arrow[0] * by}:${arrow[1] * by}`;
  }
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  if (key === 'z' && (press.ctrlKey || press.metaKey) && !press.altKey) return press.shiftKey ? 'redo' : 'undo';
  if (press.ctrlKey || press.metaKey || press.altKey) return '';
  if (named[key]) return named[key];
  if (!letters) return '';
  if (key === 'z' && press.shiftKey) return 'redo';
  return plain[key] ?? '';
}
