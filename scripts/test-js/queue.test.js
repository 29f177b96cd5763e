// The queue of sealed photos on a disk: what leaves it, what does not, and what a full disk does.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { memoryDisk } from './idb.mjs';

// The queue speaks to the page it is in.
const page = new EventTarget();
for (const name of ['addEventListener', 'removeEventListener']) globalThis[name] = page[name].bind(page);
const { QueueError, openQueue } = await import('../../api/web/static/capture/queue.js');

const item = (n, more = {}) => ({
  capture_id: String(n).padStart(32, '0'), envelope: new Uint8Array([n, n]).buffer, size: 2, sha256: 'ab'.repeat(32), owner: 'p1',
  created_at: `2026-11-21T10:00:0${n}.000Z`, state: 'sealed', attempts: 0, last_error: '', ...more,
});
const numbers = async (queue) => (await queue.list()).map((i) => Number(i.capture_id));
const mayLeave = () => page.dispatchEvent(new Event('beforeunload', { cancelable: true }));

let disk;
let queue;
beforeEach(async () => {
  disk = globalThis.indexedDB = memoryDisk();
  queue = await openQueue();
});

afterEach(() => queue.close());

test('what is put is kept durably, oldest first, and leaves by its receipt alone', async () => {
  assert.equal(await queue.put(item(2)), true);
  assert.equal(await queue.put(item(1)), true);
  assert.deepEqual(disk.durability, ['strict', 'strict']);
  await queue.update(item(1).capture_id, { state: 'failed', attempts: 3, last_error: 'No.' });
  assert.deepEqual(await numbers(queue), [1, 2]);
  const got = await queue.get(item(1).capture_id);
  assert.deepEqual([got.state, got.attempts, got.last_error, got.owner], ['failed', 3, 'No.', 'p1']);
  assert.deepEqual([...new Uint8Array(got.envelope)], [1, 1]);
  await queue.received(item(1).capture_id);
  assert.deepEqual(await numbers(queue), [2]);
});

test('a number that is taken is refused, and what is there stays', async () => {
  await queue.put(item(1));
  await assert.rejects(queue.put(item(1, { envelope: new Uint8Array([9, 9]).buffer })), QueueError);
  assert.deepEqual([...new Uint8Array((await queue.get(item(1).capture_id)).envelope)], [1, 1]);
  assert.equal(queue.holdsUnsaved, false);
});

test('a note does not bring back what is gone', async () => {
  await queue.put(item(1));
  await queue.received(item(1).capture_id);
  await queue.update(item(1).capture_id, { state: 'sealed' });
  assert.deepEqual(await numbers(queue), []);
});

test('on a full disk a photo is held in memory, the page asks before it is left, and room is used once it comes', async (t) => {
  await queue.put(item(1));
  assert.ok(mayLeave());
  disk.full = true;
  assert.equal(await queue.put(item(2)), false);
  assert.equal((await queue.get(item(2).capture_id)).unsaved, true);
  assert.ok(queue.holdsUnsaved && !mayLeave(), 'leaving would lose a photo, and nobody is asked');
  await queue.update(item(1).capture_id, { state: 'sending', attempts: 1 });
  await queue.update(item(2).capture_id, { state: 'sending', attempts: 1 });
  assert.deepEqual((await queue.list()).map((i) => [i.state, i.attempts]), [['sending', 1], ['sending', 1]], 'notes on a full disk');
  await queue.received(item(1).capture_id);
  assert.deepEqual(await numbers(queue), [2], 'still no room, and nothing lost');
  disk.full = false;
  await queue.put(item(3));
  await queue.received(item(3).capture_id);
  assert.deepEqual(await numbers(queue), [2]);
  assert.ok(!queue.holdsUnsaved && mayLeave());
  const again = await openQueue();
  t.after(() => again.close());
  const [kept] = await again.list();
  assert.deepEqual([kept.capture_id, 'unsaved' in kept], [item(2).capture_id, false], 'on the disk, as after a restart');
});

test('what is only in memory leaves by its receipt too', async () => {
  disk.full = true;
  await queue.put(item(1));
  await queue.received(item(1).capture_id);
  assert.deepEqual(await numbers(queue), []);
  assert.ok(!queue.holdsUnsaved && mayLeave());
});

test('a browser that keeps nothing says so', async () => {
  globalThis.indexedDB = { open: () => { throw new DOMException('off', 'SecurityError'); } };
  await assert.rejects(openQueue(), (err) => err instanceof QueueError && /normal window/.test(err.message));
});
