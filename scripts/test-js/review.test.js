// The logic of the review room: boxes on a picture, undo, keys, the claim.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as boxes from '../../api/web/static/review/boxes.js';
import { claimLasts, claimStep } from '../../api/web/static/review/claim.js';
import * as geometry from '../../api/web/static/review/geometry.js';
import { History, depth } from '../../api/web/static/review/history.js';
import { command, help } from '../../api/web/static/review/keys.js';

const size = { w: 1000, h: 800 };
const box = (x0, y0, x1, y1) => ({ x0, y0, x1, y1 });

test('proper boxes are whole, ordered, inside and not too small', () => {
  for (const [name, got, want] of [
    ['fractions grow outwards', box(10.6, 20.2, 50.1, 60.9), box(10, 20, 51, 61)],
    ['corners in the wrong order', box(90, 80, 10, 20), box(10, 20, 90, 80)],
    ['outside on all sides', box(-50, -10, 2000, 900), box(0, 0, 1000, 800)],
    ['a click has no size', box(500, 400, 500, 400), box(500, 400, 508, 408)],
    ['a click in the last corner', box(1000, 800, 1000, 800), box(992, 792, 1000, 800)],
  ]) {
    assert.deepEqual(geometry.proper(got, size), want, name);
  }
  assert.equal(geometry.least({ w: 4, h: 3000 }), 4, 'least never exceeds the picture');
});

test('moving stops at the edge and keeps the size', () => {
  const at = box(100, 100, 300, 200);
  assert.deepEqual(geometry.moved(at, 5, -7, size), box(105, 93, 305, 193));
  assert.deepEqual(geometry.moved(at, -1e6, 1e6, size), box(0, 700, 200, 800));
});

test('resizing keeps the middle and never vanishes', () => {
  assert.deepEqual(geometry.resized(box(100, 100, 300, 200), 20, 0, size), box(90, 100, 310, 200));
  const tiny = geometry.resized(box(100, 100, 300, 200), -1e6, -1e6, size);
  assert.ok(tiny.x1 - tiny.x0 >= 8 && tiny.y1 - tiny.y0 >= 8, JSON.stringify(tiny));
});

test('a pulled corner leaves the opposite one where it is', () => {
  const at = box(100, 100, 300, 200);
  assert.deepEqual(geometry.pulled(at, 'se', 400, 250, size), box(100, 100, 400, 250));
  assert.deepEqual(geometry.pulled(at, 'nw', 350, 250, size), box(300, 200, 350, 250), 'turned inside out');
});

test('zooming stays inside the picture and keeps the point under the pointer', () => {
  const near = geometry.zoomed(geometry.whole(size), 4, 250, 200, size);
  assert.equal(near.w, 250);
  assert.equal((250 - near.x) / near.w, 0.25);
  assert.deepEqual(geometry.zoomed(near, 1 / 100, 0, 0, size), geometry.whole(size));
  assert.deepEqual(geometry.panned(near, 1e6, 1e6, size), { ...near, x: 750, y: 600 });
});

test('a point means the smallest box under it', () => {
  const list = [{ key: 'big', box: box(0, 0, 500, 500) }, { key: 'small', box: box(10, 10, 60, 60) }];
  assert.equal(geometry.under(list, 20, 20)?.key, 'small');
  assert.equal(geometry.under(list, 400, 20)?.key, 'big');
  assert.equal(geometry.under(list, 900, 20), undefined);
});

const sent = [
  { id: 'A', kind: 'face', box: box(10, 10, 110, 110), score: 0.94, source: 'pigo/facefinder sha256:0 v1', fate: 'proposed' },
  { id: 'B', kind: 'tattoo', box: box(200, 10, 300, 110), score: 12.4, source: 'pigo/tattoo', fate: 'proposed' },
  { id: 'C', kind: 'face', box: box(400, 10, 500, 110), score: 1, source: 'person', fate: 'removed' },
];

test('regions go there and back, removed ones stay away', () => {
  const state = boxes.fromWire(sent, size);
  assert.deepEqual(state.regions.map((r) => r.id), ['A', 'B']);
  assert.deepEqual(boxes.toWire(state)[0], { id: 'A', kind: 'face', x0: 10, y0: 10, x1: 110, y1: 110 });
  assert.deepEqual(boxes.fromWire(null, size).regions, []);
});

test('acts on the boxes never change an older state', () => {
  const first = boxes.fromWire(sent, size);
  const frozen = JSON.stringify(first);
  let state = boxes.step(first, 1);
  state = boxes.place(state, state.selected, box(0, 0, 50, 50));
  state = boxes.call(state, state.selected, 'text');
  state = boxes.add(state, box(600, 600, 700, 700), size);
  const drawn = boxes.chosen(state);
  assert.deepEqual([drawn?.id, drawn?.kind, drawn?.source], ['', 'drawn', 'person']);
  state = boxes.remove(state, 'r1');
  assert.equal(JSON.stringify(first), frozen);
  assert.deepEqual(boxes.toWire(state), [
    { id: 'A', kind: 'text', x0: 0, y0: 0, x1: 50, y1: 50 },
    { kind: 'drawn', x0: 600, y0: 600, x1: 700, y1: 700 },
  ]);
});

test('acts that change nothing give the same state', () => {
  const state = boxes.select(boxes.fromWire(sent, size), 'r0');
  assert.equal(boxes.place(state, 'r0', box(10, 10, 110, 110)), state);
  assert.equal(boxes.call(state, 'r0', 'face'), state);
  assert.equal(boxes.remove(state, 'nobody'), state);
});

test('stepping goes round, removing selects the neighbour', () => {
  let state = boxes.fromWire(sent, size);
  state = boxes.step(state, -1);
  assert.equal(state.selected, 'r1');
  state = boxes.step(state, 1);
  assert.equal(state.selected, 'r0');
  state = boxes.remove(state, 'r0');
  assert.equal(state.selected, 'r1');
  assert.equal(boxes.remove(state, 'r1').selected, '');
});

test('a region says who made it', () => {
  const [face] = boxes.fromWire(sent, size).regions;
  assert.equal(boxes.about(face), 'proposed by pigo/facefinder, score 0.94');
  assert.equal(boxes.about({ ...face, touched: true }), 'proposed by pigo/facefinder, score 0.94, changed by you');
  assert.equal(boxes.about({ ...face, source: 'person' }), 'drawn by a reviewer');
  assert.equal(boxes.about({ ...face, id: '' }), 'drawn by you');
});

const unsure = [
  { id: 'A', kind: 'face', box: box(10, 10, 110, 110), score: 0.94, source: 'clinivault/eye', model: 'd8014993e7298c7b', tuning: 't1', fate: 'proposed' },
  { id: 'B', kind: 'tattoo', box: box(200, 10, 300, 110), score: 0.3, source: 'clinivault/tattoo', fate: 'proposed', faint: true },
  { id: 'C', kind: 'face', box: box(400, 10, 500, 110), score: 0.2, source: 'clinivault/eye', fate: 'proposed', faint: true },
];

test('a faint region is not covered until it is accepted', () => {
  const first = boxes.fromWire(unsure, size);
  assert.deepEqual(boxes.toWire(first).map((r) => r.id), ['A']);
  assert.deepEqual([boxes.firm(first).length, boxes.faint(first).length], [1, 2]);
  let state = boxes.accept(first, 'r1');
  assert.deepEqual(boxes.toWire(state).map((r) => r.id), ['A', 'B']);
  assert.equal(state.selected, 'r2', 'the next faint one is selected');
  state = boxes.accept(state, 'r2');
  assert.deepEqual([boxes.faint(state).length, state.selected], [0, 'r2']);
  assert.deepEqual(boxes.toWire(boxes.acceptAll(first)).map((r) => r.id), ['A', 'B', 'C']);
  assert.equal(boxes.accept(first, 'r0'), first, 'a firm one needs no accepting');
  assert.equal(boxes.accept(first, 'nobody'), first);
  assert.equal(boxes.acceptAll(state), state);
});

test('who moves or names a faint region accepts it, and undo takes it back', () => {
  const first = boxes.fromWire(unsure, size);
  assert.equal(boxes.faint(boxes.place(first, 'r1', box(0, 0, 50, 50))).length, 1);
  assert.equal(boxes.faint(boxes.call(first, 'r1', 'tattoo')).length, 1, 'also by the name it has');
  const h = new History(first);
  h.commit(boxes.acceptAll(first));
  h.undo();
  assert.equal(boxes.faint(h.now).length, 2);
});

test('a faint region and its tooltip say so', () => {
  const [firm, faint] = boxes.fromWire(unsure, size).regions;
  assert.equal(boxes.about(faint), 'by clinivault/tattoo, score 0.30');
  assert.equal(boxes.tooltip(firm), 'Face, proposed by clinivault/eye, score 0.94, model d8014993e729, thresholds t1');
  assert.match(boxes.tooltip(faint), /^Tattoo, faint, .*not covered unless you accept it/);
});

test('no proposal, and no sure one, is a warning', () => {
  assert.match(boxes.nothing([]), /^No proposal/);
  assert.match(boxes.nothing(null), /^No proposal/);
  assert.match(boxes.nothing([{ source: 'person' }]), /^No proposal/, 'what a person drew is no proposal');
  assert.match(boxes.nothing(unsure.slice(1)), /^Only faint/);
  assert.equal(boxes.nothing(unsure), '');
});

test('a second opinion is told by its detector', () => {
  assert.equal(boxes.second(['pigo/facefinder sha256:d8014993e729 t1', 'opinion/yunet sha256:0 t1']), true);
  assert.equal(boxes.second(['pigo/facefinder sha256:d8014993e729 t1']), false);
  assert.equal(boxes.second(null), false);
});

test('undo and redo, with a held key as one step', () => {
  const h = new History(0);
  h.commit(1, 'move');
  h.commit(2, 'move');
  h.commit(3);
  assert.ok(h.undo());
  assert.equal(h.now, 2);
  assert.ok(h.undo());
  assert.equal(h.now, 0, 'both moves are one step');
  assert.equal(h.undo(), false);
  assert.ok(h.redo() && h.redo());
  assert.equal(h.now, 3);
  h.commit(4);
  assert.equal(h.redo(), false, 'a new act forgets what was undone');
});

test('a rest ends a run', () => {
  const h = new History(0);
  h.commit(1, 'move');
  h.rest();
  h.commit(2, 'move');
  h.undo();
  assert.equal(h.now, 1);
});

test('the history is bounded', () => {
  const h = new History(0);
  for (let i = 1; i <= depth + 50; i++) h.commit(i);
  assert.equal(h.past.length, depth);
});

test('keys mean what the help says', () => {
  for (const [press, want] of [
    [{ key: 'a' }, 'approve'], [{ key: 'A', shiftKey: true }, 'approve'], [{ key: 'Enter' }, 'approve'], [{ key: 'r' }, 'reject'], [{ key: 'y' }, 'accept'], [{ key: 'Y', shiftKey: true }, 'accept'],
    [{ key: ']' }, 'next'], [{ key: '[' }, 'previous'], [{ key: 'n' }, 'new'], [{ key: 'x' }, 'remove'], [{ key: 'Delete' }, 'remove'],
    [{ key: 'z' }, 'undo'], [{ key: 'Z', shiftKey: true }, 'redo'], [{ key: 'z', ctrlKey: true }, 'undo'],
    [{ key: 'z', metaKey: true, shiftKey: true }, 'redo'], [{ key: 'f' }, 'kind:face'], [{ key: 't' }, 'kind:tattoo'],
    [{ key: '+' }, 'nearer'], [{ key: '-' }, 'farther'], [{ key: '0' }, 'whole'], [{ key: '?', shiftKey: true }, 'help'],
    [{ key: 'ArrowLeft' }, 'move:-1:0'], [{ key: 'ArrowDown', shiftKey: true }, 'move:0:10'],
    [{ key: 'ArrowUp', altKey: true }, 'size:0:1'], [{ key: 'ArrowRight', altKey: true, shiftKey: true }, 'size:10:0'],
    [{ key: 'ArrowLeft', altKey: true }, 'size:-1:0'],
    [{ key: 'a', ctrlKey: true }, ''], [{ key: 'r', metaKey: true }, ''], [{ key: 'Tab' }, ''], [{ key: 'F5' }, ''], [{ key: 'q' }, ''],
  ]) {
    assert.equal(command(press), want, JSON.stringify(press));
  }
});

test('single-key shortcuts can be off', () => {
  assert.equal(command({ key: 'a' }, false), '');
  assert.equal(command({ key: '?' }, false), '');
  assert.equal(command({ key: 'ArrowLeft' }, false), 'move:-1:0');
  assert.equal(command({ key: 'Enter' }, false), 'approve');
});

test('every single key of the help does something', () => {
  for (const { keys } of help) {
    for (const key of keys.filter((k) => k.length === 1 && !'←↑→↓'.includes(k))) {
      assert.notEqual(command({ key }), '', key);
    }
  }
});

test('a claim is renewed while somebody works and lost when it ends', () => {
  const start = 1_000_000;
  const claim = { until: start + claimLasts, active: start, renewed: start };
  const minute = 60_000;
  assert.equal(claimStep(claim, start + minute), 'keep', 'too early');
  assert.equal(claimStep({ ...claim, active: start + 3 * minute }, start + 3 * minute), 'renew');
  assert.equal(claimStep({ ...claim, active: start + 3 * minute, renewed: start + 3 * minute - 1000 }, start + 3 * minute), 'keep', 'just asked');
  assert.equal(claimStep(claim, start + 8 * minute), 'keep', 'nobody works');
  assert.equal(claimStep(claim, start + claimLasts), 'lost');
});
