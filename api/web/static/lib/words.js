// @ts-check
// The words of the pages that are used at the bedside, in the reader's language. The English text is the key: a page is
// whole without any catalogue, and what has no translation stays English. Only pages that say so (data-words on <html>)
// are translated.

/** @typedef {'en' | 'de'} Language */

/** @type {Record<Language, string>} each language in its own words */
export const languages = { en: 'English', de: 'Deutsch' };

const choice = 'clinivault-language';

/**
 * The language of a reader. Pure.
 * @param {string | null | undefined} chosen what the reader chose, if anything
 * @param {readonly string[]} wished by the browser, best first (BCP 47)
 * @returns {Language}
 */
export function languageOf(chosen, wished) {
  for (const tag of chosen ? [chosen] : wished) {
    const code = tag.toLowerCase().split('-')[0];
    if (Object.hasOwn(languages, code)) return /** @type {Language} */ (code);
  }
  return 'en';
}

/** @returns {string | null} */
function chosen() {
  try {
    return localStorage.getItem(choice);
  } catch {
    return null; // storage is off: the browser's own wish counts
  }
}

const page = /** @type {any} */ (globalThis).document?.documentElement;

/** @type {Language} */
export const language = page?.hasAttribute('data-words') ? languageOf(chosen(), navigator.languages ?? []) : 'en';

/** For dates and numbers (BCP 47). */
export const locale = { en: 'en-GB', de: 'de-DE' }[language];

/** @type {Record<string, string>} */
let catalogue = {};
if (language === 'de') {
  try {
    catalogue = (await import('../words/de.js')).default;
  } catch {
    // English is better than nothing at all.
  }
}

/**
 * Puts values into a sentence: {name} is replaced, and a name without a value is left as it is. Pure.
 * @param {string} sentence @param {Record<string, string | number>} vars
 */
export function filled(sentence, vars) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(vars, name) ? String(vars[name]) : whole));
}

/**
 * A sentence in the reader's language.
 * @param {string} english the whole sentence, with {names} for what varies
 * @param {Record<string, string | number>} [vars]
 * @returns {string}
 */
export function t(english, vars) {
  const sentence = catalogue[english] ?? english;
  return vars ? filled(sentence, vars) : sentence;
}

/** The key that a text of a page is. @param {string | null} text */
export const keyOf = (text) => (text ?? '').trim().replace(/\s+/g, ' ');

/**
 * Translates a part of the page: the text of [data-t], which has no elements in it, and the attributes that data-t-attr
 * names; inside <template> too.
 * @param {ParentNode} root
 */
export function translate(root) {
  if (language === 'en') return;
  for (const node of root.querySelectorAll('[data-t]')) {
    const key = keyOf(node.textContent);
    if (key) node.textContent = t(key);
  }
  for (const node of root.querySelectorAll('[data-t-attr]')) {
    for (const name of (node.getAttribute('data-t-attr') ?? '').split(' ')) {
      const english = node.getAttribute(name);
      if (english) node.setAttribute(name, t(keyOf(english)));
    }
  }
  for (const template of root.querySelectorAll('template')) translate(template.content);
}

/** Keeps the reader's choice and shows the page in it. @param {string} code one of languages */
export function choose(code) {
  localStorage.setItem(choice, code);
  globalThis.dispatchEvent(new Event('clinivault-language'));
  location.reload();
}
