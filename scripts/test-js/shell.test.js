// The frame of the capture page, without a browser: what the service worker keeps and leaves alone, whose page it is, the
// clock, what waits.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import vm from 'node:vm';

import { corrected, tolerance, wrongBy } from '../../api/web/static/capture/offline.js';
import { little } from '../../api/web/static/capture/storage.js';
import { clockText, networkText } from '../../api/web/static/lib/bedside.js';
import { leaveText } from '../../api/web/static/lib/leave.js';
import { readSession } from '../../api/web/static/lib/who.js';
import { filled, keyOf, language, languageOf, t } from '../../api/web/static/lib/words.js';
import { ours } from '../../api/web/static/lib/worker.js';
import { ageText, storageText } from '../../api/web/static/pages/capture-queue.js';
import { memoryDisk } from './idb.mjs';

const shell = { version: 'v2', page: '/capture', files: ['/capture', '/static/h/a.js', '/static/h/b.wasm'] };

/** A response as the worker sees one. */
const answer = (address, version = 'v2', ok = true, status = ok ? 200 : 503) => ({ address, ok, status, headers: { get: (name) => (name === 'Clinivault-Shell' ? version : null) } });

/** Runs sw.js in a world of its own: a server that answers as told, and caches that keep. */
async function worker({ server = (address) => answer(address), kept = {}, owed = false, language = 'en-GB' } = {}) {
  const heard = {};
  const did = [];
  const stores = new Map(Object.entries(kept).map(([name, entries]) => [name, new Map(Object.entries(entries))]));
  const caches = {
    open: async (name) => {
      if (!stores.has(name)) stores.set(name, new Map());
      const store = stores.get(name);
      return { put: async (key, value) => void store.set(key, value), match: async (key) => store.get(key) };
    },
    keys: async () => [...stores.keys()],
    delete: async (name) => stores.delete(name),
  };
  const self = {
    clinivaultShell: shell, location: { origin: 'https://vault.example' }, clients: { claim: async () => did.push('claim') },
    skipWaiting: async () => did.push('skip'), addEventListener: (name, act) => (heard[name] = act), navigator: { language },
  };
  const indexedDB = memoryDisk();
  if (owed) await put(indexedDB, 'owed', { person: 'A' });
  const fetch = async (request, how) => {
    did.push(['fetch', request.url ?? request, how]);
    return server(request.url ?? request);
  };
  const text = await readFile(new URL('../../api/web/static/sw.js', import.meta.url), 'utf8');
  vm.runInNewContext(text, { self, caches, fetch, URL, Error, indexedDB, Response: Answer, URLSearchParams, AbortSignal });
  const run = (name, event = {}) => {
    let done = Promise.resolve();
    heard[name]({ waitUntil: (p) => (done = p), respondWith: (p) => (done = p), ...event });
    return done;
  };
  const ask = (path, more = {}) => {
    let got;
    heard.fetch({ request: { method: 'GET', mode: 'cors', url: `https://vault.example${path}`, ...more }, respondWith: (p) => (got = p) });
    return got;
  };
  return { run, ask, stores, did, owes: () => within(indexedDB, 'readonly', (store) => store.get('owed')) };
}

/** A response that the worker makes itself. */
class Answer {
  constructor(body, { status, headers }) {
    Object.assign(this, { body, status, headers });
  }

  static redirect = (to) => ({ to });
}

/** One act on the store that pages and worker share, which the worker would make where there is none. */
const within = (disk, mode, act) => new Promise((resolve, reject) => {
  const opening = disk.open('clinivault-shell', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('kept');
  opening.onsuccess = () => {
    const request = act(opening.result.transaction('kept', mode).objectStore('kept'));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  };
});
const put = (disk, name, value) => within(disk, 'readwrite', (store) => store.put(value, name));

test('the worker keeps everything of its build under its build, and nothing else', async () => {
  const w = await worker();
  await w.run('install');
  assert.deepEqual([...w.stores.keys()], ['clinivault-shell-v2']);
  assert.deepEqual([...w.stores.get('clinivault-shell-v2').keys()].sort(), [...shell.files].sort());
  assert.ok(!w.did.includes('skip'), 'it took over by itself');
  const asked = Object.fromEntries(w.did.map(([, address, how]) => [address, how]));
  for (const address of shell.files) assert.equal(asked[address].redirect, 'error', `${address} may lead elsewhere, as to a sign-in`);
  assert.equal(asked['/capture'].cache, 'no-cache', 'the page of a new build, not one that the browser kept');
  await w.run('message', { data: 'anything' });
  assert.ok(!w.did.includes('skip'), 'it took over at any word');
  await w.run('message', { data: 'take-over' });
  assert.ok(w.did.includes('skip'), 'it does not take over when it is told');
});

test('the worker keeps nothing of a build that is not whole', async () => {
  for (const [name, server] of Object.entries({
    'a file is gone': (a) => answer(a, 'v2', a !== '/static/h/b.wasm'),
    'the page is of another build': (a) => answer(a, 'v3'),
    'the network goes': (a) => { if (a === '/static/h/a.js') throw new TypeError('network'); return answer(a); },
  })) {
    const w = await worker({ server, kept: { 'clinivault-shell-v1': { '/capture': answer('old') } } });
    await assert.rejects(w.run('install'), name);
    assert.deepEqual([...w.stores.keys()], ['clinivault-shell-v1'], name);
  }
});

test('a new build forgets the old ones, and leaves what is not its own', async () => {
  const w = await worker({ kept: { 'clinivault-shell-v1': {}, 'clinivault-shell-v2': {}, other: {} } });
  await w.run('activate');
  assert.deepEqual([...w.stores.keys()], ['clinivault-shell-v2', 'other']);
  assert.ok(w.did.includes('claim'));
});

test('the worker answers the shell and leaves everything else alone', async () => {
  const w = await worker({ kept: { 'clinivault-shell-v2': { '/capture': answer('kept'), '/static/h/a.js': answer('kept') } } });
  assert.equal((await w.ask('/capture', { mode: 'navigate' })).address, 'kept');
  assert.equal((await w.ask('/static/h/a.js')).address, 'kept');
  assert.equal((await w.ask('/static/h/b.wasm')).address, 'https://vault.example/static/h/b.wasm', 'what is missing is asked for');
  for (const [path, more] of [
    ['/api/v1/session', {}], ['/api/v1/patients/search', { method: 'POST' }], ['/api/v1/session', { mode: 'navigate' }], ['/sign-out', { mode: 'navigate', method: 'POST' }],
    ['/capture', { mode: 'cors' }], ['/capture', { mode: 'navigate', method: 'POST' }], ['/static/other/a.js', {}],
    ['/static/h/a.js', { url: 'https://evil.example/static/h/a.js' }], ['/captures', { mode: 'navigate', url: 'https://evil.example/captures' }],
  ]) {
    assert.equal(w.ask(path, more), undefined, `${more.method ?? 'GET'} ${path} ${more.mode ?? ''}`);
  }
});

test('a page that is not kept comes from the server; while that is silent, a sentence stands in for it', async () => {
  const silent = () => { throw new TypeError('network'); };
  const there = await worker();
  assert.equal((await there.ask('/patients', { mode: 'navigate' })).address, 'https://vault.example/patients');
  assert.deepEqual([...there.stores.keys()], [], 'it was kept');
  for (const [language, lang, sentence] of [['en-GB', 'en', /needs the server.*href="\/capture"/s], ['de-AT', 'de', /braucht den Server.*href="\/capture"/s]]) {
    const w = await worker({ server: silent, language });
    const page = await w.ask('/patients', { mode: 'navigate' });
    assert.match(page.body, new RegExp(`<html lang="${lang}">`), language);
    assert.match(page.body, sentence, language);
    assert.match(page.headers['Content-Security-Policy'], /^default-src 'none'/);
    assert.deepEqual(await w.ask('/', { mode: 'navigate' }), { to: '/capture' }, 'the start');
    assert.deepEqual([...w.stores.keys()], [], 'it was kept');
  }
});

test('an owed sign-out is heard before a page is asked for', async () => {
  const addresses = (w) => w.did.map(([, address]) => address);
  for (const [name, server] of [['heard', (a) => answer(a)], ['the session ended by itself', (a) => answer(a, 'v2', false, 401)]]) {
    const w = await worker({ owed: true, server });
    await w.ask('/patients', { mode: 'navigate' });
    assert.deepEqual(addresses(w), ['/sign-out', 'https://vault.example/patients'], name);
    assert.equal(await w.owes(), undefined, `${name}: it is owed twice`);
    const how = w.did[0][2];
    assert.equal(String(how.body), 'person=A', `${name}: it ends whosever session it finds`);
    assert.ok(how.signal instanceof AbortSignal, `${name}: a late answer meets the next person's cookie`);
  }
  for (const [name, server] of [['silence', () => { throw new TypeError('network'); }], ['a fault', (a) => answer(a, 'v2', false)], ['no time', (a) => answer(a, 'v2', false, 429)],
    ['somebody before the server refuses', (a) => answer(a, 'v2', false, 403)]]) {
    const still = await worker({ owed: true, server });
    assert.match((await still.ask('/patients', { mode: 'navigate' })).body, /needs the server/, name);
    assert.deepEqual(addresses(still), ['/sign-out'], `${name}: the page was asked for in the name of whoever left`);
    assert.deepEqual(await still.owes(), { person: 'A' }, name);
  }
});

test('the worker takes over at the word of a page alone', async () => {
  const w = await worker();
  await w.run('message', { data: 'anything' });
  assert.deepEqual(w.did, []);
  await w.run('message', { data: 'take-over' });
  assert.deepEqual(w.did, ['skip']);
});

test('only workers of our own get an address', () => {
  for (const good of ['/sw.js', '/static/0123456789abcdef0123/capture/scan-worker.js']) assert.equal(ours(good), good);
  for (const bad of ['/other.js', '//evil.example/sw.js', 'https://evil.example/sw.js', '/static/0123456789abcdef0123/capture/scan.js', '/static/x/capture/scan-worker.js',
    '/static/0123456789abcdef0123/capture/../scan-worker.js', 'data:text/javascript,1', '/sw.js?x', '']) assert.throws(() => ours(bad), TypeError, bad);
});

test('whose page it is, from the server’s answer', () => {
  const raw = { session_id: 'S', person: { id: 'P', name: 'Demo Person', roles: ['clinician'] }, lock_after: 300, shared: true };
  assert.deepEqual(readSession(raw), { person: 'P', name: 'Demo Person', session: 'S', roles: ['clinician'], lockAfter: 300, shared: true, online: true, locked: false });
  assert.equal(readSession({ person: { id: 'P', name: 'N', roles: null }, locked: true }).locked, true);
});

test('the language is the chosen one, else the first of the browser’s that there is', () => {
  for (const [chosen, wished, want] of [
    [null, ['de-CH', 'en'], 'de'], ['en', ['de'], 'en'], ['de', [], 'de'], [null, ['fr', 'de-AT'], 'de'], [null, ['fr'], 'en'], [null, [], 'en'], ['xx', ['de'], 'en'], [null, ['constructor'], 'en'],
  ]) assert.equal(languageOf(chosen, wished), want, `${chosen} ${wished}`);
  assert.equal(language, 'en');
  assert.equal(t('{n} on the way', { n: 3 }), '3 on the way');
  assert.equal(filled('{a} {b} {toString}', { a: 1 }), '1 {b} {toString}');
  assert.equal(keyOf('  two\n   words '), 'two words');
});

test('the clock: the device’s own where it agrees, the server’s where not, never back', () => {
  const day = 24 * 3600_000;
  assert.equal(corrected(1_000_000, { skew: tolerance, seen: 0 }), 1_000_000);
  assert.equal(corrected(day, { skew: day, seen: 0 }), 2 * day);
  assert.equal(corrected(3 * day, { skew: -day, seen: 0 }), 2 * day);
  assert.equal(corrected(day, { skew: 0, seen: 2 * day }), 2 * day);
  assert.equal(wrongBy(tolerance), null);
  assert.deepEqual(wrongBy(-day * 2), { amount: 2, unit: 'days', late: false });
  assert.deepEqual(wrongBy(2 * 3600_000), { amount: 2, unit: 'hours', late: true });
  assert.equal(clockText(0), '');
  assert.match(clockText(-5 * 60_000), /5 minutes fast.*set the clock/);
  assert.match(clockText(2 * day), /2 days slow/);
});

test('what the page says of the network', () => {
  const well = { person: true, asked: true, answered: true, online: true };
  assert.equal(networkText(well), '');
  assert.equal(networkText({ ...well, asked: false, answered: false }), '', 'before it was asked');
  assert.match(networkText({ ...well, online: false }), /^No network/);
  assert.match(networkText({ ...well, answered: false }), /^The server does not answer/);
  assert.match(networkText({ ...well, person: false, answered: false }), /nobody is signed in/);
});

test('what waits: its age, the room for it, and what signing out leaves', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  assert.equal(ageText([], now), '');
  assert.equal(ageText([{ created_at: '2026-11-21T12:30:00Z' }], now), '');
  assert.match(ageText([{ created_at: '2026-11-22T11:00:00Z' }, { created_at: '2026-11-21T10:00:00Z' }], now), /26 hours/);
  assert.equal(storageText({ persisted: false, used: 0, room: 0 }, 0), '');
  assert.equal(storageText({ persisted: true, used: 0, room: little }, 1), '');
  assert.match(storageText({ persisted: false, used: 0, room: little }, 1), /may clear/);
  assert.match(storageText({ persisted: true, used: 0, room: 20e6 }, 1), /20\.0 MB/);
  assert.match(leaveText(1), /^One photo/);
  assert.match(leaveText(4), /^4 photos/);
});
