// @ts-check
// The workers of the site. A script's address is where text becomes code, so the site allows one policy (Trusted Types,
// trusted-types in the Content-Security-Policy), and that one makes addresses of our own workers and no other.

const shape = /^\/static\/[0-9a-f]{20}\/capture\/[a-z-]+-worker\.js$/;

/** @param {string} address @returns {string} @throws {TypeError} for what is no worker of ours */
export function ours(address) {
  if (address !== '/sw.js' && !shape.test(address)) throw new TypeError('not a worker of this site');
  return address;
}

/** @type {{ createScriptURL: (s: string) => string } | undefined} */
let policy;

/**
 * The address of a worker as the browser takes it.
 * @param {string} address path
 * @returns {string}
 */
export function scriptURL(address) {
  policy ??= /** @type {any} */ (globalThis).trustedTypes?.createPolicy('clinivault-worker', { createScriptURL: ours }) ?? { createScriptURL: ours };
  return /** @type {{ createScriptURL: (s: string) => string }} */ (policy).createScriptURL(address);
}

/** @type {Promise<ServiceWorkerRegistration> | undefined} */
let registered;

/** @returns {Promise<ServiceWorkerRegistration>} the service worker's, once there is one to speak to */
export function register() {
  registered ??= navigator.serviceWorker.register(scriptURL('/sw.js'), { scope: '/', updateViaCache: 'none' }).then(() => navigator.serviceWorker.ready);
  registered.catch(() => (registered = undefined));
  return registered;
}
