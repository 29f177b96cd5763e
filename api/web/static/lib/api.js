// @ts-check
// The one place where pages speak to the JSON API.

/** @typedef {{ x0: number, y0: number, x1: number, y1: number }} Box */

/** A refusal with a sentence for the person (RFC 9457), or the network's silence. */
export class Problem extends Error {
  /**
   * @param {number} status HTTP status; 0 when no answer came
   * @param {string} sentence
   * @param {{ title?: string, requestID?: string, retryAfter?: number, residual?: Box[] }} [more]
   *   retryAfter in seconds; residual is what is still seen on a picture that was not released
   */
  constructor(status, sentence, more = {}) {
    super(sentence);
    this.name = 'Problem';
    this.status = status;
    this.title = more.title ?? '';
    this.requestID = more.requestID ?? '';
    this.retryAfter = more.retryAfter ?? 0;
    this.residual = more.residual ?? [];
  }
}

export const offline = 'The server does not answer. Check the network; nothing was changed.';

/**
 * Fills {name} in an address that the page carries in a data- attribute.
 * @param {string | undefined} pattern
 * @param {Record<string, string>} [values]
 * @returns {string}
 */
export function address(pattern, values = {}) {
  if (!pattern) throw new Error('the page carries no address for this act');
  return pattern.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`address needs ${name}`);
    return encodeURIComponent(values[name]);
  });
}

/**
 * Reads what a refusal says. Bodies that are no problem JSON (a proxy's page)
 * give a plain sentence instead.
 * @param {number} status
 * @param {string} body
 * @param {string | null} retryAfter
 * @returns {Problem}
 */
export function problemFrom(status, body, retryAfter) {
  let told = /** @type {any} */ ({});
  try {
    told = JSON.parse(body) ?? {};
  } catch {
    // Not ours; the status alone has to do.
  }
  const wait = Number.parseInt(retryAfter ?? '', 10);
  const sentence = typeof told.detail === 'string' && told.detail ? told.detail : fallback(status);
  return new Problem(status, sentence, {
    title: typeof told.title === 'string' ? told.title : '',
    requestID: typeof told.request_id === 'string' ? told.request_id : '',
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : 0,
    residual: boxesOf(told.residual),
  });
}

/** @param {unknown} regions @returns {Box[]} those that have a size */
function boxesOf(regions) {
  if (!Array.isArray(regions)) return [];
  return regions.map((r) => r?.box).filter((b) => b && b.x1 > b.x0 && b.y1 > b.y0);
}

/** @param {number} status @returns {string} */
function fallback(status) {
  if (status === 401) return 'You are not signed in any more. Please sign in again.';
  if (status === 403) return 'Your role does not allow this.';
  if (status === 404) return 'This does not exist, or you may not see it.';
  if (status === 409) return 'Somebody else changed this in the meantime. Load the page again.';
  if (status === 429) return 'Too many attempts. Please wait a little.';
  if (status === 503) return 'The server cannot do this just now. Nothing was changed; please try again.';
  return 'The server could not do this. Nothing was changed; please try again.';
}

/**
 * @param {string} method
 * @param {string} url
 * @param {unknown} [body] sent as JSON when given
 * @returns {Promise<any>} the JSON answer, or null when there is none
 */
export async function call(method, url, body) {
  /** @type {RequestInit} */
  const request = { method, cache: 'no-store', credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    request.headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
    request.body = JSON.stringify(body);
  }
  const answer = await ask(url, request);
  const text = await answer.text();
  if (!answer.ok) throw problemFrom(answer.status, text, answer.headers.get('Retry-After'));
  return text ? JSON.parse(text) : null;
}

/** @param {string} url @param {RequestInit} request @returns {Promise<Response>} */
async function ask(url, request) {
  try {
    return await fetch(url, request);
  } catch {
    throw new Problem(0, offline);
  }
}

/**
 * A picture as an object URL; the caller revokes it.
 * @param {string} url
 * @param {{ method?: string, body?: unknown }} [more]
 * @returns {Promise<string>}
 */
export async function picture(url, more = {}) {
  /** @type {RequestInit} */
  const request = { method: more.method ?? 'GET', cache: 'no-store', credentials: 'same-origin' };
  if (more.body !== undefined) {
    request.headers = { 'Content-Type': 'application/json' };
    request.body = JSON.stringify(more.body);
  }
  const answer = await ask(url, request);
  if (!answer.ok) throw problemFrom(answer.status, await answer.text(), answer.headers.get('Retry-After'));
  return URL.createObjectURL(await answer.blob());
}
