import type { HashSet } from './hash-set.js';
import { mixed } from './mixed.js';

/**
 * A binary fuse filter (Graf and Lemire, 2022): the three places of a hash, which lie in segments that follow each other, hold together its
 * print. Of the hashes that are not there one of 4,096 seems to be, for 14 bits each; a Bloom filter would take 17.
 */
export interface FuseShape {
  readonly seed: number;
  /** Places of a segment, a power of two, and how many segments a hash may begin in. */
  readonly segment: number;
  readonly segments: number;
}

interface Fuse {
  readonly bytes: Uint8Array;
  readonly shape: FuseShape;
}

const printBits = 12;
const printMask = 2 ** printBits - 1;
const places = 3;
const largestSegment = 2 ** 18;
/** With one seed it nearly always comes out. */
const tries = 20;

/** Null where it does not come out, or would be larger than `mostBytes`. */
export function fuseOf(hashes: HashSet, mostBytes: number): Fuse | null {
  const { segment, segments } = sizesFor(hashes.size);
  const count = (segments + places - 1) * segment;
  if (bytesFor(count) > mostBytes) return null;
  try {
    for (let seed = 1; seed <= tries; seed++) {
      const shape = { seed, segment, segments };
      const order = peeled(hashes, shape, count);
      if (order !== null) return { bytes: filled(order, shape, count), shape };
    }
    return null;
  } finally {
    scratch.spare();
  }
}

export function fuseMayHave({ bytes, shape }: Fuse, hash: number): boolean {
  const at = placesOf(hash, shape);
  return (printAt(bytes, at.a) ^ printAt(bytes, at.b) ^ printAt(bytes, at.c)) === at.print;
}

/** As the authors found them to be best for three places. */
function sizesFor(size: number): { segment: number; segments: number } {
  if (size < 2) return { segment: 4, segments: 1 };
  const segment = Math.min(largestSegment, 2 ** Math.floor(Math.log(size) / Math.log(3.33) + 2.25));
  const room = Math.max(1.125, 0.875 + (0.25 * Math.log(1e6)) / Math.log(size));
  return { segment, segments: Math.max(1, Math.ceil((size * room) / segment) - (places - 1)) };
}

function bytesFor(count: number): number {
  return Math.ceil((count * printBits) / 8);
}

const at = { a: 0, b: 0, c: 0, print: 0 };

/** Of one hash at a time. */
function placesOf(hash: number, { seed, segment, segments }: FuseShape): typeof at {
  const first = mixed(hash ^ Math.imul(seed, 0x9e3779b1));
  const second = mixed(first ^ 0x7f4a7c15);
  at.a = Math.floor((first * segments * segment) / 2 ** 32);
  at.b = (at.a + segment) ^ (second & (segment - 1));
  at.c = (at.a + 2 * segment) ^ ((second >>> 14) & (segment - 1));
  at.print = mixed(second ^ 0x2545f491) & printMask;
  return at;
}

/** 8 MiB: enough for a quarter of a million hashes. */
const mostKeptWords = 2 ** 21;

/**
 * Used again by each filter: what is left to the collector piles up, as it sees little reason to run for buffers, and a row group's take a
 * hundred times what becomes of them.
 */
class Scratch {
  #words = new Uint32Array(0);
  #taken = 0;

  /** Forgets what was taken, and has room for as many words. */
  reset(words: number): void {
    if (this.#words.length < words) this.#words = new Uint32Array(words);
    this.#taken = 0;
  }

  /** What was taken is of no use any more; more than most filters need is given back. */
  spare(): void {
    if (this.#words.length > mostKeptWords) this.#words = new Uint32Array(0);
  }

  /** Not zeroed. */
  take(words: number): Uint32Array {
    return this.#words.subarray(this.#taken, (this.#taken += words));
  }
}

const scratch = new Scratch();

interface Peeled {
  /** Each has a place that none of those before it has. */
  readonly hashes: Uint32Array;
  readonly places: Uint32Array;
}

/** Takes away one hash after the other that is alone in a place; null when some are left. */
function peeled(hashes: HashSet, shape: FuseShape, count: number): Peeled | null {
  scratch.reset(4 * count + 2 * hashes.size);
  const [held, together, alone] = [scratch.take(count), scratch.take(count), scratch.take(count)];
  held.fill(0);
  together.fill(0);
  const change = (place: number, by: 1 | -1, hash: number) => {
    held[place] = (held[place] as number) + by;
    together[place] = (together[place] as number) ^ hash;
  };
  hashes.each((hash) => {
    const { a, b, c } = placesOf(hash, shape);
    change(a, 1, hash);
    change(b, 1, hash);
    change(c, 1, hash);
  });
  // A place is alone once.
  let waiting = 0;
  const wait = (place: number) => {
    if (held[place] === 1) alone[waiting++] = place;
  };
  for (let place = 0; place < count; place++) wait(place);
  const order = { hashes: scratch.take(hashes.size), places: scratch.take(hashes.size) };
  let taken = 0;
  while (waiting > 0) {
    const place = alone[--waiting] as number;
    if (held[place] !== 1) continue;
    const hash = together[place] as number;
    order.hashes[taken] = hash;
    order.places[taken] = place;
    taken++;
    const { a, b, c } = placesOf(hash, shape);
    change(a, -1, hash);
    change(b, -1, hash);
    change(c, -1, hash);
    wait(a);
    wait(b);
    wait(c);
  }
  return taken === hashes.size ? order : null;
}

function filled(order: Peeled, shape: FuseShape, count: number): Uint8Array {
  const prints = scratch.take(count).fill(0);
  for (let i = order.hashes.length - 1; i >= 0; i--) {
    const { a, b, c, print } = placesOf(order.hashes[i] as number, shape);
    // The place of its own is empty still.
    prints[order.places[i] as number] =
      print ^ (prints[a] as number) ^ (prints[b] as number) ^ (prints[c] as number);
  }
  const bytes = new Uint8Array(bytesFor(count));
  for (let place = 0; place < count; place++) {
    const print = prints[place] as number;
    const byte = (place * 3) >> 1;
    const shifted = place % 2 === 0 ? print : print << 4;
    bytes[byte] = (bytes[byte] as number) | (shifted & 0xff);
    bytes[byte + 1] = (bytes[byte + 1] as number) | (shifted >> 8);
  }
  return bytes;
}

/** Two are in three bytes. */
function printAt(bytes: Uint8Array, place: number): number {
  const byte = (place * 3) >> 1;
  const both = (bytes[byte] as number) | ((bytes[byte + 1] as number) << 8);
  return place % 2 === 0 ? both & printMask : both >> 4;
}
