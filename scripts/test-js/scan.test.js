// Codes as they are on a wrist, read by the reader that the scanner's worker uses: turned, blurred, bent, faded, covered.
// CLINIVAULT_DRILL does many more. A table of the rates is printed; what counts as a wrong read is never allowed.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { parseBand } from '../../api/web/static/capture/wristband.js';
import { frame, kinds, print, zintThere } from './codes.mjs';

const skip = zintThere() ? false : 'zint is not installed';
const drill = Number(process.env.CLINIVAULT_DRILL ?? 0);

const gsrn = '950110123456700172';
const elements = `[8018]${gsrn}[8019]12`;
const contents = {
  'GS1 DataMatrix': [elements, 6, ['gsrn', gsrn]], 'GS1-128': [`[8018]${gsrn}`, 2.5, ['gsrn', gsrn]], 'Code 128': ['DEMO-0001', 3.5, ['record_number', 'DEMO-0001']],
  'QR code': ['DEMO-0001', 6, ['record_number', 'DEMO-0001']], DataMatrix: ['DEMO-0001', 6, ['record_number', 'DEMO-0001']], 'GS1 QR code': [elements, 6, ['gsrn', gsrn]],
};

/** What a code goes through, and how many of the frames have to be read for each: what is asked of a ward's band, with room. */
const all = (values, name) => values.map((v) => ({ [name]: v }));
const trials = {
  'turned by 0 to 345 degrees': { ways: all(Array.from({ length: drill ? 24 : 6 }, (_, i) => i * (drill ? 15 : 65)), 'angle'), least: 1 },
  'blurred, sigma 0.5 to 1.5 pixels': { ways: all(drill ? [0.5, 0.75, 1, 1.25, 1.5] : [0.75, 1.25], 'sigma'), least: 1 },
  'bent over 30 to 90 degrees': { ways: all(drill ? [30, 45, 60, 75, 90] : [45, 90], 'bend'), least: 1 },
  'contrast of a half to a fifth': { ways: all(drill ? [0.5, 0.4, 0.3, 0.2] : [0.5, 0.2], 'contrast'), least: 1 },
  'noise of 10 to 20 levels': { ways: all(drill ? [10, 15, 20] : [20], 'noise'), least: 1 },
  'all of it a little': { ways: all(drill ? [10, 70, 130, 190, 250, 310] : [20, 200], 'angle').map((w) => ({ ...w, sigma: 0.8, bend: 45, contrast: 0.5, noise: 8, close: true })), least: 0.9 },
};
// Beyond what a linear code can stand: reported, not asked for.
const hard = {
  'a corner of 5 to 15 % covered': all([0.05, 0.1, 0.15], 'cover'),
  'blurred, sigma 2 to 3 pixels': all([2, 2.5, 3], 'sigma'),
  'bent over 120 degrees': all([120], 'bend'),
  'noise of 25 to 40 levels': all([25, 30, 40], 'noise'),
};

const reader = await import('../../api/web/static/capture/scan-read.js').catch(() => null);
const codes = {};
let wrong = 0;
let frames = 0;

/** Whether one of the frames that the scanner takes in a second is read. */
async function read(kind, how) {
  const [, module, [type, value]] = contents[kind];
  for (const turn of kind.includes('128') ? reader.turns : [0]) {
    frames++;
    const near = how.close && kind.includes('128') ? { module: 2 * module, width: 1280, height: 960 } : {}; // as the camera gives it
    const found = await reader.readCodes(frame(codes[kind], { module, ...how, ...near }), turn);
    for (const code of found) {
      const band = parseBand(code.symbology, code.text, 'record_number');
      if ('refused' in band || band.kind !== type || band.value !== value) wrong++;
      else return true;
    }
  }
  return false;
}

async function rate(kind, ways) {
  let good = 0;
  for (const how of ways) if (await read(kind, how)) good++;
  return good / ways.length;
}

test('codes as they are on a wrist', { skip }, async (t) => {
  assert.ok(reader, 'the reader of codes is not there: run scripts/wasm.sh');
  const wasm = await readFile(new URL('../../api/web/static/wasm/zxing/reader/zxing_reader.wasm', import.meta.url));
  await reader.loadReader({ wasmBinary: wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length) });
  for (const kind of Object.keys(kinds)) codes[kind] = print(kind, contents[kind][0]);
  const line = (name, cells) => t.diagnostic(`${name.padEnd(34)} ${cells.join(' ')}`);
  line('', Object.keys(kinds).map((k) => k.padStart(14)));
  for (const [name, { ways, least }] of Object.entries(trials)) {
    const cells = [];
    for (const kind of Object.keys(kinds)) {
      const got = await rate(kind, ways);
      cells.push(`${Math.round(got * 100)} %`.padStart(14));
      assert.ok(got >= least, `${kind}, ${name}: ${got} read, want ${least}`);
    }
    line(name, cells);
  }
  for (const [name, ways] of drill ? Object.entries(hard) : []) {
    const cells = [];
    for (const kind of Object.keys(kinds)) cells.push(`${Math.round((await rate(kind, ways)) * 100)} %`.padStart(14));
    line(name, cells);
  }
  assert.equal(wrong, 0, `${wrong} of ${frames} frames were read as something else`);
});

test('what is no wristband is never read as one', { skip }, async () => {
  assert.ok(reader);
  const foreign = [['GS1 DataMatrix', '[01]09506000134352[17]280131[10]LOT7'], ['GS1-128', '[01]09506000134352'], ['GS1-128', '[8017]950110123456700172'],
    ['GS1-128', '[00]095011015300000010'], ['QR code', 'https://ward.example/7'], ['QR code', '(8018)950110123456700172'], ['DataMatrix', '8018950110123456700172'],
    ['Code 128', '8018950110123456700172'], ['QR code', 'WIFI:S:guest;;']];
  for (const [kind, text] of foreign) {
    for (const how of [{}, { sigma: 1, angle: 10 }, { bend: 60, noise: 15 }]) {
      const found = await reader.readCodes(frame(print(kind, text), { module: kind.includes('128') ? 2.5 : 5, ...how }), 15);
      for (const code of found) {
        const band = parseBand(code.symbology, code.text);
        assert.ok('refused' in band, `${kind} ${text} was taken for a wristband`);
      }
    }
  }
});
