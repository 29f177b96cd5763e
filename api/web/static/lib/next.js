// @ts-check
// Where to go after signing in: a path of this site, never another one.

/**
 * @param {string | null | undefined} wish
 * @param {string} origin of this site
 * @returns {string} the path with its query; "/" for everything that is not clearly ours
 */
export function safeNext(wish, origin) {
  if (!wish || !wish.startsWith('/') || wish.startsWith('//') || /[\\\u0000-\u0020\u007f]/.test(wish)) return '/';
  let url;
  try {
    url = new URL(wish, origin);
  } catch {
    return '/';
  }
  if (url.origin !== new URL(origin).origin || url.pathname.startsWith('//')) return '/';
  if (url.pathname === '/sign-in' || url.pathname.startsWith('/sign-in/') || url.pathname === '/sign-out') return '/';
  return url.pathname + url.search;
}

/**
 * A plain sentence for a refused sign-in.
 * @param {{ status: number, message: string, kind?: string, retryAfter?: number }} problem
 * @returns {string}
 */
export function signInSentence(problem) {
  if (problem.status === 401 && (problem.kind ?? 'wrong-credentials') === 'wrong-credentials') return 'The login or the password is wrong. Check both and try again.';
  if (problem.status === 429 && problem.retryAfter) return `Too many tries. Please wait ${waitWords(problem.retryAfter)} and try again.`;
  return problem.message;
}

/** @param {number} seconds */
function waitWords(seconds) {
  if (seconds < 90) return `${seconds} second${seconds === 1 ? '' : 's'}`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
