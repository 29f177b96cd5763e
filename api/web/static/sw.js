// @ts-check
// The service worker: it says that something waits, and keeps nothing. No request passes through it, and a message that
// comes in carries nothing to show: what waits is seen on the page, after signing in.

/** @typedef {{ waitUntil: (p: Promise<unknown>) => void }} Waiting */

const worker = /** @type {any} */ (self);

worker.addEventListener('install', () => worker.skipWaiting());
worker.addEventListener('activate', (/** @type {Waiting} */ event) => event.waitUntil(worker.clients.claim()));

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
