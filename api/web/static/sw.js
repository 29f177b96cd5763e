// @ts-check
// The service worker. It keeps the capture page and what that page loads, by the exact addresses that the server put
// before this script, and hands them out again when they are asked for: so the page opens without a network. Nothing else
// is kept: no answer of the API, no other page, so no name, no number and no photo. Another page that does not come, since
// the server does not answer, gives a sentence of this worker's own, and the way to the page that does open. Whoever
// signed out while the server was silent is signed out before a page is asked for in their name. And it says that
// something waits; the message that comes in carries nothing to show.

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

/** @returns {Response} what stands in for a page that did not come */
function instead() {
  const words = worker.navigator.language?.startsWith('de')
    ? { lang: 'de', title: 'Keine Verbindung', text: 'Diese Seite braucht den Server, und der ist gerade nicht zu erreichen. Fotos lassen sich auch ohne ihn aufnehmen.', link: 'Foto aufnehmen' }
    : { lang: 'en', title: 'No connection', text: 'This page needs the server, which cannot be reached just now. Photos can be taken without it.', link: 'Take a photo' };
  const css = shell.files.filter((name) => /\/css\/(?:base|parts)\.css$/.test(name)).map((name) => `<link rel="stylesheet" href="${name}">`).join('');
  const page = `<!doctype html><html lang="${words.lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${words.title} · Clinivault</title>${css}</head>
<body><main class="page"><h1>${words.title}</h1><p>${words.text}</p><p><a class="button primary" href="${shell.page}">${words.link}</a></p></main></body></html>`;
  return new Response(page, {
    status: 503,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', 'Content-Security-Policy': "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'" },
  });
}

/** A page that is not kept: as the server gives it. The start leads to the page that opens in any case. @param {Request} request */
async function beyond(request) {
  try {
    await settleOwed();
    return await fetch(request);
  } catch {
    return new URL(request.url).pathname === '/' ? Response.redirect(shell.page) : instead();
  }
}

/**
 * Signs out whoever did so while the server was silent, as lib/who.js does in a page. No page is asked for until that is
 * done, as it would be shown in their name.
 */
async function settleOwed() {
  const db = await new Promise((resolve) => {
    const request = indexedDB.open('clinivault-shell', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('kept');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null); // this browser keeps nothing
  });
  const inStore = (/** @type {IDBTransactionMode} */ mode, /** @type {(store: IDBObjectStore) => IDBRequest} */ act) => new Promise((resolve, reject) => {
    const request = act(db.transaction('kept', mode).objectStore('kept'));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  if (!db) return;
  try {
    const owed = await inStore('readonly', (store) => store.get('owed'));
    if (!owed) return;
    const answer = await fetch('/sign-out', { method: 'POST', body: new URLSearchParams({ person: owed.person }), signal: AbortSignal.timeout(4_000) });
    if (!answer.ok && answer.status !== 401) throw new Error('the server does not answer');
    await inStore('readwrite', (store) => store.delete('owed'));
  } finally {
    db.close();
  }
}

/** Whether a request is for another page of ours, to look at. @param {{ method: string, url: string, mode: string }} request */
function isPage(request) {
  const url = new URL(request.url);
  return request.mode === 'navigate' && request.method === 'GET' && url.origin === worker.location.origin && !url.pathname.startsWith('/api/');
}

worker.addEventListener('install', (/** @type {Waiting} */ event) => event.waitUntil(fill()));
worker.addEventListener('activate', (/** @type {Waiting} */ event) => event.waitUntil(tidy()));

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const address = keptAddress(event.request, worker.location.origin);
  if (address) event.respondWith(handOut(address, event.request));
  else if (isPage(event.request)) event.respondWith(beyond(event.request));
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
