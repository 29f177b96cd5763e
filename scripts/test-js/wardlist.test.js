// The list of one's patients as the page asks it: what a refusal does to it, and bands with two codes.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { fromBase64, toBase64 } from '../../api/web/static/capture/bytes.js';
import { sealBase } from '../../api/web/static/capture/hpke.js';
import { openWardList } from '../../api/web/static/capture/wardlist.js';
import { info } from '../../api/web/static/capture/wardtext.js';

const { subtle } = crypto;
const person = 'PERSONOFTHELIST';
const pair = await subtle.generateKey('Ed25519', true, ['sign', 'verify']);
const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
const keyID = Buffer.from(await subtle.digest('SHA-256', publicKey)).toString('hex').slice(0, 16);

const cedar = { id: 'CEDAR', name: 'Sample Cedar', birth_date: '1979-07-21', record_number: 'T-3' };
const birch = { id: 'BIRCH', name: 'Sample Birch', birth_date: '1968-11-02', record_number: 'T-2' };
const numbers = { CEDAR: { gsrn: '950110123456000036', nhs: '9990000034' }, BIRCH: { gsrn: '950110123456000029', nhs: '9990000026' } };
const band = (gsrn) => ({ symbology: ']d2', text: `8018${gsrn}`, gs1: true });
const bar = (text) => ({ symbology: ']C0', text, gs1: false });

/** The list as the vault signs it, sealed to the key that the page sent. */
async function listFor(publicKeyOfPage) {
  const now = Date.now();
  const list = JSON.stringify({
    version: 1, person, device: '', issued_at: new Date(now).toISOString(), expires_at: new Date(now + 8 * 3600_000).toISOString(), plain: 'nhs', complete: true,
    patients: [cedar, birch].map((p) => ({ ...p, identifiers: Object.entries(numbers[p.id]).map(([kind, value]) => ({ kind, value })) })),
  });
  const signature = toBase64(new Uint8Array(await subtle.sign('Ed25519', pair.privateKey, Buffer.from(`clinivault/ward-list/v1\0${list}`))));
  const { enc, cipher } = await sealBase(fromBase64(publicKeyOfPage), info, Buffer.from(JSON.stringify({ list, key_id: keyID, signature })));
  return { enc: toBase64(enc), sealed: toBase64(cipher), device: '' };
}

const whose = (text) => [cedar, birch].find((p) => Object.values(numbers[p.id]).some((n) => text.endsWith(n)));
const problem = (status, kind) => new Response(JSON.stringify({ type: `urn:clinivault:problem:${kind}`, detail: `refused: ${kind}` }), { status });

/** The server's side: each address's answer, which a test may change. */
const server = {
  '/api/v1/ward-list': async (body) => Response.json(await listFor(body.public_key)),
  '/api/v1/intake': () => Response.json({ epoch: 1, kem: 'MLKEM768-X25519', key: 'AAAA', receipt_keys: [{ key_id: keyID, public_key: toBase64(publicKey) }] }),
  '/api/v1/patients/scan': ({ text }) => (whose(text) ? Response.json(whose(text)) : problem(404, 'not-found')),
};

/** A page of its own, with the list fetched; offline() takes the network away. */
async function page(t, answers = {}) {
  const now = { ...server, ...answers };
  mock.timers.enable({ apis: ['setInterval'] });
  Object.assign(globalThis, { addEventListener: () => {}, dispatchEvent: () => true });
  const real = globalThis.fetch;
  globalThis.fetch = async (url, request) => now[url](request.body ? JSON.parse(request.body) : {});
  t.after(() => {
    globalThis.fetch = real;
    mock.timers.reset();
  });
  const list = openWardList({ person });
  await list.refresh();
  assert.equal(list.state(), 'open', 'the list came');
  const offline = () => {
    globalThis.fetch = async () => {
      throw new TypeError('no network');
    };
  };
  return { list, now, offline };
}

test('whoever may have no list any more loses the one they have', async (t) => {
  const { list, now } = await page(t);
  now['/api/v1/ward-list'] = () => problem(403, 'not-allowed');
  await assert.rejects(list.refresh(), (err) => err.kind === 'not-allowed');
  assert.equal(list.state(), 'absent');
  await assert.rejects(list.patients(), Error, 'nobody is on it');
});

for (const [name, answer] of Object.entries({
  'a locked screen': () => problem(423, 'app-locked'), 'a session that is over': () => problem(401, 'sign-in'), 'a server that is down': () => problem(503, 'unavailable'),
  'a foreign site’s refusal': () => problem(403, 'cross-origin'),
})) {
  test(`the list stays through ${name}`, async (t) => {
    const { list, now } = await page(t);
    now['/api/v1/ward-list'] = answer;
    await list.refresh().catch(() => {});
    assert.equal(list.state(), 'open');
    assert.equal((await list.patients()).length, 2);
  });
}

const { CEDAR, BIRCH } = numbers;
const cases = [
  { name: 'one code', codes: [band(CEDAR.gsrn)], want: 'CEDAR' },
  { name: 'two codes of one patient', codes: [band(CEDAR.gsrn), bar(CEDAR.nhs)], want: 'CEDAR' },
  { name: 'two codes of two patients', codes: [band(CEDAR.gsrn), bar(BIRCH.nhs)], refused: /^More than one wristband is in view\. Show one alone\.$/ },
  { name: 'the second code is nobody’s', codes: [band(CEDAR.gsrn), bar('9990000050')], refused: /^Only one of the two codes/ },
  { name: 'the first code is nobody’s', codes: [band('950110123456000050'), bar(CEDAR.nhs)], refused: /^Only one of the two codes/ },
];

for (const { name, codes, want, refused } of [...cases,
  { name: 'both are nobody’s', codes: [band('950110123456000050'), bar('9990000050')], refused: /not one of your patients|not on the list/ }]) {
  for (const way of ['by the server', 'by the list']) {
    test(`${name}, ${way}`, async (t) => {
      const { list, offline } = await page(t);
      if (way === 'by the list') offline();
      if (refused) await assert.rejects(list.lookUp(codes), (err) => refused.test(err.message));
      else assert.equal((await list.lookUp(codes)).id, want);
    });
  }
}

test('a code that cannot be told what it is refuses the band, with the server’s sentence', async (t) => {
  const { list } = await page(t, { '/api/v1/patients/scan': ({ text }) => (text === CEDAR.nhs ? problem(422, 'invalid') : Response.json(cedar)) });
  await assert.rejects(list.lookUp([band(CEDAR.gsrn), bar(CEDAR.nhs)]), /refused: invalid/);
});
