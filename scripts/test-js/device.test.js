// The browser's side of devices: proofs, commitments and numbers by the vector of vault/FORMAT.md section 13, the names
// of browsers, and when the next proof is due.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { dueIn } from '../../api/web/static/lib/device.js';
import { base64, browserName, commitment, comparison, proofText, sign } from '../../api/web/static/lib/devicekey.js';

const vector = JSON.parse(await readFile(new URL('../../vault/testdata/device.json', import.meta.url), 'utf8'));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const how = { name: 'ECDSA', namedCurve: 'P-256' };
const digest = { name: 'ECDSA', hash: 'SHA-256' };

test('a proof is what the vector says', async () => {
  const signed = proofText(vector.purpose, vector.nonce);
  assert.equal(new TextDecoder().decode(signed), vector.signed);
  const key = await crypto.subtle.importKey('spki', bytes(vector.key), how, true, ['verify']);
  assert.ok(await crypto.subtle.verify(digest, key, bytes(vector.signature), signed));
});

test('a key signs for one purpose and one number', async () => {
  const pair = await crypto.subtle.generateKey(how, false, ['sign', 'verify']);
  const made = bytes(await sign({ name: 'device', privateKey: pair.privateKey, publicKey: pair.publicKey, device: '' }, 'prove', 'N'));
  assert.equal(made.length, 64);
  assert.ok(await crypto.subtle.verify(digest, pair.publicKey, made, proofText('prove', 'N')));
  assert.ok(!(await crypto.subtle.verify(digest, pair.publicKey, made, proofText('unlock', 'N'))));
  assert.ok(!(await crypto.subtle.verify(digest, pair.publicKey, made, proofText('prove', 'M'))));
});

test('commitment and number are what the vector says', async () => {
  assert.equal(base64(await commitment(bytes(vector.opening), bytes(vector.key))), vector.commitment);
  assert.equal(await comparison(vector.code, vector.nonce, bytes(vector.opening), bytes(vector.key)), vector.number);
});

test('browsers are named so that people know them again', () => {
  for (const [agent, want] of [
    ['Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36', 'Chrome on Android'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1', 'Safari on iPhone'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0', 'Edge on Windows'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    ['', 'Browser on a device'],
  ]) assert.equal(browserName(agent), want);
});

test('the next proof is due when six tenths of the last one are over', () => {
  const noted = JSON.stringify({ session: 'A', from: 1000, seconds: 300 });
  assert.equal(dueIn(noted, 'A', 1000), 180_000);
  assert.equal(dueIn(noted, 'A', 100_000), 81_000);
  assert.equal(dueIn(noted, 'A', 500_000), 0, 'over');
  assert.equal(dueIn(noted, 'B', 1000), 0, 'another session');
  assert.equal(dueIn(noted, 'A', 999), 0, 'the clock was set back');
  for (const odd of [null, '', 'x', '{}', 'null']) assert.equal(dueIn(odd, 'A', 1000), 0);
});
