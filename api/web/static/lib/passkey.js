// @ts-check
// Passkeys: what the server asks is turned into what the browser takes, and back (Web Authentication Level 3, sections
// 5.1.8 to 5.1.10). A page has one question to the authenticator open at a time.

/** @param {string} text base64url, with or without padding @returns {ArrayBuffer} */
export function fromBase64URL(text) {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, ''));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0)).buffer;
}

/** @param {ArrayBuffer} bytes @returns {string} base64url without padding */
export function toBase64URL(bytes) {
  let plain = '';
  for (const b of new Uint8Array(bytes)) plain += String.fromCharCode(b);
  return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** @param {any[] | undefined} list of credentials the server names */
export const named = (list) => (list ?? []).map((c) => ({ ...c, id: fromBase64URL(c.id) }));

/** @param {any} options as the server sends them @returns {PublicKeyCredentialRequestOptions} */
export function requestOptions(options) {
  const asked = options.publicKey ?? options;
  return { ...asked, challenge: fromBase64URL(asked.challenge), allowCredentials: named(asked.allowCredentials) };
}

/** What goes back to the server. @param {any} credential @returns {Record<string, unknown>} */
export function answerOf(credential) {
  const from = credential.response;
  /** @type {Record<string, unknown>} */
  const response = { clientDataJSON: toBase64URL(from.clientDataJSON) };
  for (const part of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (from[part]) response[part] = toBase64URL(from[part]);
  }
  if (typeof from.getTransports === 'function') response.transports = from.getTransports();
  const { prf: _, ...extensions } = credential.getClientExtensionResults(); // a secret of this device's
  return {
    id: credential.id, rawId: toBase64URL(credential.rawId), type: credential.type, response,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined, clientExtensionResults: extensions,
  };
}

/** Whether this browser has passkeys at all. */
export const supported = () => typeof PublicKeyCredential === 'function' && Boolean(navigator.credentials);

/** @type {AbortController | null} the question that is open */
let open = null;

/** Whether the authenticator is being asked something that the person sees. */
export const asking = () => open !== null && !quiet;
let quiet = false;

/**
 * Runs one question; an open one is taken back first.
 * @template T
 * @param {boolean} silently @param {(signal: AbortSignal) => Promise<T>} ask
 * @returns {Promise<T>}
 */
export async function alone(silently, ask) {
  open?.abort();
  const mine = new AbortController();
  open = mine;
  quiet = silently;
  try {
    return await ask(mine.signal);
  } finally {
    if (open === mine) open = null;
  }
}

/**
 * Asks for a passkey, and lets it answer to a salt as well (Web Authentication Level 3, 10.1.4, extension prf).
 * @param {PublicKeyCredentialRequestOptions} options @param {Uint8Array<ArrayBuffer>} salt 32 bytes
 * @param {boolean} [silently] waits in the background until one is picked from what the browser offers beside the login field
 * @returns {Promise<any>} the credential; its answer to the salt is a secret of this device's, which answerOf leaves out
 */
export function showWith(options, salt, silently = false) {
  const publicKey = /** @type {any} */ ({ ...options, extensions: { ...options.extensions, prf: { eval: { first: salt } } } });
  return alone(silently, (signal) => navigator.credentials.get({ publicKey, signal, mediation: /** @type {any} */ (silently ? 'conditional' : undefined) }));
}

/** @param {any} options @returns {Promise<Record<string, unknown>>} */
export function show(options) {
  return alone(false, async (signal) => answerOf(await navigator.credentials.get({ publicKey: requestOptions(options), signal })));
}

/**
 * A sentence for what the browser says when it comes back without a passkey; '' for what is no fault of a passkey.
 * @param {unknown} err
 * @returns {string}
 */
export function passkeySentence(err) {
  const name = err instanceof Error || (typeof DOMException !== 'undefined' && err instanceof DOMException) ? err.name : '';
  if (name === 'NotAllowedError') return 'No passkey was used. Try again, or choose another way.';
  if (name === 'InvalidStateError') return 'This device has a passkey of yours already.';
  if (name === 'SecurityError') return 'Passkeys do not work at this address. Open Clinivault by the name your hospital gave it.';
  if (name === 'NotSupportedError' || name === 'ConstraintError') return 'This device cannot check a finger, a face or a PIN, which a passkey here needs.';
  return '';
}
