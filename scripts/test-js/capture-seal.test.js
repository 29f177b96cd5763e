// The seal of the capture page, opened again from FORMAT.md alone.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { fromHex, mediaTypeOf, newCaptureID, toBase64, toHex } from '../../api/web/static/capture/bytes.js';
import { explainCameraError } from '../../api/web/static/capture/camera.js';
import { readIntake } from '../../api/web/static/capture/intake.js';
import { chunkAAD, chunkSize, chunksSize, seal, sealChunks } from '../../api/web/static/capture/seal.js';
import { checkFacts, paddedFacts } from '../../api/web/static/capture/header.js';
import { signedBytes, verifyReceipt } from '../../api/web/static/capture/receipt.js';
import { verify, verifyByHand } from '../../api/web/static/capture/ed25519.js';
import { loadSeal, ways, wrap } from '../../api/web/static/capture/wasm.js';
import { openCapture, parseIntakePrivate } from '../format/sealed.mjs';

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

const facts = {
  capture_id: 'ab'.repeat(16), patient: 'PATIENT1', encounter: '', body_site: 'forearm', laterality: 'left', author: 'PERSON1', device: '',
  media_type: 'image/jpeg', note: '', consent: { record: true, teaching: false, publication: false }, taken_at: '2026-11-21T09:30:00.120Z',
};
const intake = { epoch: 1, key: 'AA==', fallback_key: '', receipt_keys: [] };

/** A sealing whose shared secret the test knows. */
const sealing = (more = {}) => ({
  way: ways.hybrid, fallback: false, verifyReceipt,
  encapsulate: async () => ({ enc: new Uint8Array(1120).fill(7), shared: new Uint8Array(32).fill(9) }), ...more,
});

test('frame and shared secret are zeroed after sealing', async () => {
  const frame = sample(1000);
  const shared = new Uint8Array(32).fill(9);
  const out = await seal(sealing({ encapsulate: async () => ({ enc: new Uint8Array(1120), shared }) }), intake, facts, frame);
  assert.ok(shared.every((b) => b === 0), 'shared secret');
  assert.ok(frame.every((b) => b === 0), 'frame');
  const envelope = new Uint8Array(out.envelope);
  assert.equal(out.size, envelope.length);
  assert.equal(out.sha256, toHex(new Uint8Array(await subtle.digest('SHA-256', envelope))));
  assert.equal(headerSize(envelope), 28 + 2 + 1168 + 4 + 512 + 28);
});

test('the key of a photo is zeroed after sealing, and no handle gives it away', async (t) => {
  const made = [];
  const { importKey } = Object.getPrototypeOf(subtle);
  t.mock.method(Object.getPrototypeOf(subtle), 'importKey', async function imported(form, raw, how, ...more) {
    const key = await importKey.call(this, form, raw, how, ...more);
    if (how === 'AES-GCM') made.push({ raw, key });
    return key;
  });
  await seal(sealing(), intake, facts, sample(1000));
  assert.ok(made.length >= 2, 'facts and chunks');
  for (const { raw, key } of made) {
    assert.ok(raw.length === 32 && raw.every((b) => b === 0), 'a key is still in memory');
    assert.equal(key.extractable, false);
  }
});

test('the frame is zeroed when sealing fails', async () => {
  const frame = sample(10);
  await assert.rejects(seal(sealing(), intake, { ...facts, patient: '' }, frame.buffer), /patient/);
  assert.ok(frame.every((b) => b === 0));
});

test('no consent to the record, no seal', async () => {
  const frame = sample(10);
  await assert.rejects(seal(sealing(), intake, { ...facts, consent: { record: false } }, frame), /consent/);
  assert.ok(frame.every((b) => b === 0));
});

test('what the vault would refuse is not sealed', () => {
  const measures = { pixels_per_mm: 12.5, colour: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], sharpness: 0.5, overruled: ['blur', 'face'] };
  for (const good of [facts, { ...facts, measures }, { ...facts, measures: {} }, { ...facts, note: 'two\nlines\tand a tab' }]) checkFacts(good);
  const { note, ...without } = facts;
  assert.equal(note, '');
  for (const [name, bad] of Object.entries({
    'no note': without, 'one more': { ...facts, gps: 1 }, id: { ...facts, capture_id: 'X' }, 'zero id': { ...facts, capture_id: '0'.repeat(32) },
    author: { ...facts, author: 'a b' }, site: { ...facts, body_site: 'x'.repeat(81) }, 'control character': { ...facts, note: 'a\u0000' },
    'long note': { ...facts, note: 'ä'.repeat(1001) }, side: { ...facts, laterality: 'up' }, media: { ...facts, media_type: 'image/gif' },
    consent: { ...facts, consent: { record: true } }, 'consent more': { ...facts, consent: { ...facts.consent, sale: true } },
    time: { ...facts, taken_at: '2026-11-21T09:30:00Z' }, year: { ...facts, taken_at: '1999-11-21T09:30:00.000Z' }, day: { ...facts, taken_at: '2026-13-21T09:30:00.000Z' },
    'null measures': { ...facts, measures: null }, 'measure unknown': { ...facts, measures: { smell: 1 } }, scale: { ...facts, measures: { pixels_per_mm: 0 } },
    'not a number': { ...facts, measures: { pixels_per_mm: NaN } }, colour: { ...facts, measures: { colour: [1] } }, sharp: { ...facts, measures: { sharpness: 2 } },
    order: { ...facts, measures: { overruled: ['face', 'blur'] } }, twice: { ...facts, measures: { overruled: ['face', 'face'] } },
  })) {
    assert.throws(() => checkFacts(bad), /cannot be sealed/, name);
  }
  assert.throws(() => checkFacts(null), /cannot be sealed/);
});

test('facts are padded to a multiple of 512', () => {
  for (const n of [0, 1, 500, 2000]) {
    const b = paddedFacts({ ...facts, note: 'x'.repeat(n) });
    assert.equal(b.length % 512, 0, String(n));
    assert.equal(JSON.parse(new TextDecoder().decode(b)).note.length, n);
  }
  assert.throws(() => paddedFacts({ ...facts, note: '"'.repeat(2000) }), /too long/);
});

/** Opens an envelope with the reader that was written from the format alone. */
function openByFormat(envelope, epoch = 1, seed = '20'.repeat(32)) {
  const raw = Buffer.from('01' + epoch.toString(16).padStart(8, '0') + seed, 'hex');
  return openCapture(Buffer.from(envelope), [parseIntakePrivate(raw)]);
}

test('without WebAssembly the envelope says how it is sealed, and opens from the format alone', async () => {
  const { given } = JSON.parse(await readFile(new URL('../../vault/seal/testdata/fallback.json', import.meta.url), 'utf8'));
  const kept = globalThis.WebAssembly;
  delete globalThis.WebAssembly; // as a lockdown mode does
  try {
    const module = await loadSeal({ execURL: '', wasmURL: '' });
    assert.equal(module.fallback, true);
    const keys = { ...intake, fallback_key: toBase64(fromHex(given.fallback_public)) };
    const out = await seal(module, keys, { ...facts, measures: { sharpness: 0.25 } }, sample(70000));
    const opened = openByFormat(out.envelope, 1, given.intake_private.slice(10));
    assert.equal(Buffer.from(out.envelope).subarray(0, 8).toString('latin1'), 'CVCAP2\n\0');
    assert.deepEqual(new Uint8Array(opened.picture), sample(70000));
    assert.deepEqual(opened.facts, { ...facts, measures: { sharpness: 0.25 } });
    await assert.rejects(seal(module, intake, facts, sample(5)), /no photos sealed without it/);
  } finally {
    globalThis.WebAssembly = kept;
  }
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
  const raw = { encapsulate: (key) => (key.length ? { enc: Uint8Array.of(1), shared: Uint8Array.of(2) } : { error: 'no key' }) };
  const module = wrap(raw, () => ended);
  assert.equal(module.fallback, false);
  assert.equal(module.way.kem, 0x647a);
  assert.deepEqual(await module.encapsulate({ key: 'AA==' }), { enc: Uint8Array.of(1), shared: Uint8Array.of(2) });
  await assert.rejects(module.encapsulate({ key: '' }), /no key/);
  ended = true;
  await assert.rejects(module.encapsulate({ key: 'AA==' }), /stopped/);
  await assert.rejects(loadSeal({ execURL: '', wasmURL: '' }), /no sealing module/);
});

test('receipts: the vectors of the format', async () => {
  const { given, receipts } = JSON.parse(await readFile(new URL('../../vault/seal/testdata/receipt.json', import.meta.url), 'utf8'));
  const key = toBase64(fromHex(given.public_key));
  assert.equal(toHex(signedBytes(receipts[0])), given.signed);
  await verifyReceipt(key, JSON.stringify(receipts[0]));
  for (const bad of [JSON.stringify(receipts[1]), JSON.stringify(receipts[2]), JSON.stringify({ ...receipts[0], key_id: '00'.repeat(8) }), 'null', '', '{}']) {
    await assert.rejects(verifyReceipt(key, bad), /not signed by the vault/, bad);
  }
  await assert.rejects(verifyReceipt(toBase64(new Uint8Array(32)), JSON.stringify(receipts[0])), /not signed/);
});

test('a receipt that names another key than the one that signed it is none', async () => {
  const { receipts } = JSON.parse(await readFile(new URL('../../vault/seal/testdata/receipt.json', import.meta.url), 'utf8'));
  const pair = await subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  const raw = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
  const id = toHex(new Uint8Array(await subtle.digest('SHA-256', raw))).slice(0, 16);
  const signed = async (more) => {
    const r = { ...receipts[0], ...more };
    return JSON.stringify({ ...r, signature: toBase64(new Uint8Array(await subtle.sign('Ed25519', pair.privateKey, signedBytes(r)))) });
  };
  await verifyReceipt(toBase64(raw), await signed({ key_id: id }));
  await assert.rejects(verifyReceipt(toBase64(raw), await signed({})), /not signed by the vault/);
});

test('signatures: by hand as by WebCrypto', async () => {
  // RFC 8032, 7.1, TEST 3
  const key = fromHex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025');
  const good = fromHex('6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a');
  const message = fromHex('af82');
  const flip = (b, at) => b.with(at, b[at] ^ 1);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = good.slice(32).reduceRight((n, x) => (n << 8n) | BigInt(x), 0n) + order; // the same point, and not canonical
  const beyond = Uint8Array.from([...good.slice(0, 32), ...Array.from({ length: 32 }, (_, i) => Number((s >> BigInt(8 * i)) & 255n))]);
  for (const [name, k, sig, m, want] of [
    ['good', key, good, message, true], ['another message', key, good, flip(message, 0), false], ['another R', key, flip(good, 0), message, false],
    ['another S', key, flip(good, 32), message, false], ['another key', flip(key, 0), good, message, false], ['S beyond the order', key, beyond, message, false],
    ['a key that is no point', new Uint8Array(32).fill(255), good, message, false], ['short', key, good.slice(1), message, false], ['no key', key.slice(1), good, message, false],
  ]) {
    assert.equal(await verifyByHand(k, sig, m), want, name);
    assert.equal(await verify(k, sig, m), want, `${name}, WebCrypto`);
  }
  for (let i = 0; i < 8; i++) {
    const pair = await subtle.generateKey('Ed25519', true, ['sign', 'verify']);
    const k = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
    const m = crypto.getRandomValues(new Uint8Array(i * 40));
    const sig = new Uint8Array(await subtle.sign('Ed25519', pair.privateKey, m));
    assert.equal(await verifyByHand(k, sig, m), true, toHex(sig));
    assert.equal(await verifyByHand(k, flip(sig, 5 * i), m), false, toHex(sig));
  }
});
