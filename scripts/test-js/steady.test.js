// When a code that the camera sees counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Steady, together } from '../../api/web/static/capture/steady.js';

const gsrn = { symbology: ']d2', text: '8018950110123456700172', gs1: true };
const other = { symbology: ']d2', text: '8018950110153000040126', gs1: true };
const plain = { symbology: ']C0', text: 'DEMO-0001', gs1: false };
const medicine = { symbology: ']d2', text: '010950600013435217280131', gs1: true };

test('one read does not count, two equal ones do', () => {
  const steady = new Steady();
  assert.equal(steady.take([gsrn], 0), null);
  assert.deepEqual(steady.take([gsrn], 100), { codes: [gsrn], numbers: ['gsrn 950110123456700172'] });
});

test('frames without a code do not count between', () => {
  const steady = new Steady();
  steady.take([gsrn], 0);
  assert.equal(steady.take([], 100), null);
  assert.ok('codes' in steady.take([gsrn], 200));
});

test('another read between begins anew', () => {
  const steady = new Steady();
  steady.take([gsrn], 0);
  assert.equal(steady.take([plain], 100), null);
  assert.equal(steady.take([gsrn], 200), null);
  assert.ok('codes' in steady.take([gsrn], 300));
});

test('reads that are far apart do not count', () => {
  const steady = new Steady();
  steady.take([gsrn], 0);
  assert.equal(steady.take([gsrn], together + 1), null);
});

test('two bands in view count as none, and the next read begins anew', () => {
  const steady = new Steady();
  steady.take([gsrn], 0);
  assert.deepEqual(steady.take([gsrn, other], 50), { many: true });
  assert.equal(steady.take([gsrn], 100), null);
});

const nhs = { symbology: ']C0', text: '999 012 3454', gs1: false };
const pairs = [
  { name: 'a GSRN and a record number', codes: [gsrn, plain], one: true },
  { name: 'a GSRN and an NHS number', codes: [gsrn, nhs], one: true },
  { name: 'an NHS number and a record number', codes: [nhs, plain], one: true },
  { name: 'two GSRNs', codes: [gsrn, other], one: false },
  { name: 'two record numbers', codes: [plain, { ...plain, text: 'DEMO-0002' }], one: false },
  { name: 'two NHS numbers', codes: [nhs, { ...nhs, text: '9990000018' }], one: false },
  { name: 'three numbers', codes: [gsrn, nhs, plain], one: false },
];

for (const { name, codes, one } of pairs) {
  test(`${name}: ${one ? 'may be one band, read twice the same' : 'more than one band'}`, () => {
    const steady = new Steady();
    assert.deepEqual(steady.take(codes, 0), one ? null : { many: true });
    const { numbers, ...verdict } = steady.take([...codes].reverse(), 50);
    assert.deepEqual(verdict, one ? { codes: [...codes].reverse() } : { many: true });
    assert.equal(numbers?.length, one ? 2 : undefined);
  });
}

test('one code of two, and then the other, is no read of either', () => {
  const steady = new Steady();
  steady.take([gsrn, nhs], 0);
  assert.equal(steady.take([gsrn], 50), null);
  assert.equal(steady.take([gsrn, nhs], 100), null);
  assert.deepEqual(steady.take([gsrn, nhs], 150).codes, [gsrn, nhs]);
});

test('the same band read in two ways is one', () => {
  const steady = new Steady();
  const linear = { ...gsrn, symbology: ']C1' };
  steady.take([gsrn, linear], 0);
  assert.ok('codes' in steady.take([linear], 50));
});

test('a band beside a medicine is read; the medicine alone is refused once', () => {
  const steady = new Steady();
  steady.take([medicine, gsrn], 0);
  assert.ok('codes' in steady.take([medicine, gsrn], 50));
  const alone = new Steady();
  assert.equal(alone.take([medicine], 0), null);
  assert.match(alone.take([medicine], 50).refused, /medicine/);
  assert.equal(alone.take([medicine], 100), null);
});

test('what is wrong with a code is said again once it was out of view', () => {
  const steady = new Steady();
  steady.take([medicine], 0);
  assert.ok('refused' in steady.take([medicine], 50));
  for (let at = 100; at < 10_000; at += 100) assert.equal(steady.take([medicine], at), null, `still in view at ${at}`);
  assert.equal(steady.take([medicine], 10_000 + together), null, 'back in view: one read may be wrong');
  assert.ok('refused' in steady.take([medicine], 10_050 + together));
});

test('a wrong check digit is never a band', () => {
  const steady = new Steady();
  const wrong = { ...other, text: '8018950110153000040121' };
  for (let i = 0; i < 5; i++) {
    const verdict = steady.take([wrong], i * 10);
    assert.ok(verdict === null || 'refused' in verdict);
  }
});
