// An independent reader of the packets in api/uplink/PROTOCOL.md, written from that document alone. Used by the tests only.
//
//   node scripts/uplink-reader.mjs FILE    the vectors of section 11 (api/uplink/testdata/packets.json)
//
// It prints how many it read and refused, and ends with 1 when one was read differently, or not refused.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

class Refused extends Error {}

/** A Cursor reads a packet from its beginning. */
class Cursor {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  take(n) {
    if (n > this.left) throw new Refused('truncated');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  uint(size) {
    return BigInt(`0x${this.take(size).toString('hex')}`);
  }

  varint(most = (1n << 62n) - 1n, least = 0n) {
    const first = this.bytes[this.at];
    if (first === undefined) throw new Refused('truncated');
    const size = 1 << (first >> 6);
    const value = this.uint(size) & ((1n << BigInt(8 * size - 2)) - 1n);
    if (value > most || value < least) throw new Refused('bound');
    return value;
  }

  block(most) {
    return this.take(Number(this.varint(BigInt(most)))).toString('hex');
  }

  hex(n) {
    return this.take(n).toString('hex');
  }

  stream() {
    return String(this.varint((1n << 32n) - 1n));
  }

  millis() {
    return String(this.varint(3_600_000n));
  }
}

function ack(c) {
  const largest = c.varint();
  const delay = c.varint(3_600_000_000n);
  const count = c.varint(255n);
  const length = c.varint(largest);
  let low = largest - length;
  const ranges = [[String(low), String(largest)]];
  for (let i = 0n; i < count; i++) {
    const high = low - c.varint() - 2n;
    low = high - c.varint();
    if (high < 0n || low < 0n) throw new Refused('bound');
    ranges.push([String(low), String(high)]);
  }
  return { delay: String(delay), ranges };
}

function challenge(c) {
  const moved = c.uint(1);
  if (moved > 1n) throw new Refused('bound');
  return { moved: String(moved), nonce: c.hex(16) };
}

/** The frames of section 4 by their type. */
const frames = new Map([
  [0x01, ['PING', () => ({})]],
  [0x02, ['ACK', ack]],
  [0x03, ['HELLO', (c) => ({ versions: Array.from({ length: Number(c.varint(16n, 1n)) }, () => String(c.uint(2))) })]],
  [0x04, ['WELCOME', (c) => ({ version: String(c.uint(2)), largest: String(c.varint()), idle: c.millis() })]],
  [0x05, ['OFFER', (c) => ({ stream: c.stream(), id: c.hex(16), digest: c.hex(32), size: String(c.varint(undefined, 1n)), token: c.block(512) })]],
  [0x06, ['ACCEPT', (c) => ({ stream: c.stream(), limit: String(c.varint()), held: c.block(800) })]],
  [0x07, ['WINDOW', (c) => ({ stream: c.stream(), limit: String(c.varint()) })]],
  [0x08, ['DATA', (c) => ({ stream: c.stream(), offset: String(c.varint()), bytes: c.block(1180) })]],
  [0x09, ['RECEIPT', (c) => ({ stream: c.stream(), offset: String(c.varint()), total: String(c.varint(16384n, 1n)), bytes: c.block(1180) })]],
  [0x0a, ['REFUSE', (c) => ({ stream: c.stream(), code: String(c.uint(2)), retry: c.millis(), sentence: c.block(256) })]],
  [0x0b, ['ABANDON', (c) => ({ stream: c.stream() })]],
  [0x0c, ['PATH_CHALLENGE', challenge]],
  [0x0d, ['PATH_RESPONSE', (c) => ({ nonce: c.hex(16) })]],
  [0x0e, ['CLOSE', (c) => ({ code: String(c.uint(2)) })]],
]);

/** read takes a packet apart, wholly or not at all. */
function read(bytes) {
  const c = new Cursor(bytes);
  const number = String(c.varint());
  const list = [];
  while (c.left > 0) {
    const known = frames.get(Number(c.uint(1)));
    if (!known) throw new Refused('type');
    list.push({ frame: known[0], ...known[1](c) });
  }
  if (list.length === 0) throw new Refused('empty');
  return { number, frames: list };
}

const { packets, refused } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const p of packets) {
  const got = read(Buffer.from(p.packet, 'hex'));
  if (!isDeepStrictEqual(got, { number: p.number, frames: p.frames })) {
    console.error(`${p.name}: got ${JSON.stringify(got)}`);
    process.exit(1);
  }
}
for (const p of refused) {
  try {
    read(Buffer.from(p.packet, 'hex'));
  } catch (err) {
    if (err instanceof Refused) continue;
    throw err;
  }
  console.error(`${p.name}: was read`);
  process.exit(1);
}
console.log(JSON.stringify({ read: packets.length, refused: refused.length }));
