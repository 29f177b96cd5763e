// The audit log: checkpoints, proofs, certificates and exports. Sections 8, 10 and 11 of vault/FORMAT.md.
import { Refused, ascii, base64, sha256, u8, verifyEd25519 } from './bytes.mjs';
import { keyID, strictJSON } from './sealed.mjs';

const leaf = (entry) => sha256(u8(0), Buffer.from(entry, 'utf8'));
const node = (left, right) => sha256(u8(1), left, right);

/** canonical is RFC 8785 for values whose texts are printable ASCII. */
export function canonical(v) {
  if (Array.isArray(v)) return `[${v.map(canonical).join(',')}]`;
  if (v !== null && typeof v === 'object') return `{${Object.keys(v).sort().map((k) => `${JSON.stringify(k)}:${canonical(v[k])}`).join(',')}}`;
  return JSON.stringify(v);
}

/** parseVerifier reads name+hash+key of golang.org/x/mod/sumdb/note: the key is 0x01 ‖ Ed25519, the hash the first four
 * bytes of SHA-256(name ‖ "\n" ‖ key). */
export function parseVerifier(verifier) {
  const m = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/.exec(verifier);
  const key = m && base64(m[3]);
  if (!m || key.length !== 33 || key[0] !== 1 || sha256(ascii(`${m[1]}\n`), key).subarray(0, 4).toString('hex') !== m[2]) throw new Refused('format', 'verifier key');
  return { name: m[1], hash: m[2], key: key.subarray(1) };
}

/** signedBy returns the text of a note that every one of the verifiers signed. */
function signedBy(note, verifiers) {
  const cut = note.indexOf('\n\n');
  if (cut < 0) throw new Refused('format', 'note');
  const text = note.slice(0, cut + 1);
  const lines = note.slice(cut + 2).split('\n');
  if (lines.pop() !== '') throw new Refused('format', 'note');
  for (const v of verifiers) {
    const sigs = lines.map((l) => /^\u2014 (\S+) (\S+)$/.exec(l)).filter((m) => m && m[1] === v.name)
      .map((m) => base64(m[2])).filter((sig) => sig.subarray(0, 4).toString('hex') === v.hash);
    if (sigs.length !== 1) throw new Refused('signature', 'note of another key');
    verifyEd25519(v.key, Buffer.from(text, 'utf8'), sigs[0].subarray(4));
  }
  return text;
}

/** keyChain joins the handovers of a log, oldest first; trusted may be any key of the chain. Each link says up to which
 * size of the log its key signs. */
export function keyChain(trusted, handovers = []) {
  const links = [];
  for (const note of handovers) {
    const [origin, word, size, root, , old, next] = note.split('\n');
    const pair = [parseVerifier(old), parseVerifier(next)];
    signedBy(note, pair);
    if (word !== 'handover' || pair.some((v) => v.name !== origin)) throw new Refused('format', 'handover');
    if (links.length === 0) links.push({ verifier: old, last: Infinity, ...pair[0] });
    if (links.at(-1).verifier !== old) throw new Refused('signature', 'handover of another log');
    if (links.length > 1 && Number(size) < links.at(-2).last) throw new Refused('format', 'handovers out of order');
    Object.assign(links.at(-1), { last: Number(size), root: base64(root) });
    links.push({ verifier: next, last: Infinity, ...pair[1] });
  }
  if (links.length === 0) links.push({ verifier: trusted, last: Infinity, ...parseVerifier(trusted) });
  if (!links.some((l) => l.verifier === trusted)) throw new Refused('signature', 'the handovers do not lead to the trusted key');
  return links;
}

/** openCheckpoint reads origin, size, root and time, signed by the key that was the log's at that size. */
export function openCheckpoint(note, chain) {
  const by = chain.find((l) => Number(note.split('\n')[1]) <= l.last) ?? chain.at(-1);
  const [origin, size, root, at, end, ...more] = signedBy(note, [by]).split('\n');
  if (more.length || end !== '' || origin !== by.name || !/^[1-9][0-9]*$/.test(size) || Number.isNaN(Date.parse(at))) throw new Refused('format', 'checkpoint');
  if (chain.some((l) => l.last === Number(size) && !l.root.equals(base64(root)))) throw new Refused('sealed', 'checkpoint beside a handover');
  return { size: Number(size), root: base64(root), at, by };
}

/** rootFrom walks an audit path (RFC 6962, 2.1.1) from leaf number index, from 0, in a tree of size leaves. */
export function rootFrom(hash, index, size, path) {
  let [at, last, h] = [index, size - 1, hash];
  for (const p of path) {
    if (last === 0) throw new Refused('format', 'proof too long');
    if (at % 2 === 1 || at === last) {
      h = node(p, h);
      while (at % 2 === 0 && at !== 0) [at, last] = [at >> 1, last >> 1];
    } else {
      h = node(h, p);
    }
    [at, last] = [at >> 1, last >> 1];
  }
  if (last !== 0) throw new Refused('format', 'proof too short');
  return h;
}

/** verifyCertificate checks a signed document with its proof: sections 8 and 11. domain, act and the member of the event's
 * detail that holds the digest say which. handovers are those of the whole log, for a verifier newer than the proof. */
export function verifyCertificate(raw, pub, logVerifier, kind, handovers = []) {
  const c = strictJSON(raw, JSON.parse(raw).proof === undefined ? ['certificate', 'key', 'key_id', 'signature'] : ['certificate', 'key', 'key_id', 'signature', 'proof']);
  const text = Buffer.from(canonical(c.certificate), 'utf8');
  if (!base64(c.key).equals(pub) || c.key_id !== keyID(pub)) throw new Refused('signature', 'of another key');
  verifyEd25519(pub, Buffer.concat([ascii(kind.domain), text]), base64(c.signature));
  if ((c.proof === undefined) !== (c.certificate.log_origin === '')) throw new Refused('format', 'proof');
  if (c.proof === undefined) return c;
  const p = c.proof;
  const says = openCheckpoint(p.checkpoint, keyChain(logVerifier, handovers.length ? handovers : p.handovers));
  if (p.verifier !== says.by.verifier || says.by.name !== c.certificate.log_origin || says.size !== p.size) throw new Refused('signature', 'checkpoint');
  if (!rootFrom(leaf(p.entry), p.seq - 1, p.size, (p.hashes ?? []).map(base64)).equals(says.root)) throw new Refused('sealed', 'not in the log');
  const e = JSON.parse(p.entry);
  if (e.seq !== p.seq || p.seq !== c.certificate.log_position || e.act !== kind.act || e.outcome !== 'ok' ||
    e.detail?.[kind.detail ?? 'certificate'] !== sha256(text).toString('hex') || (kind.photo && e.photo !== c.certificate.photo) || (kind.object && e.object !== c.certificate[kind.object])) throw new Refused('sealed', 'event of another certificate');
  return c;
}

/** commits tells whether a commitment is to these bytes. */
export const commits = (commitment, salt, file) => sha256(Buffer.from(salt, 'hex'), file).toString('hex') === commitment;

/** verifyExport recomputes an exported log and returns its size: section 10. */
export function verifyExport(raw, verifier) {
  const lines = raw.split('\n');
  if (lines.pop() !== '') throw new Refused('truncated', 'export');
  const head = JSON.parse(lines.shift());
  const chain = keyChain(verifier, head.handovers);
  if (head.format !== 'clinivault-audit-v1' || head.origin !== chain[0].name) throw new Refused('format', 'export');
  let [seq, covered, subtrees] = [0, 0, []]; // full subtrees, largest first
  const treeRoot = () => subtrees.map((s) => s.hash).reduceRight((right, left) => (right === null ? left : node(left, right)), null);
  for (const line of lines.map((l) => JSON.parse(l))) {
    if (line.note !== undefined) {
      const says = openCheckpoint(line.note, chain);
      if (says.size !== seq || !treeRoot().equals(says.root)) throw new Refused('sealed', `checkpoint after event ${seq}`);
      covered = seq;
      continue;
    }
    const hash = leaf(line.entry);
    if (line.seq !== ++seq || JSON.parse(line.entry).seq !== seq || !base64(line.hash).equals(hash)) throw new Refused('sealed', `event ${seq}`);
    subtrees.push({ size: 1, hash });
    while (subtrees.length > 1 && subtrees.at(-1).size === subtrees.at(-2).size) {
      const [right, left] = [subtrees.pop(), subtrees.pop()];
      subtrees.push({ size: 2 * left.size, hash: node(left.hash, right.hash) });
    }
    if (chain.some((l) => l.last === seq && !l.root.equals(treeRoot()))) throw new Refused('sealed', `handover after event ${seq}`);
  }
  if (seq !== head.size || covered !== seq || chain.some((l) => l.last !== Infinity && l.last > seq)) throw new Refused('truncated', 'export');
  return seq;
}
