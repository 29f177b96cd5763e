// What a scanned code means: the same vectors as the server's.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { checks } from '../../api/web/static/capture/gs1.js';
import { nhsChecks, parseBand, refusal } from '../../api/web/static/capture/wristband.js';

const { cases } = JSON.parse(await readFile(new URL('../../vault/testdata/wristbands.json', import.meta.url), 'utf8'));

for (const c of cases) {
  test(`wristband: ${c.name}`, () => {
    const got = parseBand(c.symbology, c.text, c.plain);
    const want = c.refused ? { refused: refusal(c.refused), why: c.refused }
      : c.srin ? { kind: c.kind, value: c.value, srin: c.srin } : { kind: c.kind, value: c.value };
    assert.deepEqual(got, want);
    if (c.refused && c.text) assert.ok(!got.refused.includes(c.text), 'the sentence holds the code');
  });
}

test('each refusal has a sentence of its own', () => {
  const whys = new Set(cases.map((c) => c.refused).filter(Boolean));
  assert.equal(new Set([...whys].map(refusal)).size, whys.size);
});

test('one wrong digit never passes', () => {
  const good = cases.find((c) => c.kind === 'gsrn').value;
  for (let i = 0; i < good.length; i++) {
    for (let d = 0; d < 10; d++) {
      const other = good.slice(0, i) + d + good.slice(i + 1);
      assert.equal(checks(other), other === good, other);
    }
  }
  const nhs = cases.find((c) => c.kind === 'nhs').value;
  for (let i = 0; i < nhs.length; i++) {
    for (let d = 0; d < 10; d++) {
      const other = nhs.slice(0, i) + d + nhs.slice(i + 1);
      assert.equal(nhsChecks(other), other === nhs, other);
    }
  }
});

test('noise is never taken for a patient’s GS1 number', () => {
  let seed = 7;
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const alphabet = '0123456789\x1d8018AB';
  for (let i = 0; i < 20000; i++) {
    let text = '';
    for (let n = random(40); n > 0; n--) text += alphabet[random(alphabet.length)];
    const got = parseBand(']d2', text);
    if ('kind' in got) assert.ok(got.kind === 'gsrn' && checks(got.value), text);
  }
});
