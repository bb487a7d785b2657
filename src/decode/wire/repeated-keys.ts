import type { Heap } from '../batch/heap.js';
import type { Source } from './source.js';

const slots = 4096;

/**
 * Tells cheaply that no key of an object was there before: each object of a depth stamps its keys' slots with a number
 * of its own. Two keys of one slot may be the same.
 */
export class RepeatedKeys {
  readonly #stamps: (Uint32Array | undefined)[] = [];
  readonly #objects: number[] = [];
  readonly #suspects: boolean[] = [];

  note(source: Source, pos: number, length: number, depth: number): void {
    const stamps = (this.#stamps[depth] ??= this.#begin(depth));
    const object = this.#objects[depth]!;
    const slot = hash(source, pos, length) & (slots - 1);
    if (stamps[slot] === object) this.#suspects[depth] = true;
    else stamps[slot] = object;
  }

  #begin(depth: number): Uint32Array {
    this.#objects[depth] = 1;
    this.#suspects[depth] = false;
    return new Uint32Array(slots);
  }

  /** Ends the object of this depth: whether two of its keys may be the same. */
  mayRepeat(depth: number): boolean {
    const object = this.#objects[depth];
    if (object === undefined) return false;
    if (object === 0xffff_ffff) this.#stamps[depth]?.fill(0);
    this.#objects[depth] = object === 0xffff_ffff ? 1 : object + 1;
    const suspect = this.#suspects[depth]!;
    this.#suspects[depth] = false;
    return suspect;
  }
}

/** Of the length and the outer bytes of a key; never of bytes beside it. */
function hash(source: Source, pos: number, length: number): number {
  let mixed = length;
  if (length >= 4) {
    const view = source.view;
    mixed ^= Math.imul(view.getInt32(pos, true), 0x9e3779b1);
    mixed ^= Math.imul(view.getInt32(pos + length - 4, true), 0x85ebca6b);
    // Keys of one namespace and one ending differ in the middle.
    if (length > 8) mixed ^= Math.imul(view.getInt32(pos + (length >> 1) - 2, true), 0xc2b2ae35);
  } else {
    for (let i = 0; i < length; i++) mixed = Math.imul(mixed ^ source.bytes[pos + i]!, 0x9e3779b1);
  }
  return mixed ^ (mixed >>> 15) ^ (mixed >>> 24);
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];

/** Takes members out whose key comes again later; the heap holds `,"key":value` of each from `start` on. */
export function dropRepeated(heap: Heap, start: number): void {
  const { bytes } = heap;
  const end = heap.length;
  const begins: number[] = [];
  const last = new Map<string, number>();
  for (let pos = start; pos < end;) {
    const key = endOfString(bytes, pos + 1);
    last.set(Buffer.from(bytes.buffer, bytes.byteOffset + pos, key - pos).toString('latin1'), begins.length);
    begins.push(pos);
    pos = endOfValue(bytes, key + 1, end);
  }
  if (last.size === begins.length) return;
  const kept = new Set(last.values());
  let out = start;
  for (const [i, from] of begins.entries()) {
    if (!kept.has(i)) continue;
    const to = begins[i + 1] ?? end;
    bytes.copyWithin(out, from, to);
    out += to - from;
  }
  heap.length = out;
}

/** After the closing quote of the string at `pos`. */
function endOfString(bytes: Uint8Array, pos: number): number {
  for (pos++; bytes[pos] !== quote; pos++) if (bytes[pos] === backslash) pos++;
  return pos + 1;
}

/** Where the comma of the next member is, or `end`. */
function endOfValue(bytes: Uint8Array, pos: number, end: number): number {
  let depth = 0;
  while (pos < end) {
    const byte = bytes[pos]!;
    if (byte === quote) {
      pos = endOfString(bytes, pos);
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === comma && depth === 0) return pos;
    pos++;
  }
  return end;
}
