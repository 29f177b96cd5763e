// What is kept for the times without a network: how long it counts, when the server's word goes before it, and the clock.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { memoryDisk } from './idb.mjs';

const hour = 3600_000;
const start = Date.parse('2026-11-21T10:00:00Z');
const raw = {
  epoch: 1, kem: 'MLKEM768-X25519', key: 'AA==', fallback_kem: '', fallback_key: '', receipt_keys: [{ key_id: 'k1', public_key: 'P1' }],
};

globalThis.indexedDB = memoryDisk();
const page = new EventTarget();
for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent']) globalThis[name] = page[name].bind(page);
const { keep, kept } = await import('../../api/web/static/lib/kept.js');
await keep('clock', { skew: 30 * 24 * hour, seen: start });
const { clockSkew, corrected, intake, keysFor, tolerance, trustedNow } = await import('../../api/web/static/capture/offline.js');

/** @type {{ status: number, date?: string }} how the server answers; 0: not at all */
let server;
beforeEach((t) => {
  t.mock.timers.enable({ apis: ['Date'], now: start });
  t.mock.method(globalThis, 'fetch', async () => {
    if (server.status === 0) throw new TypeError('no network');
    const headers = { Date: server.date ?? new Date(Date.now()).toUTCString() };
    return new Response(server.status === 200 ? JSON.stringify(raw) : '{"detail":"No."}', { status: server.status, headers });
  });
});
const later = async (fn, text) => assert.rejects(fn, (err) => text.test(err.message), String(text));

test('the clock that was kept counts until the server is heard', async () => {
  assert.equal(await clockSkew(), 30 * 24 * hour);
});

test('a key that was never fetched is not made up', async () => {
  server = { status: 0 };
  await later(intake('/intake'), /more than 7 days/);
});

test('kept keys are sealed to for seven days without a network, and no longer', async (t) => {
  server = { status: 200 };
  assert.equal((await intake('/intake')).epoch, 1);
  assert.ok(Math.abs(await clockSkew()) <= 1000, 'the server’s clock is heard');
  for (const status of [0, 503]) {
    server = { status };
    t.mock.timers.setTime(start + keysFor - 1000);
    assert.equal((await intake('/intake')).key, 'AA==', `status ${status}`);
    t.mock.timers.setTime(start + keysFor + 2000);
    if (status === 0) await later(intake('/intake'), /too old/);
    t.mock.timers.setTime(start);
  }
});

test('a server that refuses is not overruled by what was kept', async () => {
  server = { status: 200 };
  await intake('/intake');
  for (const [status, text] of [[401, /Sign in again/], [403, /no sealing key/], [404, /no sealing key/]]) {
    server = { status };
    await later(intake('/intake'), text);
  }
});

test('the server’s clock is taken over and kept, and what is no time is not', async () => {
  server = { status: 200, date: new Date(start + 25 * hour).toUTCString() };
  await intake('/intake');
  assert.ok(Math.abs((await clockSkew()) - 25 * hour) <= 1000, `skew ${await clockSkew()}`);
  assert.ok(Math.abs(trustedNow().getTime() - start - 25 * hour) <= 1000, trustedNow().toISOString());
  assert.ok(Math.abs((await kept('clock')).skew - 25 * hour) <= 1000, 'it is kept');
  server = { status: 200, date: 'yesterday' };
  await intake('/intake');
  assert.ok(Math.abs((await clockSkew()) - 25 * hour) <= 1000, `skew ${await clockSkew()}`);
  server = { status: 200, date: new Date(start).toUTCString() };
  await intake('/intake');
  assert.equal(corrected(start, { skew: tolerance - 1, seen: 0 }), start);
});

test('a clock that was kept does not go before the one that was heard meanwhile', async () => {
  await keep('clock', { skew: 30 * 24 * hour, seen: start });
  const late = await import('../../api/web/static/capture/offline.js?late'); // what it kept is read after the answer
  server = { status: 200, date: new Date(start + hour).toUTCString() };
  await late.intake('/intake');
  assert.ok(Math.abs((await late.clockSkew()) - hour) <= 1000, `skew ${await late.clockSkew()}`);
});
