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
const named = (list) => (list ?? []).map((c) => ({ ...c, id: fromBase64URL(c.id) }));

/** @param {any} options as the server sends them @returns {PublicKeyCredentialRequestOptions} */
export function requestOptions(options) {
  const asked = options.publicKey ?? options;
  return { ...asked, challenge: fromBase64URL(asked.challenge), allowCredentials: named(asked.allowCredentials) };
}

/** @param {any} options as the server sends them @returns {PublicKeyCredentialCreationOptions} */
export function creationOptions(options) {
  const asked = options.publicKey ?? options;
  return {
    ...asked, challenge: fromBase64URL(asked.challenge), user: { ...asked.user, id: fromBase64URL(asked.user.id) },
    excludeCredentials: named(asked.excludeCredentials),
    extensions: { ...asked.extensions, prf: {} }, // so that it can open what is kept for the time without a network
  };
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
async function alone(silently, ask) {
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

/** Asks what no server asked. @param {PublicKeyCredentialRequestOptions} options @returns {Promise<any>} the credential */
export function showWith(options) {
  return alone(false, (signal) => navigator.credentials.get({ publicKey: options, signal }));
}

/** @param {any} options @returns {Promise<Record<string, unknown>>} */
export function show(options) {
  return alone(false, async (signal) => answerOf(await navigator.credentials.get({ publicKey: requestOptions(options), signal })));
}

/** Waits in the background until a passkey is picked from what the browser offers beside the login field. @param {any} options */
export function offer(options) {
  return alone(true, async (signal) => answerOf(await navigator.credentials.get({
    publicKey: requestOptions(options), signal, mediation: /** @type {any} */ ('conditional'),
  })));
}

/** @returns {Promise<boolean>} whether the browser can offer passkeys beside the login field */
export async function offers() {
  if (!supported()) return false;
  const can = /** @type {any} */ (PublicKeyCredential).isConditionalMediationAvailable;
  return typeof can === 'function' && Boolean(await can.call(PublicKeyCredential));
}

/** @param {any} options @returns {Promise<Record<string, unknown>>} */
export function make(options) {
  return alone(false, async (signal) => answerOf(await navigator.credentials.create({ publicKey: creationOptions(options), signal })));
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
