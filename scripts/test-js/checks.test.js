// The live checks: which warnings are shown, and how calmly.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Calm, firm, round, told } from '../../api/web/static/capture/checks-plan.js';
import { warningWords } from '../../api/web/static/capture/checks-words.js';
import german from '../../api/web/static/words/de.js';

const box = { x0: 0, y0: 0, x1: 1, y1: 1 };
const face = { code: 'face', score: 0.9, box };
const codes = (warnings) => warnings.map((w) => w.code);

test('every dear check has its turn, faces twice', () => {
  assert.deepEqual([...new Set(round)].sort(), ['face', 'lying', 'sharp', 'tattoo', 'text']);
  assert.equal(round.filter((c) => c === 'face').length, 2);
});

test('told: firm ones, once each, in order, eyes only without a face', () => {
  for (const [name, found, want] of [
    ['nothing', [], []],
    ['faint', [{ code: 'face', score: firm - 0.01 }], []],
    ['at the border', [{ code: 'dark', score: firm }], ['dark']],
    ['twice the same', [face, { code: 'face', score: 0.6 }], ['face']],
    ['in order', [{ code: 'blur', score: 1 }, { code: 'text', score: 1 }, face], ['face', 'text', 'blur']],
    ['eyes of a face', [{ code: 'eyes', score: 1 }, face], ['face']],
    ['eyes alone', [{ code: 'eyes', score: 1 }], ['eyes']],
  ]) assert.deepEqual(codes(told(found)), want, name);
  assert.deepEqual(told([{ code: 'face', score: 0.6, box: { ...box, x1: 0.5 } }, face]), [{ code: 'face', box }], 'the best box');
  assert.deepEqual(told([{ code: 'dark', score: 1 }]), [{ code: 'dark' }], 'no box where the whole frame is meant');
});

test('a warning comes with the second of three frames', () => {
  const calm = new Calm();
  calm.take('face', [face], 0);
  assert.deepEqual(codes(calm.shown()), [], 'one frame');
  calm.take('face', [], 100);
  assert.deepEqual(codes(calm.shown()), [], 'one of two');
  calm.take('face', [face], 200);
  assert.deepEqual(codes(calm.shown()), ['face'], 'two of three');
});

test('single frames far apart are noise', () => {
  const calm = new Calm();
  for (let i = 0; i < 30; i++) {
    calm.take('text', i % 3 === 0 ? [{ code: 'text', score: 1 }] : [], 100 * i);
    assert.deepEqual(codes(calm.shown()), [], `frame ${i}`);
  }
});

test('a warning goes a second after it was last seen, and not before', () => {
  const calm = new Calm();
  for (const at of [0, 100]) calm.take('face', [face], at);
  for (const at of [200, 600, 1000]) {
    calm.take('face', [], at);
    assert.deepEqual(codes(calm.shown()), ['face'], `at ${at}`);
  }
  calm.take('face', [], 1100);
  assert.deepEqual(codes(calm.shown()), [], 'a second later');
});

test('a check speaks for itself alone', () => {
  const calm = new Calm();
  for (const at of [0, 100]) calm.take('lying', [face], at);
  for (const at of [200, 2000, 4000]) calm.take('face', [], at);
  assert.deepEqual(codes(calm.shown()), ['face'], 'the other check has not looked since');
  for (const at of [4100, 4200]) calm.take('lying', [], at);
  assert.deepEqual(codes(calm.shown()), []);
});

test('faint sightings keep nothing on', () => {
  const calm = new Calm();
  for (const at of [0, 100]) calm.take('face', [face], at);
  for (const at of [500, 900, 1300]) calm.take('face', [{ ...face, score: 0.4 }], at);
  assert.deepEqual(codes(calm.shown()), []);
});

test('a warning calls the lamp what its button calls it', () => {
  for (const code of ['glare', 'dark']) {
    const { todo } = warningWords(code);
    assert.match(todo, /\blamp\b/, code);
    assert.match(german[todo], new RegExp(`\\b${german.Lamp}\\b`), code);
  }
});
