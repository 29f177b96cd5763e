// Backups: section 12 of vault/FORMAT.md. The age format (age-encryption.org/v1), for X25519 recipients, and the tar in it.
import { createHmac } from 'node:crypto';
import { Refused, ascii, base64, hkdf, openChaCha, sha256, text, u64, x25519 } from './bytes.mjs';

/** bech32 decodes the data of an age key (BIP 173, without its limit of 90 characters). */
export function bech32(s) {
  const lower = s.toLowerCase();
  const cut = lower.lastIndexOf('1');
  const prefix = lower.slice(0, cut);
  const values = [...lower.slice(cut + 1)].map((c) => 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.indexOf(c));
  let check = 1;
  for (const v of [...[...prefix].map((c) => c.charCodeAt(0) >> 5), 0, ...[...prefix].map((c) => c.charCodeAt(0) & 31), ...values]) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ v;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((g, i) => { if ((top >>> i) & 1) check ^= g; });
  }
  if (check !== 1 || cut < 1 || values.includes(-1)) throw new Refused('format', 'bech32');
  let [bits, have, out] = [0, 0, []];
  for (const v of values.slice(0, -6)) {
    [bits, have] = [(bits << 5) | v, have + 5];
    if (have >= 8) { have -= 8; out.push((bits >> have) & 255); bits &= (1 << have) - 1; }
  }
  return { prefix, data: Buffer.from(out) };
}

const unpadded = (s) => base64(s + '='.repeat((4 - (s.length % 4)) % 4));

/** openAge decrypts a whole age file with one X25519 identity. */
export function openAge(file, identity) {
  const { prefix, data: secret } = bech32(identity);
  if (prefix !== 'age-secret-key-') throw new Refused('format', 'identity');
  const end = file.indexOf('\n--- ');
  const lineEnd = file.indexOf('\n', end + 1);
  if (end < 0 || lineEnd < 0) throw new Refused('truncated', 'age header');
  const header = file.subarray(0, end + 4);
  const lines = header.toString('latin1').split('\n');
  if (lines[0] !== 'age-encryption.org/v1') throw new Refused('format', 'age version');
  let fileKey;
  for (let i = 1; i + 1 < lines.length && !fileKey; i++) {
    const m = /^-> X25519 (\S+)$/.exec(lines[i]);
    if (!m) continue;
    const share = unpadded(m[1]);
    const { shared, own } = x25519(secret, share);
    const key = hkdf(shared, Buffer.concat([share, own]), ascii('age-encryption.org/v1/X25519'), 32);
    try { fileKey = openChaCha(key, Buffer.alloc(12), unpadded(lines[i + 1])); } catch { /* for another recipient */ }
  }
  if (!fileKey) throw new Refused('sealed', 'not for this identity');
  const mac = createHmac('sha256', hkdf(fileKey, Buffer.alloc(0), ascii('header'), 32)).update(header).digest();
  if (!mac.equals(unpadded(file.subarray(end + 5, lineEnd).toString('latin1')))) throw new Refused('sealed', 'age header');
  const body = file.subarray(lineEnd + 1);
  const key = hkdf(fileKey, body.subarray(0, 16), ascii('payload'), 32);
  const out = [];
  for (let n = 0, at = 16; ; n++, at += 65552) { // chunks of 64 KiB and a tag; the nonce is u88 n ‖ u8 last
    const last = at + 65552 >= body.length;
    const nonce = Buffer.concat([Buffer.alloc(3), u64(n), Buffer.from([last ? 1 : 0])]);
    if (body.length - at < 16) throw new Refused('truncated', 'age payload');
    out.push(openChaCha(key, nonce, body.subarray(at, at + 65552)));
    if (last) return Buffer.concat(out);
  }
}

/** tarParts yields the files of a tar (POSIX.1-2001) with their PAX records. */
export function* tarParts(tar) {
  const field = (at, size) => tar.subarray(at, at + size).toString('latin1').replace(/\0.*$/s, '');
  let records = {};
  for (let at = 0; at + 512 <= tar.length;) {
    if (tar.subarray(at, at + 512).every((b) => b === 0)) return;
    const size = Number(records.size ?? parseInt(field(at + 124, 12), 8));
    const content = tar.subarray(at + 512, at + 512 + size);
    const type = field(at + 156, 1);
    const name = records.path ?? (field(at + 345, 155) ? `${field(at + 345, 155)}/${field(at, 100)}` : field(at, 100));
    at += 512 + 512 * Math.ceil(size / 512);
    if (type === 'x') {
      records = {};
      for (let r = 0; r < content.length;) {
        const length = parseInt(content.subarray(r, r + 20).toString('latin1'), 10);
        const record = content.subarray(r, r + length - 1).toString('utf8').replace(/^\d+ /, '');
        records[record.slice(0, record.indexOf('='))] = record.slice(record.indexOf('=') + 1);
        r += length;
      }
      continue;
    }
    yield { name, content, digest: records['CLINIVAULT.sha256'] };
    records = {};
  }
}

/** openBackup returns the head and the parts of a backup that is whole. */
export function openBackup(file, identity) {
  const parts = [...tarParts(openAge(file, identity))];
  const chain = [];
  for (const p of parts.slice(0, -1)) {
    const sum = sha256(p.content);
    if (sum.toString('hex') !== p.digest) throw new Refused('sealed', `part ${p.name}`);
    chain.push(text(p.name), u64(p.content.length), sum);
  }
  const objects = parts.filter((p) => p.name.startsWith('objects/'));
  if (parts.at(-1)?.name !== 'end.json' || parts[0].name !== 'backup.json') throw new Refused('truncated', 'backup');
  const [head, end] = [JSON.parse(parts[0].content), JSON.parse(parts.at(-1).content)];
  const bytes = objects.reduce((n, p) => n + p.content.length, 0);
  if (head.format !== 'clinivault-backup-v1' || end.chain !== sha256(...chain).toString('hex') || end.objects !== objects.length || end.bytes !== bytes) {
    throw new Refused('sealed', 'end of the backup');
  }
  return { head, end, parts };
}
