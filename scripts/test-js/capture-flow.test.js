// The pure parts of the capture page: the card, the sites, the figure, what lies over the live picture, the shutter for full
// hands, the photo for comparison.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mock, test } from 'node:test';

import { explainCameraError } from '../../api/web/static/capture/camera.js';
import { zones } from '../../api/web/static/capture/figure.js';
import { pointOn, tiltOf } from '../../api/web/static/capture/finder.js';
import { earlierSites, sameSite } from '../../api/web/static/capture/ghost.js';
import { Loudness, countdown, loudnessOf, readingSize } from '../../api/web/static/capture/handsfree.js';
import { largestPhoto, mostPixels, pinched, rangeOf } from '../../api/web/static/capture/lens.js';
import { ageAt, factsOf, likelyEncounter, measuresOf, missing, noteFits } from '../../api/web/static/pages/capture-facts.js';
import { Bin, dropAll, sharpnessOf, undoWithin } from '../../api/web/static/pages/capture-shots.js';
import { after, choicesOf, nearest, siteText } from '../../api/web/static/pages/capture-sites.js';
import { open } from '../../api/web/static/pages/capture-warnings.js';

const details = { consent: { record: true, teaching: false, publication: false }, encounter: 'E', site: 'hand', sided: true, side: 'left' };

test('nothing goes to the camera without consent, site and side', () => {
  assert.equal(missing(details), null);
  assert.equal(missing({ ...details, consent: { ...details.consent, record: false } })?.field, 'record');
  assert.equal(missing({ ...details, consent: { record: false, teaching: true, publication: true } })?.field, 'record');
  assert.equal(missing({ ...details, site: '' })?.field, 'site');
  assert.match(missing({ ...details, side: '' })?.text ?? '', /side/);
  assert.equal(missing({ ...details, side: '', sided: false }), null);
});

test('facts hold exactly what the format knows', () => {
  const c = { captureID: 'c', patient: 'P', author: 'A', details: { ...details, sided: false }, note: ' x ', mediaType: 'image/jpeg', takenAt: new Date(0) };
  const want = {
    capture_id: 'c', patient: 'P', encounter: 'E', body_site: 'hand', laterality: '', author: 'A', device: '', media_type: 'image/jpeg',
    note: 'x', consent: { record: true, teaching: false, publication: false }, taken_at: '1970-01-01T00:00:00.000Z',
  };
  assert.deepEqual(factsOf(c), want);
  assert.deepEqual(factsOf({ ...c, measures: { sharpness: 0.5 } }), { ...want, measures: { sharpness: 0.5 } });
  assert.equal(noteFits('é'.repeat(1000)), true);
  assert.equal(noteFits('é'.repeat(1001)), false);
});

test('measures are only what was measured, sorted and within their ranges', () => {
  const still = (more) => ({ warnings: [], sharpness: 0.7, scale: null, ...more });
  const colour = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];
  for (const [name, s, overruled, want] of [
    ['nothing', null, [], undefined],
    ['only overruled', null, ['text', 'face', 'text'], { overruled: ['face', 'text'] }],
    ['an unknown code', null, ['nose'], undefined],
    ['sharpness', still(), [], { sharpness: 0.7 }],
    ['sharpness that is none', still({ sharpness: Number.NaN }), [], undefined],
    ['scale', still({ scale: { pixels_per_mm: 12.5, colour } }), [], { pixels_per_mm: 12.5, colour, sharpness: 0.7 }],
    ['scale out of range', still({ scale: { pixels_per_mm: 1e4, colour: colour.slice(1) } }), [], { sharpness: 0.7 }],
    ['colour with a hole', still({ scale: { pixels_per_mm: 1, colour: [...colour.slice(1), Infinity] } }), [], { pixels_per_mm: 1, sharpness: 0.7 }],
  ]) assert.deepEqual(measuresOf(s, overruled), want, name);
});

test('the visit that goes on is proposed', () => {
  const visit = (id, ended) => ({ id, label: id, started_at: null, ended_at: ended });
  assert.equal(likelyEncounter([visit('new', '2026-01-01'), visit('open', null)]), 'open');
  assert.equal(likelyEncounter([visit('new', '2026-01-02'), visit('old', '2026-01-01')]), 'new');
  assert.equal(likelyEncounter(null), '');
});

test('an age counts whole years', () => {
  const at = new Date(2026, 10, 22);
  for (const [born, want] of [['1950-11-22', 76], ['1950-11-23', 75], ['2026-11-22', 0], ['2027-01-01', null], ['1950', null]]) {
    assert.equal(ageAt(born, at), want, born);
  }
});

test('sites: last used first, never one that is not known, sides for themselves', () => {
  const known = ['hand', 'foot', 'heel', 'sacrum', 'abdomen', 'lower-leg', 'nose'];
  assert.equal(nearest([], known)[0], 'sacrum');
  assert.deepEqual(nearest(['nose', 'gone', 'hand'], known).slice(0, 2), ['nose', 'hand']);
  assert.equal(new Set(nearest(['hand'], known)).size, nearest(['hand'], known).length);
  assert.deepEqual(after(['a', 'b'], 'b'), ['b', 'a']);
  assert.deepEqual(after(['a', 'b', 'c', 'd'], 'g'), ['g', 'a', 'b', 'c']);
  const hand = { code: 'hand', label: 'Hand', sided: true };
  assert.deepEqual(choicesOf(hand).map((c) => c.side), ['left', 'right']);
  assert.deepEqual(choicesOf(hand, true).map((c) => c.side), ['left', 'right', 'bilateral']);
  assert.equal(siteText(hand, 'left'), 'Hand, left');
  assert.equal(siteText(hand, ''), 'Hand');
  assert.equal(siteText(undefined, ''), '');
});

test('the figure reaches every site of the vault, each side as the patient has it', () => {
  const source = readFileSync(new URL('../../vault/sites.go', import.meta.url), 'utf8');
  const all = [...source.matchAll(/^\t\{"([a-z-]+)", "[^"]+", "\d+", (true|false)\}/gm)].map((m) => m[1]);
  assert.ok(all.length > 30, `sites found: ${all.length}`);
  const reached = new Set([...zones('front'), ...zones('back')].flatMap((z) => z.sites));
  assert.deepEqual(all.filter((s) => !reached.has(s)), [], 'not on the figure');
  assert.deepEqual([...reached].filter((s) => !all.includes(s)), [], 'on the figure, not in the vault');
  const leftmost = (view, side) => {
    const zone = zones(view).find((z) => z.key === 'hand' && z.side === side);
    return Math.min(...(zone?.shape.match(/-?\d+/g) ?? []).filter((_, i) => i % 2 === 0).map(Number));
  };
  assert.ok(leftmost('front', 'right') < leftmost('front', 'left'), 'from the front the patient’s right is on our left');
  assert.ok(leftmost('back', 'left') < leftmost('back', 'right'), 'from the back the patient’s left is on our left');
});

test('zoom stays within what the camera has', () => {
  assert.equal(rangeOf(undefined), null);
  assert.equal(rangeOf({ min: 1, max: 1 }), null);
  const range = rangeOf({ min: 1, max: 4, step: 0.5 });
  for (const [before, ratio, want] of [[1, 2, 2], [2, 1.3, 2.5], [2, 9, 4], [2, 0.1, 1], [2, Number.NaN, 2], [2, 0, 2]]) {
    assert.equal(pinched(before, ratio, range), want, `${before} × ${ratio}`);
  }
});

test('the largest photo that the vault takes', () => {
  assert.equal(largestPhoto(null), null);
  assert.equal(largestPhoto({ imageWidth: { max: 0 }, imageHeight: { max: 3 } }), null);
  assert.deepEqual(largestPhoto({ imageWidth: { max: 4000 }, imageHeight: { max: 3000 } }), { imageWidth: 4000, imageHeight: 3000 });
  const huge = largestPhoto({ imageWidth: { max: 16000 }, imageHeight: { max: 12000 } });
  assert.ok(huge.imageWidth * huge.imageHeight <= mostPixels && huge.imageWidth > 8000, JSON.stringify(huge));
});

test('points on the picture', () => {
  const rect = { left: 10, top: 20, width: 200, height: 100 };
  assert.deepEqual(pointOn(rect, 110, 70), { x: 0.5, y: 0.5 });
  assert.equal(pointOn(rect, 5, 70), null);
  assert.equal(pointOn(rect, 110, 121), null);
});

test('the level', () => {
  for (const [name, beta, gamma, turned, want] of [
    ['upright', 90, 0, 0, { level: true, down: false }], ['upright, leaning to the side', 80, 40, 0, { level: false, down: false }],
    ['on its side, screen turned', 0, -90, 90, { level: true, down: false }],
    ['flat over a bed', 0, 0, 0, { level: true, down: true }], ['almost flat', 10, 0, 0, { level: false, down: true }],
  ]) {
    const { level, down, angle } = tiltOf(beta, gamma, turned);
    assert.deepEqual({ level, down }, want, `${name}: angle ${angle}`);
  }
});

test('a sound counts when it is clearly louder than the room, twice in a row, and not again at once', () => {
  const heard = (levels) => {
    const judge = new Loudness();
    return levels.flatMap((rms, i) => (judge.feed(rms, i * 40) ? [i] : []));
  };
  const quiet = Array(40).fill(0.005);
  assert.deepEqual(heard([...quiet, 0.3, 0.3, 0.3, ...quiet]), [41]);
  assert.deepEqual(heard([...quiet, 0.3, ...quiet]), [], 'one reading is a knock');
  assert.deepEqual(heard([0.3, 0.3, 0.3, ...quiet]), [], 'the first moment counts as the button’s own click');
  assert.deepEqual(heard([...quiet, 0.03, 0.03, 0.03]), [], 'too quiet to be meant');
  assert.deepEqual(heard([...quiet, 0.3, 0.3, ...quiet.slice(0, 10), 0.3, 0.3]), [41], 'within two seconds');
  assert.equal(heard([...quiet, 0.3, 0.3, ...quiet, ...quiet, 0.3, 0.3]).length, 2);
  assert.equal(loudnessOf(new Float32Array([1, -1, 1, -1])), 1);
  assert.equal(loudnessOf(new Float32Array()), 0);
});

test('a clap of 20 ms is heard whenever it comes between two readings', () => {
  for (const rate of [44100, 48000, 96000]) {
    const size = readingSize(rate);
    assert.equal(Math.log2(size) % 1, 0, 'a power of two');
    for (let phase = 0; phase < 40; phase += 3) {
      const clap = 2000 + phase; // milliseconds
      const sample = (i) => (i >= (clap * rate) / 1000 && i < ((clap + 20) * rate) / 1000 ? 0.5 : 0.001);
      const judge = new Loudness();
      let meant = 0;
      for (let at = 0; at < 3000; at += 40) {
        const end = Math.round((at * rate) / 1000);
        if (judge.feed(loudnessOf(Float32Array.from({ length: size }, (_, i) => sample(end - size + i))), at)) meant++;
      }
      assert.equal(meant, 1, `${rate} samples a second, ${phase} ms after a reading`);
    }
  }
});

test('a countdown ends with zero, and not when it was stopped', () => {
  const due = [];
  const clock = { later: (act) => due.push(act), cancel: () => due.splice(0) };
  const ticks = [];
  countdown(3, (left) => ticks.push(left), clock);
  while (due.length) due.shift()();
  assert.deepEqual(ticks, [3, 2, 1, 0]);
  const stopped = [];
  const one = countdown(3, (left) => stopped.push(left), clock);
  due.shift()();
  one.stop();
  assert.equal(due.length, 0);
  assert.deepEqual(stopped, [3, 2]);
});

test('the photo to compare with is the newest of the same site and side that can be shown', () => {
  const p = (id, site, side, taken_at, state = 'approved') => ({ id, body_site: site, laterality: side, taken_at, state });
  const all = [p('a', 'hand', 'left', '2026-01-01'), p('b', 'hand', 'left', '2026-03-01'), p('c', 'hand', 'right', '2026-04-01'),
    p('d', 'hand', 'left', '2026-05-01', 'accepted'), p('e', 'hand', 'left', '2026-06-01', 'erased'), p('f', 'sacrum', '', '2026-02-01')];
  assert.deepEqual(sameSite(all, 'hand', 'left').map((x) => x.id), ['b', 'a']);
  assert.deepEqual(sameSite(all, 'sacrum', '').map((x) => x.id), ['f']);
  assert.deepEqual(sameSite(all, 'foot', ''), []);
  assert.deepEqual(earlierSites(all).map((x) => x.id), ['e', 'c', 'f']);
});

test('warnings: each once, those answered not again, never more than can be read', () => {
  const w = (...codes) => codes.map((code) => ({ code }));
  assert.deepEqual(open(w('face', 'face', 'blur'), []).map((x) => x.code), ['face', 'blur']);
  assert.deepEqual(open(w('face', 'blur'), ['face']).map((x) => x.code), ['blur']);
  assert.equal(open(w('face', 'blur', 'dark', 'glare'), []).length, 2);
});

test('a photo thrown away is zeroes', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const shots = [{ frame: { bytes, media_type: 'image/jpeg' }, still: null, note: 'x', thumb: { width: 5, height: 5 } }];
  dropAll(shots);
  assert.equal(shots.length, 0);
  assert.deepEqual([...bytes], [0, 0, 0]);
  assert.equal(sharpnessOf(0.9), 'sharp');
  assert.equal(sharpnessOf(0.55), 'soft');
  assert.equal(sharpnessOf(0.49), 'blurred');
});

/** Photos of one byte each, and a bin that notes whether it holds one. */
function withBin() {
  const shots = [1, 2, 3].map((n) => ({ frame: { bytes: new Uint8Array([n]), media_type: 'image/jpeg' }, still: null, note: '', thumb: { width: 5, height: 5 } }));
  const holds = [];
  const bin = new Bin((now) => holds.push(now));
  const remove = (at) => {
    const [shot] = shots.splice(at, 1);
    bin.put(shot, at);
    return shot.frame.bytes;
  };
  return { shots, bin, remove, holds: () => holds.at(-1) };
}

test('a photo deleted by mistake comes back to its place, once', () => {
  const { shots, bin, remove, holds } = withBin();
  remove(1);
  assert.equal(holds(), true);
  assert.deepEqual([...bin.restore(shots).frame.bytes], [2]);
  assert.deepEqual(shots.map((s) => s.frame.bytes[0]), [1, 2, 3]);
  assert.equal(holds(), false);
  assert.equal(bin.restore(shots), null);
  assert.equal(shots.length, 3);
  bin.empty();
  assert.deepEqual([...shots[1].frame.bytes], [2], 'what came back is nobody’s to clear');
});

test('a deleted photo is zeroes once the bin is emptied, once another is deleted, and after a minute', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { shots, bin, remove, holds } = withBin();
  const first = remove(0);
  const second = remove(0);
  assert.deepEqual([[...first], [...second]], [[0], [2]]);
  bin.empty();
  assert.deepEqual([[...second], holds()], [[0], false]);
  assert.equal(bin.restore(shots), null);
  const third = remove(0);
  mock.timers.tick(undoWithin - 1);
  assert.deepEqual([...third], [3]);
  bin.restore(shots);
  remove(0);
  mock.timers.tick(undoWithin - 1);
  assert.deepEqual([...third], [3], 'each has its own minute');
  mock.timers.tick(1);
  assert.deepEqual([[...third], holds()], [[0], false]);
});

test('what came back is not cleared when the minute is over', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { shots, bin, remove } = withBin();
  remove(2);
  bin.restore(shots);
  mock.timers.tick(undoWithin);
  assert.deepEqual(shots.map((s) => s.frame.bytes[0]), [1, 2, 3]);
});

test('every refusal of the camera says what to do', () => {
  for (const name of ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'Unsupported', 'EmptyFrame', 'Lost', 'NoMicrophone', 'else']) {
    const { sentence, remedy } = explainCameraError(name);
    assert.ok(/\.$/.test(sentence) && /\.$/.test(remedy), `${name}: ${sentence} ${remedy}`);
  }
});
