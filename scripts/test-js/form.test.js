// The pure parts of forms that a page describes: what they send, what they
// miss, and what has to be typed before something is done for good.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tags, stateWords } from '../../api/web/static/lib/attach.js';
import { same } from '../../api/web/static/lib/confirm.js';
import { bodyOf, gap, namesIn } from '../../api/web/static/lib/form.js';

const field = (name, value, as = '', checked = false) => ({ name, value, as, checked });

test('a form sends what its fields say, in the types the API takes', () => {
  const body = bodyOf([
    field('purpose', 'teaching'), field('allowed', 'false', 'truth'), field('years', ' 10 ', 'number'), field('note', '  ', 'optional'),
    field('document', ' F-7 ', 'optional'), field('taken_at', '2026-03-02', 'time'), field('deep', '', 'flag', true),
  ]);
  assert.deepEqual(body, { purpose: 'teaching', allowed: false, years: 10, document: 'F-7', taken_at: '2026-03-02T00:00:00.000Z', deep: true });
  assert.deepEqual(bodyOf([field('allowed', 'true', 'truth'), field('taken_at', '', 'time'), field('reason', '')]), { allowed: true, reason: '' });
});

test('what the address takes is not sent twice', () => {
  assert.deepEqual(namesIn('/api/v1/photos/{photo}/consents'), ['photo']);
  assert.deepEqual(namesIn('/api/v1/holds'), []);
  assert.deepEqual(bodyOf([field('photo', 'P'), field('reason', 'why')], ['photo']), { reason: 'why' });
});

test('a form says what is missing, by the name that the person sees', () => {
  const asked = (value, more = {}) => gap([{ label: 'Reason', required: true, value, min: 3, max: 10, as: '', ...more }]);
  assert.equal(asked('because'), '');
  assert.match(asked('  '), /fill in: Reason/);
  assert.match(asked('no'), /at least 3/);
  assert.match(asked('far too long a reason'), /at most 10/);
  assert.equal(asked('', { required: false }), '');
  assert.equal(asked('18', { as: 'number', min: 0 }), '');
  for (const wrong of ['ten', '1.5', '-3', '1e3', '99999']) assert.match(asked(wrong, { as: 'number', min: 0 }), /whole number/, wrong);
});

test('only the exact word is a yes', () => {
  assert.ok(same(' TEST-000001 ', 'TEST-000001'));
  for (const wrong of ['', 'TEST-00001', 'test-000001', 'TEST-0000011']) assert.ok(!same(wrong, 'TEST-000001'), wrong);
  assert.ok(!same('', ''), 'an empty word is no question');
});

test('copies that are taken back have words, and are not taken for attached', () => {
  assert.equal(stateWords('unreached').tone, 'bad');
  assert.equal(stateWords('retracting').text, 'Being taken back');
  assert.ok(!tags([{ id: 'a', target: 'fhir', state: 'retracted' }]).includes('attached'));
});
