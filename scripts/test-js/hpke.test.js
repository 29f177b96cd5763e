// HPKE by WebCrypto, against the vector that the CFRG publishes with RFC 9180 (test-vectors.json: base mode, KEM 0x0020, KDF 1,
// AEAD 2, sequence number 0).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromHex, toHex } from '../../api/web/static/capture/bytes.js';
import { OpenError, encSize, hpkeWorks, newKeyPair, openBase, publicBytes, sealBase, sealWith, tagSize } from '../../api/web/static/capture/hpke.js';

const vector = {
  info: '4f6465206f6e2061204772656369616e2055726e',
  skEm: '179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11',
  skRm: '497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d',
  pkRm: '430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c',
  enc: '6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256',
  aad: '436f756e742d30',
  pt: '4265617574792069732074727574682c20747275746820626561757479',
  ct: 'e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a',
};

/** A private key from its 32 bytes: PKCS #8 of RFC 8410. */
const privateOf = (raw) => crypto.subtle.importKey('pkcs8', fromHex(`302e020100300506032b656e04220420${raw}`), 'X25519', false, ['deriveBits']);
const publicOf = (raw) => crypto.subtle.importKey('raw', fromHex(raw), 'X25519', true, []);

test('hpke: the published vector seals to the published bytes', async () => {
  const pair = { privateKey: await privateOf(vector.skEm), publicKey: await publicOf(vector.enc) };
  const { enc, cipher } = await sealWith(pair, fromHex(vector.pkRm), fromHex(vector.info), fromHex(vector.pt), fromHex(vector.aad));
  assert.equal(toHex(enc), vector.enc);
  assert.equal(toHex(cipher), vector.ct);
});

test('hpke: the published vector opens', async () => {
  const plain = await openBase(await privateOf(vector.skRm), fromHex(vector.enc), fromHex(vector.info), fromHex(vector.ct), fromHex(vector.aad));
  assert.equal(toHex(plain), vector.pt);
});

test('hpke: whatever was altered does not open', async () => {
  const key = await privateOf(vector.skRm);
  const flip = (hex) => {
    const b = fromHex(hex);
    b[0] ^= 1;
    return b;
  };
  const good = [fromHex(vector.enc), fromHex(vector.info), fromHex(vector.ct), fromHex(vector.aad)];
  for (const [name, at, value] of [
    ['another encapsulated key', 0, flip(vector.enc)], ['another info', 1, flip(vector.info)], ['altered ciphertext', 2, flip(vector.ct)],
    ['other additional data', 3, flip(vector.aad)], ['a ciphertext that was cut', 2, fromHex(vector.ct).subarray(1)], ['no ciphertext', 2, new Uint8Array(0)],
    ['a short encapsulated key', 0, fromHex(vector.enc).subarray(1)], ['a point of low order', 0, new Uint8Array(32)],
  ]) {
    const given = good.with(at, value);
    await assert.rejects(openBase(key, ...given), OpenError, name);
  }
  const other = await newKeyPair();
  await assert.rejects(openBase(other.privateKey, ...good), OpenError, 'another key');
});

test('hpke: a fresh pair opens what was sealed to it, each time under another key', async () => {
  assert.equal(await hpkeWorks(), true);
  const pair = await newKeyPair();
  assert.equal(pair.privateKey.extractable, false);
  const to = await publicBytes(pair);
  const info = new TextEncoder().encode('test');
  const plain = new Uint8Array([1, 2, 3]);
  const [one, two] = [await sealBase(to, info, plain), await sealBase(to, info, plain)];
  assert.equal(one.enc.length, encSize);
  assert.equal(one.cipher.length, plain.length + tagSize);
  assert.notEqual(toHex(one.enc), toHex(two.enc));
  assert.notEqual(toHex(one.cipher), toHex(two.cipher));
  for (const s of [one, two]) assert.deepEqual(await openBase(pair.privateKey, s.enc, info, s.cipher), plain);
});

test('hpke: nothing is sealed to a point of low order', async () => {
  await assert.rejects(sealBase(new Uint8Array(32), new Uint8Array(0), new Uint8Array(1)));
});
