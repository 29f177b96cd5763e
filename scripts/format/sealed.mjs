// Sealed captures, stored objects, receipts and the keys of the database: sections 2 to 6 and 9 of vault/FORMAT.md.
import { Refused, ascii, base64, hkdf, list, openChunks, openFallback, openGCM, openHPKE, openSmall, sha256, text, u32, u64, unwrap, verifyEd25519 } from './bytes.mjs';

/** strictJSON parses one JSON object whose members are names, each once, and some of maybe. */
export function strictJSON(raw, names, maybe = []) {
  const seen = [];
  let depth = 0;
  for (const m of raw.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) { // doubled names are lost once JSON.parse has run
    if (m[0] === '{' || m[0] === '[') depth++;
    else if (m[0] === '}' || m[0] === ']') depth--;
    else if (m[1] !== undefined && depth === 1) seen.push(JSON.parse(m[0].slice(0, -m[1].length)));
  }
  let value;
  try {
    value = JSON.parse(raw);
  } catch {
    throw new Refused('format', 'JSON');
  }
  const same = new Set(seen).size === seen.length && names.every((n) => seen.includes(n)) &&
    seen.every((n) => (names.includes(n) || maybe.includes(n)) && value[n] !== null);
  if (!same) throw new Refused('format', 'members of a JSON object');
  return value;
}

const factNames = ['capture_id', 'patient', 'encounter', 'body_site', 'laterality', 'author', 'device', 'media_type', 'note', 'consent', 'taken_at'];
const isID = (s) => typeof s === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(s);
const isText = (s, most, allowed) => typeof s === 'string' && Buffer.byteLength(s) <= most && ![...s].some((c) => /\p{Cc}/u.test(c) && !allowed.includes(c));
const timeForm = /^(2[01]\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function checkFacts(f, captureID) {
  const fine = f.capture_id === captureID && isID(f.patient) && isID(f.author) && (f.encounter === '' || isID(f.encounter)) &&
    (f.device === '' || isID(f.device)) && f.body_site !== '' && isText(f.body_site, 80, '') &&
    ['', 'left', 'right', 'midline', 'bilateral'].includes(f.laterality) && ['image/jpeg', 'image/png', 'image/heic'].includes(f.media_type) &&
    isText(f.note, 2000, '\n\t') && timeForm.test(f.taken_at) && new Date(f.taken_at).toISOString() === f.taken_at &&
    Object.values(f.consent).every((v) => typeof v === 'boolean');
  if (!fine) throw new Refused('format', 'facts');
}

/** parseIntakePrivate reads u8 1 ‖ u32 epoch ‖ seed: section 3. */
export function parseIntakePrivate(raw) {
  if (raw.length !== 37 || raw[0] !== 1) throw new Refused('format', 'intake key');
  return { epoch: raw.readUInt32BE(1), seed: raw.subarray(5) };
}

const between = (x, least, most) => typeof x === 'number' && x >= least && x <= most;
const warnings = ['blur', 'dark', 'eyes', 'face', 'far', 'glare', 'tattoo', 'text', 'wristband'];

function checkMeasures(m) {
  strictJSON(JSON.stringify(m), [], ['pixels_per_mm', 'colour', 'sharpness', 'overruled']);
  const fine = (!('pixels_per_mm' in m) || between(m.pixels_per_mm, 0.1, 1000)) && (!('sharpness' in m) || between(m.sharpness, 0, 1)) &&
    (!('colour' in m) || m.colour.length === 12 && m.colour.every((x) => between(x, -16, 16))) &&
    (!('overruled' in m) || m.overruled.join() === warnings.filter((w) => m.overruled.includes(w)).join());
  if (!fine) throw new Refused('format', 'measures');
}

/** The two ways in which a capture key is wrapped: bytes of the front, of the wrapped key and of enc in it. */
const ways = {
  'CVCAP1\n\0': { front: 28, wrapped: 1168, enc: 1120, open: openHPKE, fits: () => true },
  'CVCAP2\n\0': { front: 30, wrapped: 80, enc: 32, open: openFallback, fits: (sealed) => sealed.readUInt16BE(28) === 0x0020 },
};

/** openCapture opens an envelope with one of the intake keys. */
export function openCapture(sealed, intakeKeys) {
  if (sealed.length < 8) throw new Refused('truncated', 'magic');
  const way = ways[sealed.subarray(0, 8).toString('latin1')];
  if (!way) throw new Refused('format', 'magic');
  const wrapped = way.front + 2;
  const sizeAt = wrapped + way.wrapped;
  const at = sizeAt + 4;
  if (sealed.length < at) throw new Refused('truncated', 'header');
  const epoch = sealed.readUInt32BE(8);
  const id = sealed.subarray(12, 28);
  const size = sealed.readUInt32BE(sizeAt);
  if (epoch === 0 || id.every((b) => b === 0) || !way.fits(sealed) || sealed.readUInt16BE(way.front) !== way.wrapped || size < 29 || size > 4124) {
    throw new Refused('format', 'header');
  }
  if (sealed.length < at + size) throw new Refused('truncated', 'facts');
  const own = intakeKeys.find((k) => k.epoch === epoch);
  if (!own) throw new Refused('epoch', String(epoch));
  const info = Buffer.concat([ascii('clinivault/capture/key/v1\0'), sealed.subarray(0, way.front)]);
  const key = way.open(own.seed, info, sealed.subarray(wrapped, wrapped + way.enc), sealed.subarray(wrapped + way.enc, sizeAt));
  const plain = openGCM(key, Buffer.concat([ascii('clinivault/capture/facts/v1\0'), sealed.subarray(0, sizeAt)]), sealed.subarray(at, at + size));
  const facts = strictJSON(plain.toString('utf8'), factNames, ['measures']);
  strictJSON(JSON.stringify(facts.consent), ['record', 'teaching', 'publication']);
  if (facts.measures) checkMeasures(facts.measures);
  checkFacts(facts, id.toString('hex'));
  const header = sealed.subarray(0, at + size);
  return { key, facts, picture: openChunks(key, 'clinivault/capture/chunk/v1\0', header, sealed.subarray(header.length)) };
}

/** binding is what a stored object and its wrapped key are bound to: section 4. */
export const binding = (b) => Buffer.concat([text(b.tenant), text(b.patient), text(b.photo), text(b.rendition), u32(b.version)]);

export function openObject(sealed, key, bound) {
  if (sealed.length < 24) throw new Refused('truncated', 'object');
  if (!sealed.subarray(0, 8).equals(ascii('CVOBJ1\n\0'))) throw new Refused('format', 'object');
  return openChunks(key, 'clinivault/object/v1\0', Buffer.concat([sealed.subarray(0, 24), bound]), sealed.subarray(24));
}

export const keyID = (pub) => sha256(pub).toString('hex').slice(0, 16);

/** verifyReceipt checks a receipt with a published key: section 6. */
export function verifyReceipt(raw, pub) {
  const r = strictJSON(raw, ['capture_id', 'photo_id', 'digest', 'size', 'received_at', 'key_id', 'signature']);
  if (!/^[0-9a-f]{32}$/.test(r.capture_id) || !isID(r.photo_id) || !/^[0-9a-f]{64}$/.test(r.digest) || !(r.size > 0) || !timeForm.test(r.received_at)) {
    throw new Refused('format', 'receipt');
  }
  if (r.key_id !== keyID(pub)) throw new Refused('signature', 'of another key');
  const signed = Buffer.concat([ascii('clinivault/receipt/v1\0'), text(r.capture_id), text(r.photo_id), Buffer.from(r.digest, 'hex'),
    u64(r.size), u64(new Date(r.received_at).getTime()), text(r.key_id)]);
  verifyEd25519(pub, signed, base64(r.signature));
  return signed;
}

/** parseKeyFile reads a root key file into a map of its versions: section 9. */
export function parseKeyFile(file) {
  const lines = file.split('\n');
  if (lines.shift() !== 'clinivault-root-key-v1' || lines.pop() !== '' || lines.length === 0) throw new Refused('format', 'key file');
  const keys = new Map();
  const told = new Set();
  for (const line of lines) {
    const m = /^([0-9]+) (forgotten )?([A-Za-z0-9+/=]+)$/.exec(line);
    const key = m && base64(m[3]);
    if (!m || key.length !== 32 || told.has(Number(m[1])) || Number(m[1]) < 1) throw new Refused('format', 'key file');
    told.add(Number(m[1]));
    if (!m[2]) keys.set(Number(m[1]), key);
  }
  if (keys.size === 0) throw new Refused('format', 'key file');
  return keys;
}

/** patientKey unwraps the key of a patient with the root key of its version. */
export const patientKey = (roots, tenant, row) => unwrap(roots.get(row.root_version), list('clinivault/patient-key/v1', tenant, row.id), base64(row.wrapped_key));

/** epochPrivate opens a private key of the vault: u16 length ‖ wrapped key ‖ sealed private key. */
export function epochPrivate(roots, tenant, row) {
  const stored = base64(row.wrapped_private);
  const cut = 2 + stored.readUInt16BE(0);
  const aad = list('clinivault/epoch-key/v1', tenant, row.kind, String(row.epoch));
  return openSmall(unwrap(roots.get(row.root_version), aad, stored.subarray(2, cut)), aad, stored.subarray(cut));
}

/** rendition opens a stored rendition from its row, its sealed bytes and the patient's key. */
export function rendition(tenant, patient, key, row, sealed) {
  if (sha256(sealed).toString('hex') !== row.sealed_hash || sealed.length !== row.size) throw new Refused('sealed', 'not the stored bytes');
  const bound = binding({ tenant, patient, photo: row.photo, rendition: `${row.kind}/${row.id}`, version: row.version });
  return openObject(sealed, unwrap(key, bound, base64(row.wrapped_key)), bound);
}

const order = 2n ** 252n + 27742317777372353535851937790883648493n; // of ristretto255's scalars, RFC 9496
const mod = (n) => ((n % order) + order) % order;
const inverse = (n) => { // Fermat: n^(order-2)
  let [out, base] = [1n, mod(n)];
  for (let e = order - 2n; e > 0n; e >>= 1n, base = mod(base * base)) if (e & 1n) out = mod(out * base);
  return out;
};
const fromLittle = (b) => BigInt(`0x${Buffer.from(b).reverse().toString('hex')}`);
const toLittle = (n) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse();

function parseShare(text) {
  const lines = text.trim().split('\n').map((l) => l.trim());
  const names = ['set', 'shares', 'threshold', 'index', 'share', 'sealed', 'check'];
  if (lines.length !== 8 || lines[0] !== 'clinivault-root-key-share-v1' || names.some((n, i) => !lines[i + 1].startsWith(`${n} `))) throw new Refused('format', 'share');
  const s = Object.fromEntries(names.map((n, i) => [n, lines[i + 1].slice(n.length + 1)]));
  if (sha256(ascii(lines.slice(0, 7).map((l) => `${l}\n`).join(''))).toString('hex').slice(0, 16) !== s.check) throw new Refused('sealed', 'share');
  return { ...s, x: BigInt(s.index), y: fromLittle(base64(s.share)) };
}

/** joinShares gives the key file that any threshold of shares brings back: section 9. */
export function joinShares(texts) {
  const shares = texts.map(parseShare).slice(0, Number(parseShare(texts[0]).threshold));
  const { set, shares: n, threshold, sealed } = shares[0];
  if (shares.length < Number(threshold) || shares.some((s) => s.set !== set || s.sealed !== sealed)) throw new Refused('truncated', 'too few shares of one set');
  const secret = shares.reduce((sum, a) => mod(sum + shares.filter((b) => b !== a)
    .reduce((t, b) => mod(t * mod(b.x) * inverse(b.x - a.x)), a.y)), 0n);
  const key = hkdf(toLittle(secret), ascii(set), ascii('clinivault/root-key-share/v1'), 32);
  return openSmall(key, list('clinivault/root-key-share/v1', set, n, threshold), base64(sealed));
}
