// @ts-check
// What a scanned code means. The symbology decides, by its identifier (ISO/IEC 15424): where FNC1 stands first, the
// elements of GS1 count, and among them the number of a patient (AI 8018); everything else is the hospital's own number.
// What people scan by mistake is refused by name. The server reads codes in the same way, and both pass the same vectors.

import { t } from '../lib/words.js';
import { checks, elements, isDigits, separator } from './gs1.js';

/** @typedef {'gsrn' | 'nhs' | 'record_number'} BandKind */
/** @typedef {{ kind: BandKind, value: string, srin?: string }} Band srin: service relation instance number (AI 8019) */
/** @typedef {{ refused: string, why: string }} Refused a sentence for the person, and its name */
/** @typedef {'' | 'record_number' | 'nhs'} Plain what a code without GS1's mark holds; '': a record number, unless it may be something else */

const longest = 512; // characters of a code
const longestNumber = 32; // characters of a record number
const gs1 = new Set([']d2', ']d5', ']C1', ']Q3', ']Q4']);
const plainCodes = new Set([']C0', ']d1', ']d4', ']Q1', ']Q2']);
const schemes = new Set(['http', 'https', 'mailto', 'tel', 'sms', 'geo', 'wifi', 'begin', 'otpauth', 'mecard']);
const products = ['01', '02', '03', '710', '711', '712', '713', '714', '715', '716', '8006', '8010'];

/**
 * Why a code is no wristband, in the reader's language.
 * @param {string} why
 * @returns {string}
 */
export function refusal(why) {
  switch (why) {
    case 'empty': return t('The code is empty. Scan the wristband again.');
    case 'symbology': return t('This kind of code does not stand on wristbands. Scan the wristband.');
    case 'product': return t('This is the code of a medicine or a product, not a wristband.');
    case 'provider': return t('This is the code of a member of staff (8017), not of a patient.');
    case 'other': return t('This GS1 code is not a patient’s wristband.');
    case 'address': return t('This is a web address, not a wristband.');
    case 'boarding': return t('This is a boarding pass, not a wristband.');
    case 'check': return t('The number on the band does not add up: it was misread, or printed wrong. Scan again, or pick the patient from the list.');
    case 'damaged': return t('The band’s code is not built as GS1 asks. Have a new band printed, and pick the patient from the list.');
    case 'unmarked': return t('The code holds a GS1 number without the mark of GS1, so it may be anything. Have a new band printed, and pick the patient from the list.');
    case 'ambiguous': return t('The number may be a record number or an NHS number. Pick the patient from the list; your IT team can say which of both your bands carry.');
    default: return t('This is no number that wristbands here carry. Scan the wristband.');
  }
}

/**
 * Reads the text of a code. Pure.
 * @param {string} symbology its identifier, such as ]d2; '': a scanner that types, which may put it before the text
 * @param {string} text
 * @param {Plain} [plain]
 * @returns {Band | Refused}
 */
export function parseBand(symbology, text, plain = '') {
  const band = meaning(symbology, text, plain);
  return typeof band === 'string' ? { refused: refusal(band), why: band } : band;
}

/** @param {string} symbology @param {string} text @param {Plain} plain @returns {Band | string} */
function meaning(symbology, text, plain) {
  if (symbology === '') [symbology, text] = typed(text);
  if (text === '') return 'empty';
  if (new TextEncoder().encode(text).length > longest) return 'unknown';
  if (gs1.has(symbology)) return gs1Band(text);
  return plainCodes.has(symbology) ? plainBand(text, plain) : 'symbology';
}

/** What a scanner typed that works as a keyboard. @param {string} text @returns {[string, string]} */
function typed(text) {
  const line = text.replace(/[\r\n]+$/, '');
  if (line.length >= 3 && line.startsWith(']')) return [line.slice(0, 3), line.slice(3)];
  return [line.includes(separator) ? ']d2' : ']C0', line];
}

/** @param {string} text @returns {Band | string} */
function gs1Band(text) {
  const all = elements(text);
  if (!all) return 'damaged';
  if (products.some((ai) => all.has(ai))) return 'product';
  if (all.has('8017')) return 'provider';
  const value = all.get('8018');
  if (value === undefined) return 'other';
  if (!checks(value)) return 'check';
  const srin = all.get('8019');
  return srin === undefined ? { kind: 'gsrn', value } : { kind: 'gsrn', value, srin };
}

/**
 * Whether ten digits are an NHS number (NHS Data Dictionary: modulus 11).
 * @param {string} digits
 */
export function nhsChecks(digits) {
  if (digits.length !== 10 || !isDigits(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 9; i++) sum += Number(digits[i]) * (10 - i);
  const check = 11 - (sum % 11);
  return check !== 10 && check % 11 === Number(digits[9]);
}

/** @param {string} text @param {Plain} plain @returns {Band | string} */
function plainBand(text, plain) {
  const foreign = foreignCode(text);
  if (foreign) return foreign;
  const compact = text.replaceAll(' ', '');
  if (plain === 'nhs') {
    if (compact.length !== 10 || !isDigits(compact)) return 'unknown';
    return nhsChecks(compact) ? { kind: 'nhs', value: compact } : 'check';
  }
  if ([...text].length > longestNumber || text.trim() !== text || /[^\P{C}]|[^\P{Z} ]/u.test(text)) return 'unknown';
  if (plain === '') {
    if (nhsChecks(compact)) return 'ambiguous';
    if (isDigits(text) && (text.length === 13 || text.length === 14) && checks(text)) return 'product';
  }
  return { kind: 'record_number', value: text };
}

/** Names what people scan by mistake; '': nothing that is known. @param {string} text */
function foreignCode(text) {
  const lower = text.toLowerCase();
  const colon = lower.indexOf(':');
  if (text.startsWith('[)>') || (text.startsWith('+') && text.length > 5)) return 'product'; // ISO/IEC 15434 (IFA's PPN); HIBC
  if (text.length >= 58 && /^[MS][1-4]/.test(text)) return 'boarding'; // IATA resolution 792
  if ((colon >= 0 && schemes.has(lower.slice(0, colon))) || lower.startsWith('www.')) return 'address';
  if (text.startsWith('(8018)') || (/^8018[0-9]{18}/.test(text) && checks(text.slice(4, 22)))) return 'unmarked';
  return /^01[0-9]{14}/.test(text) && checks(text.slice(2, 16)) ? 'product' : '';
}
