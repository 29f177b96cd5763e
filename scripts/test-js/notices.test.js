// The service worker and the switch for push messages, without a browser.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import vm from 'node:vm';

import { bytesOf, same } from '../../api/web/static/lib/push.js';

/** Runs sw.js with a world of its own; gives what it listens for and what it did. */
async function worker(windows = []) {
  const did = [];
  const heard = {};
  const self = {
    clinivaultShell: { version: 'v', page: '/capture', files: [] },
    addEventListener: (name, act) => { heard[name] = act; },
    skipWaiting: () => did.push('skip'),
    registration: { showNotification: async (title, more) => did.push(['show', title, more.body, more.tag]) },
    clients: {
      claim: async () => did.push('claim'),
      matchAll: async () => windows,
      openWindow: async (url) => did.push(['open', url]),
    },
  };
  const text = await readFile(new URL('../../api/web/static/sw.js', import.meta.url), 'utf8');
  vm.runInNewContext(text, { self, URL });
  return { heard, did };
}

const after = (act, event = {}) => new Promise((done) => { act({ waitUntil: (p) => Promise.resolve(p).then(done), ...event }); });

test('the worker listens to messages, its own life, and what it keeps', async () => {
  const { heard } = await worker();
  assert.deepEqual(Object.keys(heard).sort(), ['activate', 'fetch', 'install', 'message', 'notificationclick', 'push']);
});

test('a message shows one fixed sentence, whatever it carries', async () => {
  const { heard, did } = await worker();
  await after(heard.push, { data: { text: () => 'a name', json: () => { throw new Error('looked at'); } } });
  assert.deepEqual(did, [['show', 'Clinivault', 'Something waits in Clinivault.', 'waiting']]);
});

test('a click goes to the notices: where they are open, or anew', async () => {
  let closed = 0;
  const event = { notification: { close: () => closed++ } };
  const none = await worker([{ url: 'https://x.example/review', focus: () => assert.fail('another page') }]);
  await after(none.heard.notificationclick, event);
  assert.deepEqual(none.did, [['open', '/notices']]);
  let focused = 0;
  const there = await worker([{ url: 'https://x.example/notices?x=1', focus: async () => focused++ }]);
  await after(there.heard.notificationclick, event);
  assert.deepEqual([there.did, focused, closed], [[], 1, 2]);
});

test('keys are compared byte by byte', () => {
  const key = bytesOf('BAEC/w==');
  assert.deepEqual([...key], [4, 1, 2, 255]);
  assert.ok(same(Uint8Array.from([4, 1, 2, 255]).buffer, key));
  for (const other of [null, undefined, Uint8Array.from([4, 1, 2]).buffer, Uint8Array.from([4, 1, 2, 254]).buffer]) {
    assert.ok(!same(other, key));
  }
});
