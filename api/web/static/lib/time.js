// @ts-check
// Moments for people. The server writes UTC; here they become local.

/** @type {Intl.DateTimeFormatOptions} */
const style = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' };

/**
 * @param {string | null | undefined} iso RFC 3339
 * @param {string} [zone] IANA name; the reader's own when absent
 * @param {string} [locale] BCP 47
 * @returns {string}
 */
export function localTime(iso, zone, locale = 'en-GB') {
  if (!iso) return 'not yet';
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return 'not yet';
  return new Intl.DateTimeFormat(locale, { ...style, timeZone: zone }).format(at);
}

/**
 * The same to the second, for the log.
 * @param {string} iso RFC 3339
 * @param {string} [zone]
 * @returns {string} for example "21 Nov 2026, 22:05:09"
 */
export function exactTime(iso, zone) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return 'not yet';
  return new Intl.DateTimeFormat('en-GB', { ...style, second: '2-digit', timeZone: zone }).format(at);
}

/**
 * The time of day, with seconds.
 * @param {string} iso RFC 3339
 * @param {string} [zone]
 * @returns {string} for example "14:05:09"
 */
export function clockTime(iso, zone) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return 'soon';
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: zone }).format(at);
}

/**
 * Minutes and seconds that are left, never negative.
 * @param {number} ms
 * @returns {string} for example "9:05"
 */
export function leftOver(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** @param {ParentNode} root */
export function localTimes(root) {
  for (const node of root.querySelectorAll('time[datetime]')) {
    const iso = node.getAttribute('datetime');
    if (iso) node.textContent = node.hasAttribute('data-seconds') ? exactTime(iso) : localTime(iso);
  }
}

/**
 * How much of a time box is left. Pure.
 * @param {number} milliseconds
 * @returns {string} for example "59 min 03 s"; empty when it is over
 */
export function leftText(milliseconds) {
  const s = Math.ceil(milliseconds / 1000);
  if (!(s > 0)) return '';
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
}
