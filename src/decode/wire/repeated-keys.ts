import { Char } from '../characters.js';
import type { StringArena } from '../batch/string-arena.js';
import type { Source } from './source.js';

/** Of the hash of a key. */
export const keySlots = 4096;

/**
 * Tells cheaply that no key of an object was there before: each object of a depth stamps its keys' slots with a number
 * of its own. Two keys of one slot may be the same.
 */
class Depth {
  readonly stamps = new Uint32Array(keySlots);
  object = 1;
  suspect = false;

  note(slot: number): void {
    if (this.stamps[slot] === this.object) this.suspect = true;
    else this.stamps[slot] = this.object;
  }

  /** Ends the object: whether two of its keys may be the same. */
  end(): boolean {
    if (++this.object > 0xffff_ffff) {
      this.stamps.fill(0);
      this.object = 1;
    }
    const suspect = this.suspect;
    this.suspect = false;
    return suspect;
  }
}

export class RepeatedKeys {
  readonly #top = new Depth();
  readonly #below: (Depth | undefined)[] = [];

  /** Gives the key's slot. */
  note(source: Source, pos: number, length: number, depth: number): number {
    const slot = hash(source, pos, length) & (keySlots - 1);
    if (depth === 0) this.#top.note(slot);
    else (this.#below[depth] ??= new Depth()).note(slot);
    return slot;
  }

  /** Ends the object of this depth: whether two of its keys may be the same. */
  mayRepeat(depth: number): boolean {
    if (depth === 0) return this.#top.end();
    return this.#below[depth]?.end() ?? false;
  }
}

/** Of the length and some bytes of a key, of its middle as well: keys of one namespace may end alike; never of bytes beside it. */
function hash(source: Source, pos: number, length: number): number {
  let mixed = length;
  if (length >= 4) {
    const { view } = source;
    mixed ^= Math.imul(view.getInt32(pos + length - 4, true), 0x85ebca6b);
    mixed ^= Math.imul(view.getInt32(pos + ((length - 4) >> 1), true), 0x9e3779b1);
  } else {
    for (let i = 0; i < length; i++) mixed = Math.imul(mixed ^ source.bytes[pos + i]!, 0x9e3779b1);
  }
  return mixed ^ (mixed >>> 17);
}

/** Takes members out whose key comes again later; the arena holds `,"key":value` of each from `start` on. */
export function dropRepeated(arena: StringArena, start: number): void {
  const { bytes } = arena;
  const end = arena.length;
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
  arena.length = out;
}

/** After the closing quote of the string at `pos`. */
function endOfString(bytes: Uint8Array, pos: number): number {
  for (pos++; bytes[pos] !== Char.quote; pos++) if (bytes[pos] === Char.backslash) pos++;
  return pos + 1;
}

/** Where the comma of the next member is, or `end`. */
function endOfValue(bytes: Uint8Array, pos: number, end: number): number {
  let depth = 0;
  while (pos < end) {
    const byte = bytes[pos]!;
    if (byte === Char.quote) {
      pos = endOfString(bytes, pos);
      continue;
    }
    if (byte === Char.openBrace || byte === Char.openBracket) depth++;
    else if (byte === Char.closeBrace || byte === Char.closeBracket) depth--;
    else if (byte === Char.comma && depth === 0) return pos;
    pos++;
  }
  return end;
}
