// A sign-out that a silent server has not heard: what is sent later, whose session it ends, and what counts as an answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keep, kept } from '../../api/web/static/lib/kept.js';
import { othersOut } from '../../api/web/static/lib/sign-in.js';
import { settleOwed } from '../../api/web/static/lib/who.js';
import { memoryDisk } from './idb.mjs';

/** A browser in which A signed out unheard, before a server that gives one answer; null: silence. */
async function browser(t, status, owed = { person: 'A' }) {
  globalThis.indexedDB = memoryDisk();
  const did = [];
  globalThis.location = { replace: (to) => did.push(to) };
  t.mock.method(globalThis, 'fetch', async (url, { method, body, signal }) => {
    did.push(`${method} ${url} ${body}`);
    assert.ok(signal instanceof AbortSignal, 'the server may take for ever');
    if (status === null) throw new TypeError('network');
    return new Response(null, { status });
  });
  if (owed) await keep('owed', owed);
  await keep('person', { id: 'A' });
  return did;
}

const asked = 'POST /sign-out person=A';

test('an owed sign-out counts as heard by a word of the vault alone', async (t) => {
  for (const [name, status, want, left] of [
    ['ended', 200, 'over', ['/sign-in']], ['ended by itself', 401, 'over', ['/sign-in']], ['somebody else is here now', 204, '', []],
    ['silence', null, 'owed', []], ['the database is silent', 503, 'owed', []], ['too often', 429, 'owed', []], ['a proxy refuses', 403, 'owed', []],
    ['a proxy knows nothing', 404, 'owed', []],
  ]) {
    const did = await browser(t, status);
    assert.equal(await settleOwed(), want, name);
    assert.deepEqual(did, [asked, ...left], name);
    assert.deepEqual(await kept('owed'), want === 'owed' ? { person: 'A' } : undefined, name);
    assert.deepEqual(await kept('person'), want === 'over' ? undefined : { id: 'A' }, `${name}: whose browser it is`);
  }
});

test('where nothing is owed nobody is asked', async (t) => {
  const did = await browser(t, 200, null);
  assert.equal(await settleOwed(), '');
  await othersOut();
  assert.deepEqual(did, []);
});

test('nobody signs in before whoever left is out', async (t) => {
  for (const status of [null, 503, 200]) {
    await browser(t, status);
    await assert.rejects(othersOut(), /being signed out/, String(status));
  }
  await browser(t, 204);
  await othersOut();
});
