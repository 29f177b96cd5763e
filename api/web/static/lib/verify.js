// @ts-check
// What a verification of the log found, as sentences. Pure.

import { localTime } from './time.js';

/**
 * @param {{ ok: boolean, size: number, checkpoints: number, last_checkpoint?: string | null, covered?: number, problem?: string, first_bad?: number, root?: string }} v
 * @param {string} [zone]
 * @returns {{ good: boolean, lines: string[] }}
 */
export function verifyWords(v, zone) {
  if (!v.ok) {
    const where = v.first_bad ? ` The first entry that is wrong is number ${v.first_bad}.` : '';
    return {
      good: false,
      lines: [`The log is NOT whole: ${v.problem || 'it does not agree with its checkpoints'}.${where}`,
        'Nothing was repaired. Keep a copy of database and export as they are, and call security.'],
    };
  }
  const checks = v.checkpoints === 1 ? '1 signed checkpoint' : `${v.checkpoints} signed checkpoints`;
  const last = v.last_checkpoint ? `, the last of ${localTime(v.last_checkpoint, zone)}` : '';
  return {
    good: true,
    lines: [`Verified: the log is whole. ${entriesWords(v.size, v.covered ?? v.size)} with ${checks}${last}.`, `Root of the log: ${v.root ?? ''}`],
  };
}

/**
 * How many entries the signatures speak for. Those after the last checkpoint are in the tree, but nobody has signed them yet.
 * @param {number} size
 * @param {number} covered
 */
function entriesWords(size, covered) {
  if (covered >= size) return `All ${size} entries agree`;
  const young = size - covered;
  const rest = young === 1 ? 'the last one is' : `the last ${young} are`;
  return `Of ${size} entries, ${rest} newer than any checkpoint and will be signed for with the next; the ${covered} before agree`;
}
