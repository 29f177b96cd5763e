// @ts-check
// What is wrong with a password that somebody chose. Pure.

/** The vault's own rule, told before the round trip. */
export const shortest = 12;

/**
 * @param {string} password
 * @param {string} [again] what was written the second time, where it was asked for
 * @returns {string} a sentence, or '' when nothing is wrong
 */
export function passwordGap(password, again = password) {
  if ([...password].length < shortest) return `The password needs at least ${shortest} characters.`;
  if (password !== again) return 'The two passwords are not the same.';
  return '';
}
