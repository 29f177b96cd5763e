// The ward list, from what the vault signs to whose band it is; and what a passkey opens.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { fromBase64 } from '../../api/web/static/capture/bytes.js';
import { sealBase } from '../../api/web/static/capture/hpke.js';
import { offerOf } from '../../api/web/static/capture/offline-use.js';
import { unwrap, wrap } from '../../api/web/static/capture/unlock.js';
import { ForgedError, SignerError, info, lifeOf, openWard, setBack, wearer } from '../../api/web/static/capture/wardtext.js';

const { subtle } = crypto;
const vector = JSON.parse(await readFile(new URL('../../vault/testdata/wardlist.json', import.meta.url), 'utf8'));
const signers = [{ key_id: vector.key_id, public_key: vector.public_key }];

/** A private key for X25519 from its 32 bytes (RFC 8410, 7). */
async function x25519(raw) {
  const head = Buffer.from('302e020100300506032b656e04220420', 'hex');
  return subtle.importKey('pkcs8', Buffer.concat([head, raw]), 'X25519', false, ['deriveBits']);
}

const key = await x25519(fromBase64(vector.session_private));
const want = { person: vector.person, device: vector.device, signers };
const open = (more = {}) => openWard(key, fromBase64(more.enc ?? vector.enc), more.sealed ?? fromBase64(vector.sealed), { ...want, ...more.want });

test('the vector of the format opens', async () => {
  const { ward, signer } = await open();
  assert.equal(signer, vector.key_id);
  assert.equal(ward.patients.length, 2);
  assert.equal(ward.expires - ward.issued, 8 * 3600_000);
  assert.equal(ward.patients[0].name, 'Sample Alder');
});

/** Seals a text, signed or not, to the key of the vector. */
async function sealed(list, { signature, pair, domain = 'clinivault/ward-list/v1\0', keyID } = {}) {
  const own = pair ?? (await subtle.generateKey('Ed25519', true, ['sign', 'verify']));
  const raw = new Uint8Array(await subtle.exportKey('raw', own.publicKey));
  const id = Buffer.from(await subtle.digest('SHA-256', raw)).toString('hex').slice(0, 16);
  const signed = signature ?? Buffer.from(await subtle.sign('Ed25519', own.privateKey, Buffer.from(domain + list))).toString('base64');
  const plain = Buffer.from(JSON.stringify({ list, key_id: keyID ?? id, signature: signed }));
  const { enc, cipher } = await sealBase(fromBase64(vector.session_public), info, plain);
  return { signer: { key_id: id, public_key: Buffer.from(raw).toString('base64') }, enc: Buffer.from(enc).toString('base64'), sealed: cipher };
}

const good = JSON.stringify({
  version: 1, person: vector.person, device: vector.device, issued_at: '2026-11-22T08:00:00.000Z', expires_at: '2026-11-22T16:00:00.000Z',
  plain: '', complete: true, patients: [],
});

test('a list that was sealed here again opens with its signature', async () => {
  const made = await sealed(good);
  const { ward } = await open({ ...made, want: { signers: [made.signer] } });
  assert.deepEqual(ward.patients, []);
});

const forgeries = {
  'one byte changed': async () => {
    const bytes = fromBase64(vector.sealed);
    bytes[40] ^= 1;
    return { sealed: bytes };
  },
  'cut short': async () => ({ sealed: fromBase64(vector.sealed).subarray(0, 60) }),
  'for another person': async () => ({ want: { person: 'SOMEBODYELSE' } }),
  'from another device': async () => ({ want: { device: 'ANOTHERDEVICE' } }),
  'signed for something else': async () => {
    const made = await sealed(good, { domain: 'clinivault/receipt/v1\0' });
    return { ...made, want: { signers: [made.signer] } };
  },
  'signed by somebody under the name of the vault’s key': async () => ({ ...(await sealed(good, { keyID: vector.key_id })) }),
  'not signed': async () => {
    const made = await sealed(good, { signature: '' });
    return { ...made, want: { signers: [made.signer] } };
  },
  'a key under another name': async () => {
    const made = await sealed(good, { keyID: '0000000000000000' });
    return { ...made, want: { signers: [{ ...made.signer, key_id: '0000000000000000' }] } };
  },
  'a life of a year': async () => {
    const made = await sealed(good.replace('2026-11-22T16', '2027-11-22T16'));
    return { ...made, want: { signers: [made.signer] } };
  },
  'ended before it began': async () => {
    const made = await sealed(good.replace('2026-11-22T16', '2026-11-22T07'));
    return { ...made, want: { signers: [made.signer] } };
  },
  'another version': async () => {
    const made = await sealed(good.replace('"version":1', '"version":2'));
    return { ...made, want: { signers: [made.signer] } };
  },
  'a kind of plain codes that there is not': async () => {
    const made = await sealed(good.replace('"plain":""', '"plain":"gtin"'));
    return { ...made, want: { signers: [made.signer] } };
  },
  'patients that are no list': async () => {
    const made = await sealed(good.replace('"patients":[]', '"patients":{}'));
    return { ...made, want: { signers: [made.signer] } };
  },
  'sealed, and nothing in it': async () => {
    const { enc, cipher } = await sealBase(fromBase64(vector.session_public), info, Buffer.from('{}'));
    return { enc: Buffer.from(enc).toString('base64'), sealed: cipher };
  },
  'no list': async () => {
    const made = await sealed('null');
    return { ...made, want: { signers: [made.signer] } };
  },
};

for (const [name, make] of Object.entries(forgeries)) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(open(await make()), (err) => err instanceof ForgedError);
  });
}

test('a key that is not known yet is told apart', async () => {
  const made = await sealed(good);
  await assert.rejects(open(made), (err) => err instanceof SignerError);
});

test('a band leads to its patient alone', async () => {
  const { ward } = await open();
  const [first, second] = ward.patients;
  const gsrn = first.identifiers.find((n) => n.kind === 'gsrn').value;
  assert.equal(wearer(ward, { kind: 'gsrn', value: gsrn })?.id, first.id);
  assert.equal(wearer(ward, { kind: 'record_number', value: second.record_number })?.id, second.id);
  assert.equal(wearer(ward, { kind: 'record_number', value: 'OLD-2' })?.id, second.id, 'a number from before a merge');
  assert.equal(wearer(ward, { kind: 'nhs', value: gsrn }), null, 'the kind counts');
  assert.equal(wearer(ward, { kind: 'gsrn', value: second.record_number }), null, 'a record number is no other number');
  assert.equal(wearer(ward, { kind: 'record_number', value: second.record_number.toLowerCase() }), null);
  assert.equal(wearer(ward, { kind: 'record_number', value: '' }), null);
  const twice = { ...ward, patients: [first, { ...second, identifiers: first.identifiers }] };
  assert.equal(wearer(twice, { kind: 'gsrn', value: gsrn }), null, 'two patients with one number are nobody');
});

test('the life of a list', () => {
  const issued = Date.parse('2026-11-22T08:00:00Z');
  const list = { issued, expires: issued + 8 * 3600_000, high: 0 };
  const hour = 3600_000;
  assert.equal(lifeOf(list, list.issued), 'open');
  assert.equal(lifeOf(list, list.issued + 7.9 * hour), 'open');
  assert.equal(lifeOf(list, list.expires), 'expired');
  assert.equal(lifeOf(list, list.issued - 24 * hour), 'clock', 'a day behind when it came');
  assert.equal(lifeOf(list, list.issued - setBack / 2), 'open', 'a clock that is set right');
  const used = { ...list, high: list.issued + 6 * hour };
  assert.equal(lifeOf(used, list.issued + 2 * hour), 'clock', 'set back by four hours');
  assert.equal(lifeOf(used, used.high - setBack / 2), 'open');
  assert.equal(lifeOf({ ...list, high: list.expires }, list.issued), 'expired', 'once it ended it stays so, whatever the clock says');
});

test('what a passkey answers opens the key of this person alone', async () => {
  const answer = crypto.getRandomValues(new Uint8Array(32));
  const pair = await subtle.generateKey('X25519', true, ['deriveBits']);
  const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
  const pkcs8 = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey));
  const use = { person: 'PERSON', publicKey, ...(await wrap(answer, { person: 'PERSON', publicKey }, pkcs8, signers)) };
  const got = await unwrap(answer, use);
  assert.deepEqual(got.signers, signers);
  assert.equal(got.privateKey.extractable, false);
  const { enc, cipher } = await sealBase(publicKey, info, Buffer.from('x'));
  await assert.rejects(openWard(got.privateKey, enc, cipher, want), ForgedError); // it opened; it is no list
  const other = Uint8Array.from(answer, (b) => b ^ 1);
  const changed = Uint8Array.from(use.wrapped, (b, i) => (i === 5 ? b ^ 1 : b));
  for (const [name, a, u] of [['another passkey', other, use], ['another person', answer, { ...use, person: 'OTHER' }],
    ['another key beside it', answer, { ...use, publicKey: new Uint8Array(32) }], ['changed', answer, { ...use, wrapped: changed }]]) {
    await assert.rejects(unwrap(a, u), undefined, name);
  }
});

test('what the page offers', () => {
  const cases = [
    [{ state: 'open', prepared: false, stale: false, online: true }, 'prepare'],
    [{ state: 'open', prepared: true, stale: false, online: true }, ''],
    [{ state: 'open', prepared: true, stale: true, online: true }, 'prepare'],
    [{ state: 'open', prepared: false, stale: false, online: false }, ''],
    [{ state: 'locked', prepared: true, stale: false, online: false }, 'open'],
    [{ state: 'locked', prepared: false, stale: false, online: false }, ''],
    [{ state: 'expired', prepared: true, stale: false, online: false }, ''],
    [{ state: 'absent', prepared: true, stale: false, online: true }, ''],
  ];
  for (const [now, offer] of cases) assert.equal(offerOf(now), offer, JSON.stringify(now));
});
