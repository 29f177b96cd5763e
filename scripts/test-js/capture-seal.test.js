// The seal of the capture page, opened again from FORMAT.md alone.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { fromHex, mediaTypeOf, newCaptureID, toBase64, toHex } from '../../api/web/static/capture/bytes.js';
import { explainCameraError } from '../../api/web/static/capture/camera.js';
import { lookSize, lookText } from '../../api/web/static/capture/look.js';
import { readIntake } from '../../api/web/static/capture/intake.js';
import { chunkAAD, chunkSize, chunksSize, seal, sealChunks } from '../../api/web/static/capture/seal.js';
import { loadSeal, wrap } from '../../api/web/static/capture/wasm.js';

const { subtle } = crypto;

/** Opens the chunks behind a header; written from FORMAT.md, section 1. */
async function openChunks(envelope, headerSize, key) {
  const secret = await subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
  const hash = new Uint8Array(await subtle.digest('SHA-256', envelope.slice(0, headerSize)));
  const plain = [];
  for (let at = headerSize, i = 0; at < envelope.length; at += 65564, i++) {
    const piece = envelope.slice(at, at + 65564);
    const tail = new Uint8Array(9);
    new DataView(tail.buffer).setUint32(4, i);
    tail[8] = at + 65564 >= envelope.length ? 1 : 0;
    const additionalData = Buffer.concat([Buffer.from('clinivault/capture/chunk/v1\0', 'latin1'), hash, tail]);
    const opened = await subtle.decrypt({ name: 'AES-GCM', iv: piece.slice(0, 12), additionalData }, secret, piece.slice(12));
    plain.push(Buffer.from(opened));
  }
  return new Uint8Array(Buffer.concat(plain));
}

function headerSize(envelope) {
  const view = new DataView(envelope.buffer, envelope.byteOffset);
  return 28 + 2 + view.getUint16(28) + 4 + view.getUint32(28 + 2 + view.getUint16(28));
}

const header = crypto.getRandomValues(new Uint8Array(1800));
const sample = (n) => Uint8Array.from({ length: n }, (_, i) => i % 251);

for (const n of [1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 3 * chunkSize + 7]) {
  test(`chunks of ${n} bytes open again`, async () => {
    const key = crypto.getRandomValues(new Uint8Array(32));
    const envelope = await sealChunks(header, key, sample(n));
    assert.equal(envelope.length, header.length + chunksSize(n));
    assert.deepEqual(await openChunks(envelope, header.length, key), sample(n));
    envelope[envelope.length - 1] ^= 1;
    await assert.rejects(openChunks(envelope, header.length, key));
    envelope[envelope.length - 1] ^= 1;
    envelope[5] ^= 1; // the header is bound
    await assert.rejects(openChunks(envelope, header.length, key));
  });
}

test('the vectors of the format open', async () => {
  const folder = new URL('../../vault/seal/testdata/', import.meta.url);
  const { vectors } = JSON.parse(await readFile(new URL('capture.json', folder), 'utf8'));
  const good = vectors.filter((v) => !v.refused);
  assert.equal(good.length, 2);
  for (const v of good) {
    const sealed = v.sealed ? fromHex(v.sealed) : new Uint8Array(await readFile(new URL(v.sealed_file, folder)));
    const want = v.plain_size ? sample(v.plain_size) : fromHex(v.plain);
    assert.deepEqual(await openChunks(sealed, headerSize(sealed), fromHex(v.key)), want, v.name);
  }
});

test('additional data has the bytes of the format', () => {
  const aad = chunkAAD(new Uint8Array(32).fill(0xaa), 258, true);
  const want = Buffer.from('clinivault/capture/chunk/v1\0', 'latin1').toString('hex') + 'aa'.repeat(32) + '0000000000000102' + '01';
  assert.equal(toHex(aad), want);
  assert.equal(chunkAAD(new Uint8Array(32), 0, false).at(-1), 0);
  assert.throws(() => chunkAAD(new Uint8Array(31), 0, false), RangeError);
});

test('an empty picture is refused', async () => {
  await assert.rejects(sealChunks(header, new Uint8Array(32).fill(1), new Uint8Array(0)), /empty picture/);
});

const facts = { capture_id: 'ab'.repeat(16), consent: { record: true } };
const intake = { epoch: 1, key: 'AA==', receipt_keys: [] };

test('key and frame are zeroed after sealing', async () => {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const kept = key.slice();
  const frame = sample(1000);
  let asked;
  const module = { newCaptureHeader: (...args) => ((asked = args), { header, key }), verifyReceipt() {} };
  const out = await seal(module, intake, facts, frame);
  assert.deepEqual(asked, ['AA==', 1, JSON.stringify(facts)]);
  assert.ok(key.every((b) => b === 0), 'key');
  assert.ok(frame.every((b) => b === 0), 'frame');
  const envelope = new Uint8Array(out.envelope);
  assert.equal(out.size, envelope.length);
  assert.equal(out.sha256, toHex(new Uint8Array(await subtle.digest('SHA-256', envelope))));
  assert.deepEqual(await openChunks(envelope, header.length, kept), sample(1000));
});

test('key and frame are zeroed when sealing fails', async () => {
  const frame = sample(10);
  const module = { newCaptureHeader() { throw new Error('seal: wrong format: patient must be an ID'); }, verifyReceipt() {} };
  await assert.rejects(seal(module, intake, facts, frame.buffer), /patient must be an ID/);
  assert.ok(frame.every((b) => b === 0));
});

test('no consent to the record, no seal', async () => {
  const frame = sample(10);
  await assert.rejects(seal({}, intake, { ...facts, consent: { record: false } }, frame), /consent/);
  assert.ok(frame.every((b) => b === 0));
});

test('hexadecimal and base64', () => {
  assert.equal(toHex(fromHex('00ff10')), '00ff10');
  for (const bad of ['0', 'zz', 'AB']) assert.throws(() => fromHex(bad), TypeError, bad);
  assert.equal(toBase64(Uint8Array.of(0, 255, 16)), 'AP8Q');
  assert.match(newCaptureID(), /^[0-9a-f]{32}$/);
  assert.notEqual(newCaptureID(), newCaptureID());
});

test('pictures are told by their first bytes', () => {
  const ascii = (s) => Uint8Array.from(s, (c) => c.charCodeAt(0));
  const table = [
    ['image/jpeg', fromHex('ffd8ffe0')],
    ['image/png', fromHex('89504e470d0a1a0a')],
    ['image/heic', ascii('\0\0\0\x18ftypheic')],
    ['', ascii('\0\0\0\x18ftypisom')],
    ['', ascii('GIF89a')],
    ['', new Uint8Array(0)],
    ['', fromHex('ffd8')],
  ];
  for (const [want, b] of table) assert.equal(mediaTypeOf(b), want, toHex(b));
});

test('each fault of the camera says what to do', () => {
  const seen = new Set();
  for (const name of ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'Unsupported', 'EmptyFrame', 'whatever']) {
    const { sentence, remedy } = explainCameraError(name);
    assert.match(sentence, /\.$/);
    assert.match(remedy, /\.$/);
    seen.add(sentence);
  }
  assert.equal(seen.size, 6);
});

test('intake answers are checked', () => {
  const good = { epoch: 2, kem: 'MLKEM768-X25519', key: 'AA==', receipt_keys: [{ key_id: 'k', public_key: 'AA==' }] };
  assert.equal(readIntake(good).epoch, 2);
  for (const [name, change] of Object.entries({
    epoch: { epoch: 0 }, text: { epoch: '1' }, key: { key: '' }, keys: { receipt_keys: [] }, shape: { receipt_keys: [{}] }, kem: { kem: 'X' },
  })) {
    assert.throws(() => readIntake({ ...good, ...change }), Error, name);
  }
  assert.throws(() => readIntake(null));
});

test('the module: faults become exceptions', async () => {
  let ended = false;
  const raw = {
    newCaptureHeader: (key) => (key ? { header: Uint8Array.of(1), key: Uint8Array.of(2) } : { error: 'no key' }),
    verifyReceipt: (key) => (key === 'good' ? true : key === 'odd' ? 'yes' : { error: 'seal: receipt signature does not verify' }),
  };
  const module = wrap(raw, () => ended);
  assert.deepEqual(module.newCaptureHeader('k', 1, '{}'), { header: Uint8Array.of(1), key: Uint8Array.of(2) });
  assert.throws(() => module.newCaptureHeader('', 1, '{}'), /no key/);
  module.verifyReceipt('good', '{}');
  assert.throws(() => module.verifyReceipt('bad', '{}'), /does not verify/);
  assert.throws(() => module.verifyReceipt('odd', '{}'), /does not verify/);
  ended = true;
  assert.throws(() => module.verifyReceipt('good', '{}'), /stopped/);
  await assert.rejects(loadSeal({ execURL: '', wasmURL: '' }), /no sealing module/);
});

test('a photo is looked at small, and never made larger', () => {
  assert.deepEqual(lookSize(4000, 3000), { width: 320, height: 240 });
  assert.deepEqual(lookSize(3000, 4000), { width: 240, height: 320 });
  assert.deepEqual(lookSize(200, 100), { width: 200, height: 100 });
  assert.deepEqual(lookSize(9000, 10), { width: 320, height: 1 });
  assert.deepEqual(lookSize(0, 0), { width: 1, height: 1 });
});

test('only what is seen with certainty is told, and nothing seen is no praise', () => {
  const seen = (kind, faint = false) => ({ kind, faint, score: 0.7, x0: 0, y0: 0, x1: 9, y1: 9 });
  for (const [found, want] of [
    [[], /^$/], [[seen('face', true), seen('tattoo', true)], /^$/], [[seen('face'), seen('face')], /^A face seems to be/],
    [[seen('tattoo')], /^A tattoo seems to be/], [[seen('tattoo'), seen('face')], /^A face and a tattoo seem to be/],
  ]) {
    assert.match(lookText(found), want);
  }
});
