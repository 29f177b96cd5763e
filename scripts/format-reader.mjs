// An independent reader of every format in vault/FORMAT.md, written from that document alone. Used by the tests only.
//
//   node scripts/format-reader.mjs vectors DIR    the vectors of sections 7 and 8 (vault/seal/testdata)
//   node scripts/format-reader.mjs read TASKS     a JSON list of things to open; see tasks below
//
// It prints JSON and ends with 1 when something opened that must not, or did not open that must.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Refused, base64, openSmall, sha256, unwrap } from './format/bytes.mjs';
import * as backups from './format/backup.mjs';
import * as log from './format/log.mjs';
import * as sealed from './format/sealed.mjs';

const hex = (s) => Buffer.from(s, 'hex');
const digest = (b) => sha256(b).toString('hex');

/** vectors opens what must open and is refused, for the reason named, what must not. */
function vectors(dir) {
  const counts = { opened: 0, refused: 0 };
  const read = (name) => JSON.parse(readFileSync(join(dir, name), 'utf8'));
  const opens = (file) => {
    const { given } = read(file);
    return (v, bytes) => {
      const c = sealed.openCapture(bytes, [sealed.parseIntakePrivate(hex(given.intake_private))]);
      if (!c.key.equals(hex(v.key)) || JSON.stringify(c.facts) !== JSON.stringify(JSON.parse(given.facts))) throw new Error('other key or facts');
      return c.picture;
    };
  };
  const bound = sealed.binding({ tenant: 'main', patient: 'PATIENT1', photo: 'PHOTO1', rendition: 'original', version: 1 });
  const openers = {
    'capture.json': opens('capture.json'),
    'fallback.json': opens('fallback.json'),
    'object.json': (v, bytes) => sealed.openObject(bytes, hex(v.key), bound),
    'small.json': (v, bytes) => (v.name.startsWith('wrapped') ? unwrap : openSmall)(hex(v.key), hex(v.aad), bytes),
  };
  for (const [file, open] of Object.entries(openers)) {
    for (const v of read(file).vectors) {
      const bytes = v.sealed_file ? readFileSync(join(dir, v.sealed_file)) : hex(v.sealed);
      if (v.sealed_sha256 && digest(bytes) !== v.sealed_sha256) throw new Error(`${file}, ${v.name}: the file beside is another`);
      const got = attempt(() => open(v, bytes));
      const want = v.refused ?? (v.plain_size ? digest(Uint8Array.from({ length: v.plain_size }, (_, i) => i % 251)) : digest(hex(v.plain)));
      const said = got.refused ?? digest(got.value);
      if (said !== want) throw new Error(`${file}, ${v.name}: got ${said}, want ${want}`);
      counts[v.refused ? 'refused' : 'opened']++;
      if (!v.refused && v.sealed_file) counts.refused += mangled(bytes, (b) => open(v, b));
    }
  }
  const receipts = read('receipt.json');
  receipts.receipts.forEach((r, i) => {
    const got = attempt(() => sealed.verifyReceipt(JSON.stringify(r), hex(receipts.given.public_key)));
    const fine = i === 0 ? got.value?.equals(hex(receipts.given.signed)) : got.refused === 'signature';
    if (!fine) throw new Error(`receipt ${i}: ${got.refused ?? 'verifies'}`);
    counts[i === 0 ? 'opened' : 'refused']++;
  });
  return counts;
}

/** mangled cuts, doubles, swaps and flips two whole chunks; none may open. */
function mangled(bytes, open) {
  const cut = bytes.length - 16; // somewhere in the last chunk
  const border = bytes.length - 65564 > 24 ? bytes.length - 65564 : bytes.length - 128;
  const all = [bytes.subarray(0, cut), bytes.subarray(0, bytes.length - 1), bytes.subarray(0, 100), Buffer.concat([bytes, bytes.subarray(border)]),
    Buffer.concat([bytes, Buffer.from([0])])];
  for (let at = 0; at < bytes.length; at += 4001) {
    const flipped = Buffer.from(bytes);
    flipped[at] ^= 1;
    all.push(flipped);
  }
  for (const b of all) {
    if (!attempt(() => open(b)).refused) throw new Error('altered bytes opened');
  }
  return all.length;
}

/** attempt gives a value or the reason of a refusal; any other error is a fault of this reader. */
function attempt(fn) {
  try {
    return { value: fn() };
  } catch (err) {
    if (err instanceof Refused) return { refused: err.kind };
    throw err;
  }
}

const redaction = { domain: 'clinivault/certificate/v1\0', act: 'review.approve', photo: true };

/** tasks are the things that read opens; each gives what a test compares. Files are named beside the list of tasks. */
const tasks = {
  vault: (t, file) => { // rows of a vault, its key file and its objects: from the root key down to the pictures
    const roots = sealed.parseKeyFile(file(t.key_file).toString('utf8'));
    const keys = Object.fromEntries(t.patients.map((p) => [p.id, sealed.patientKey(roots, t.tenant, p)]));
    const privates = t.epoch_keys.map((k) => ({ kind: k.kind, epoch: k.epoch, raw: sealed.epochPrivate(roots, t.tenant, k) }));
    const intake = privates.filter((k) => k.kind === 'intake').map((k) => sealed.parseIntakePrivate(k.raw));
    return {
      renditions: t.renditions.map((r) => digest(sealed.rendition(t.tenant, r.patient, keys[r.patient], r, file(r.file)))),
      captures: t.captures.map((c) => { const o = sealed.openCapture(file(c.file), intake); return { facts: o.facts, picture: digest(o.picture) }; }),
      small: t.small.map((s) => openSmall(keys[s.patient], Buffer.from(s.aad, 'base64'), base64(s.sealed)).toString('base64')),
      seeds: privates.filter((k) => k.kind !== 'intake').map((k) => digest(k.raw)),
    };
  },
  receipt: (t) => digest(sealed.verifyReceipt(t.receipt, base64(t.key))),
  certificate: (t, file) => {
    const c = log.verifyCertificate(file(t.file).toString('utf8'), base64(t.key), t.log_verifier, t.kind ?? redaction, t.handovers);
    if (t.redacted && !log.commits(c.certificate.redacted.sha256, c.certificate.redacted.salt, file(t.redacted))) throw new Refused('sealed', 'another picture');
    if (t.original && !log.commits(c.certificate.original.sha256, t.salt, file(t.original))) throw new Refused('sealed', 'another original');
    return c.certificate.photo ?? '';
  },
  shares: (t, file) => digest(sealed.joinShares(t.files.map((f) => file(f).toString('utf8')))),
  export: (t, file) => log.verifyExport(file(t.file).toString('utf8'), t.verifier),
  backup: (t, file) => {
    const b = backups.openBackup(file(t.file), t.identity);
    return { head: b.head, parts: Object.fromEntries(b.parts.map((p) => [p.name, digest(p.content)])) };
  },
};

const [, , command, path] = process.argv;
if (command === 'vectors') {
  console.log(JSON.stringify(vectors(path)));
} else if (command === 'read') {
  const file = (name) => readFileSync(join(dirname(path), name));
  const out = JSON.parse(readFileSync(path, 'utf8')).map((t) => attempt(() => tasks[t.task](t, file)));
  console.log(JSON.stringify(out));
} else {
  throw new Error('say vectors DIR or read TASKS');
}
