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

/**
 * What is wrong with a PIN that somebody chose. Pure; the vault has the last word.
 * @param {string} pin
 * @returns {string} a sentence, or '' when nothing is wrong
 */
export function pinGap(pin) {
  if (!/^\d{6,12}$/.test(pin)) return 'A PIN here has 6 to 12 digits.';
  if (/^(\d)\1*$/.test(pin) || '01234567890123'.includes(pin) || '98765432109876'.includes(pin)) return 'That PIN is among the first that anybody tries.';
  return '';
}
