// @ts-check
// The elements of a GS1 code: application identifiers, lengths and check digits (GS1 General Specifications). The server
// has the same table, and both pass the same vectors.

/** Stands for FNC1 after an element (7.8.3). */
export const separator = '\x1d';

/**
 * The application identifiers that may stand beside a patient's number, or tell what a code is instead (figure 3.2-1):
 * the digits of the name (n is any digit, brackets one of those in them), least and most characters of the value, and
 * whether it is digits alone.
 * @type {[string, number, number, boolean][]}
 */
const identifiers = [
  ['00', 18, 18, true], ['0[1-3]', 14, 14, true], ['10', 1, 20, false], ['1[1-3567]', 6, 6, true], ['20', 2, 2, true],
  ['2[12]', 1, 20, false], ['235', 1, 28, false], ['24[01]', 1, 30, false], ['242', 1, 6, true], ['243', 1, 20, false],
  ['25[01]', 1, 30, false], ['253', 13, 30, false], ['254', 1, 20, false], ['255', 13, 25, true], ['30', 1, 8, true],
  ['3[1-6]nn', 6, 6, true], ['37', 1, 8, true], ['39[02]n', 1, 15, true], ['39[13]n', 4, 18, true], ['40[013]', 1, 30, false],
  ['402', 17, 17, true], ['41n', 13, 13, true], ['420', 1, 20, false], ['421', 4, 12, false], ['42[26]', 3, 3, true],
  ['7001', 13, 13, true], ['7003', 10, 10, true], ['7006', 6, 6, true], ['71n', 1, 20, false], ['7240', 1, 20, false],
  ['7241', 2, 2, true], ['7242', 1, 25, false], ['7250', 8, 8, true], ['7251', 12, 12, true], ['7252', 1, 1, true],
  ['725[349]', 1, 40, false], ['7255', 1, 10, false], ['7256', 1, 90, false], ['7257', 1, 70, false], ['7258', 3, 3, false],
  ['8003', 14, 30, false], ['8006', 18, 18, true], ['80(04|10)', 1, 30, false], ['8011', 1, 12, true], ['8012', 1, 20, false],
  ['80(13|20)', 1, 25, false], ['801[78]', 18, 18, true], ['8019', 1, 10, true], ['8200', 1, 70, false], ['90', 1, 30, false],
  ['9[1-9]', 1, 90, false],
];

/** The first two digits of identifiers whose values end by their length and not by FNC1 (figure 7.8.5-2). */
const predefined = new Set('00 01 02 03 04 11 12 13 14 15 16 17 18 19 20 31 32 33 34 35 36 41'.split(' '));

const patterns = identifiers.map(([name, least, most, digits]) => ({ match: new RegExp(`^${name.replaceAll('n', '[0-9]')}`), least, most, digits }));

/** Characters that an element may hold (7.11, set 82). */
const set82 = /^[!"%-?A-Z_a-z]*$/;

/** @param {string} text */
export const isDigits = (text) => /^[0-9]+$/.test(text);

/**
 * Splits a text into elements (7.8). One identifier twice, an unknown one and a wrong length are refused.
 * @param {string} text
 * @returns {Map<string, string> | null}
 */
export function elements(text) {
  const out = new Map();
  let rest = text.startsWith(separator) ? text.slice(1) : text;
  while (rest !== '') {
    const ai = patterns.find((p) => p.match.test(rest));
    const name = ai?.match.exec(rest)?.[0] ?? '';
    if (!ai || out.has(name)) return null;
    rest = rest.slice(name.length);
    const end = predefined.has(name.slice(0, 2)) ? ai.most : rest.indexOf(separator);
    const value = end < 0 ? rest : rest.slice(0, end);
    if (value.length < ai.least || value.length > ai.most || !(ai.digits ? isDigits(value) : set82.test(value))) return null;
    out.set(name, value);
    rest = rest.slice(value.length);
    if (rest.startsWith(separator)) {
      rest = rest.slice(1);
      if (rest.startsWith(separator)) return null; // an empty element
    }
  }
  return out.size ? out : null;
}

/**
 * Whether the last digit is the check digit of those before (7.9.1, modulus 10).
 * @param {string} digits
 */
export function checks(digits) {
  if (!isDigits(digits)) return false;
  let sum = 0;
  for (let i = digits.length - 2, weight = 3; i >= 0; i--, weight = 4 - weight) sum += Number(digits[i]) * weight;
  return (10 - (sum % 10)) % 10 === Number(digits.at(-1));
}
