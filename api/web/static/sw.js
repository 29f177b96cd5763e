// @ts-check
// The service worker. It keeps the capture page and what that page loads, by the exact addresses that the server put
// before this script, and hands them out again when they are asked for: so the page opens without a network. Nothing else
// passes through it: no answer of the API, no other page, so no name, no number and no photo is ever kept here. And it
// says that something waits; the message that comes in carries nothing to show.

/** @typedef {{ waitUntil: (p: Promise<unknown>) => void }} Waiting */
/** @typedef {{ version: string, page: string, files: string[] }} Shell */

const worker = /** @type {any} */ (self);

/** @type {Shell} */
const shell = worker.clinivaultShell;
const family = 'clinivault-shell-';
const cacheName = family + shell.version;
const addresses = new Set(shell.files);

/**
 * The address under which a request is answered from what is kept; '' for all that this worker leaves alone.
 * @param {{ method: string, url: string, mode: string }} request
 * @param {string} origin
 */
function keptAddress(request, origin) {
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== origin || url.search !== '' || !addresses.has(url.pathname)) return '';
  // The page is for looking at, the files for the page: neither stands in for the other.
  return (request.mode === 'navigate') === (url.pathname === shell.page) ? url.pathname : '';
}

/** Keeps everything of this build, or nothing. */
async function fill() {
  const cache = await caches.open(cacheName);
  try {
    await Promise.all(shell.files.map(async (address) => {
      const answer = await fetch(address, { cache: address === shell.page ? 'no-cache' : 'default', credentials: 'same-origin', redirect: 'error' });
      const other = address === shell.page && answer.headers.get('Clinivault-Shell') !== shell.version;
      if (!answer.ok || other) throw new Error('the shell is of another build');
      await cache.put(address, answer);
    }));
  } catch (err) {
    await caches.delete(cacheName);
    throw err;
  }
}

/** Forgets the builds before this one. */
async function tidy() {
  for (const name of await caches.keys()) if (name.startsWith(family) && name !== cacheName) await caches.delete(name);
  await worker.clients.claim();
}

/** @param {string} address @param {Request} request */
async function handOut(address, request) {
  const cache = await caches.open(cacheName);
  return (await cache.match(address, { ignoreVary: true })) ?? fetch(request);
}

worker.addEventListener('install', (/** @type {Waiting} */ event) => event.waitUntil(fill()));
worker.addEventListener('activate', (/** @type {Waiting} */ event) => event.waitUntil(tidy()));

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const address = keptAddress(event.request, worker.location.origin);
  if (address) event.respondWith(handOut(address, event.request));
});

// A new build waits until a page says that it holds no photo that is not sealed yet.
worker.addEventListener('message', (/** @type {any} */ event) => {
  if (event.data === 'take-over') event.waitUntil(worker.skipWaiting());
});

worker.addEventListener('push', (/** @type {Waiting} */ event) => {
  event.waitUntil(worker.registration.showNotification('Clinivault', {
    body: 'Something waits in Clinivault.', tag: 'waiting', renotify: true,
  }));
});

worker.addEventListener('notificationclick', (/** @type {Waiting & { notification: { close: () => void } }} */ event) => {
  event.notification.close();
  event.waitUntil(open());
});

/** Goes to the notices in a window that is there, or in a new one. */
async function open() {
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const w of windows) {
    if (new URL(w.url).pathname === '/notices' && 'focus' in w) return w.focus();
  }
  return worker.clients.openWindow('/notices');
}
