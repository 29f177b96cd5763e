// @ts-check
// The one place where pages speak to the JSON API.

/** @typedef {{ x0: number, y0: number, x1: number, y1: number }} Box */

/** A refusal with a sentence for the person (RFC 9457), or the network's silence. */
export class Problem extends Error {
  /**
   * @param {number} status HTTP status; 0 when no answer came
   * @param {string} sentence
   * @param {{ kind?: string, title?: string, requestID?: string, retryAfter?: number, residual?: Box[] }} [more]
   *   kind: the last part of the problem's type; retryAfter in seconds; residual is what is still seen on a picture that was not released
   */
  constructor(status, sentence, more = {}) {
    super(sentence);
    this.name = 'Problem';
    this.status = status;
    this.kind = more.kind ?? '';
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
    kind: typeof told.type === 'string' ? told.type.split(':').at(-1) ?? '' : '',
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
 * What can be done about a refusal, so that the same request may go through: true when it is worth another try.
 * @typedef {(problem: Problem) => Promise<boolean>} Remedy
 */

/** @type {Map<string, Remedy>} by kind of problem */
const remedies = new Map();

/** @param {string} kind @param {Remedy} act */
export function remedy(kind, act) {
  remedies.set(kind, act);
}

/**
 * Asks the remedy of a problem, if it has one.
 * @param {Problem} problem
 * @returns {Promise<boolean>} whether to try again
 */
export async function mend(problem) {
  const act = remedies.get(problem.kind);
  return act ? act(problem) : false;
}

/** @typedef {{ background?: boolean }} How background: the page asks by itself, so it neither keeps the screen open nor asks the person anything */

/**
 * @param {string} method
 * @param {string} url
 * @param {unknown} [body] sent as JSON when given
 * @param {How} [how]
 * @returns {Promise<any>} the JSON answer, or null when there is none
 */
export async function call(method, url, body, how = {}) {
  const answer = await through(url, requestOf(method, body, { Accept: 'application/json' }, how), how);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/**
 * @param {string} method @param {unknown} body @param {Record<string, string>} headers @param {How} how
 * @returns {RequestInit}
 */
function requestOf(method, body, headers, how) {
  if (how.background) headers['Clinivault-Background'] = '1';
  /** @type {RequestInit} */
  const request = { method, cache: 'no-store', credentials: 'same-origin', headers };
  if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    request.body = JSON.stringify(body);
  }
  return request;
}

/**
 * Sends, and once more after each remedy that helped; no remedy is asked twice for one request.
 * @param {string} url @param {RequestInit} request @param {How} how
 * @returns {Promise<Response>} a good answer
 */
async function through(url, request, how) {
  /** @type {Set<string>} */
  const tried = new Set();
  for (;;) {
    const answer = await ask(url, request);
    if (answer.ok) return answer;
    const problem = problemFrom(answer.status, await answer.text(), answer.headers.get('Retry-After'));
    const silent = how.background && problem.kind !== 'prove-device';
    if (silent || tried.has(problem.kind) || !(await mend(problem))) throw problem;
    tried.add(problem.kind);
  }
}

/** Who wants to see the head of each answer of the server, such as its clock. */
export const onAnswer = {
  /** @type {((answer: Response) => void)[]} */
  listeners: [],
  /** @param {Response} answer */
  heard(answer) {
    for (const act of onAnswer.listeners) act(answer);
  },
};

/** @param {string} url @param {RequestInit} request @returns {Promise<Response>} */
async function ask(url, request) {
  try {
    const answer = await fetch(url, request);
    onAnswer.heard(answer);
    return answer;
  } catch {
    globalThis.dispatchEvent?.(new Event('clinivault-silent'));
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
  const answer = await through(url, requestOf(more.method ?? 'GET', more.body, {}, {}), {});
  return URL.createObjectURL(await answer.blob());
}
