import { Char } from '../characters.js';
import { freeMemory, Held, type Memory } from '../memory.js';
import type { Budget } from './budget.js';
import type { Source } from '../wire/source.js';

const slack = 16;
const chunkBytes = 4096;
const keepBytes = 16 * 1024 * 1024;
/** From here on the engine's own copy beats a loop of words. */
const bulkBytes = 256;

/** 0: as is; `u`: \u00XX; else the character after the backslash. RFC 8259, section 7. */
const escapes = new Uint8Array(256);
escapes.fill(0x75, 0, 0x20);
for (const [char, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\']) {
  escapes[char!.charCodeAt(0)] = letter!.charCodeAt(0);
}
const hexDigits = Uint8Array.from('0123456789abcdef', (c) => c.charCodeAt(0));
/** Two lower-case hex digits for each byte, as a little-endian u16. */
const hexPairs = Uint16Array.from({ length: 256 }, (_, b) => hexDigits[b >> 4]! | (hexDigits[b & 15]! << 8));
const commaQuote = Char.comma | (Char.quote << 8);
const quoteColon = Char.quote | (Char.colon << 8);
/** Keeps the first n bytes of a little-endian word. */
const keep = Int32Array.of(0, 0xff, 0xffff, 0xffffff);
const filler = Int32Array.of(0x61616161, 0x61616100, 0x61610000, 0x61000000);

/** Bytes that a batch's strings point into; grows at its end, and is cut back when a record is rejected. */
export class StringArena {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024 * 1024);
  view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  length = 0;
  /** The text under way may not grow past this. */
  #limit = 0xffff_0000;

  readonly #held: Held;

  constructor(
    private readonly budget: Budget,
    memory: Memory = freeMemory,
  ) {
    this.#held = new Held(memory);
  }

  /** What is written from here on is the text of one record, or of what several share. Gives where it begins. */
  begin(): number {
    this.#limit = this.length + this.budget.recordBytes;
    return this.length;
  }

  /** The text that `begin` began is complete: the exact check, whatever the room was. */
  check(): void {
    if (this.length > this.#limit) this.budget.tooManyBytes();
  }

  /** Makes room for `count` bytes more. Replaces `bytes` and `view`. */
  reserve(count: number): void {
    if (this.length + count + slack > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    this.check();
    const size = Math.max(this.bytes.length * 2, this.length + count + slack);
    this.#held.grow(size);
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Empties the arena; gives memory back after an unusually large batch. */
  reset(): void {
    this.length = 0;
    this.#held.release();
    if (this.bytes.length <= keepBytes) return;
    this.bytes = new Uint8Array(1024 * 1024);
    this.view = new DataView(this.bytes.buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Copies as is. */
  copy(source: Source, pos: number, length: number): void {
    if (length > bulkBytes) this.fits(length);
    this.reserve(length);
    const out = this.length;
    this.length = out + length;
    if (length > bulkBytes) {
      this.bytes.set(source.bytes.subarray(pos, pos + length), out);
      return;
    }
    const from = source.view;
    const to = this.view;
    // Whole words: the last one may copy up to three bytes too many, which the slack allows.
    for (let i = 0; i < length; i += 4) to.setInt32(out + i, from.getInt32(pos + i, true), true);
  }

  append(bytes: Uint8Array): void {
    this.fits(bytes.length);
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Before room is made for `count` bytes at once. */
  fits(count: number): void {
    if (this.length + count > this.#limit) this.budget.tooManyBytes();
  }

  /** Text of the program's own, or digits; ASCII without anything to escape. */
  ascii(text: string): void {
    const length = text.length;
    this.reserve(length);
    const bytes = this.bytes;
    const out = this.length;
    for (let i = 0; i < length; i++) bytes[out + i] = text.charCodeAt(i);
    this.length = out + length;
  }

  /** Bytes as lower-case hex digits. */
  hex(source: Source, pos: number, length: number): void {
    this.reserve(length * 2);
    const from = source.bytes;
    const to = this.view;
    let out = this.length;
    for (let i = 0; i < length; i++, out += 2) to.setUint16(out, hexPairs[from[pos + i]!]!, true);
    this.length = out;
  }

  /** A JSON string, quotes included. */
  jsonString(source: Source, pos: number, length: number): void {
    if (length > chunkBytes) this.fits(length);
    if (source.careful) {
      pos = source.repair(pos, length);
      length = source.to - pos;
    }
    this.byte(Char.quote);
    while (length > chunkBytes) {
      this.reserve(chunkBytes * 6);
      this.length = this.#escaped(source, pos, chunkBytes, this.length);
      pos += chunkBytes;
      length -= chunkBytes;
    }
    this.reserve(length * 6 + 1);
    const end = this.#escaped(source, pos, length, this.length);
    this.bytes[end] = Char.quote;
    this.length = end + 1;
  }

  /** `,"key":` of a short key. */
  memberName(source: Source, pos: number, length: number): void {
    this.reserve(length * 6 + 4);
    const start = this.length;
    this.view.setUint16(start, commaQuote, true);
    const end = this.#escaped(source, pos, length, start + 2);
    this.view.setUint16(end, quoteColon, true);
    this.length = end + 2;
  }

  /** A short JSON string. */
  shortString(source: Source, pos: number, length: number): void {
    this.reserve(length * 6 + 2);
    const start = this.length;
    this.bytes[start] = Char.quote;
    const end = this.#escaped(source, pos, length, start + 1);
    this.bytes[end] = Char.quote;
    this.length = end + 1;
  }

  /** Into room made before, six bytes for each; gives the end. */
  #escaped(source: Source, pos: number, length: number, out: number): number {
    const from = source.view;
    const to = this.view;
    const stop = pos + length;
    const words = stop - 3;
    while (pos < words) {
      const word = from.getInt32(pos, true);
      if (hasSpecial(word)) {
        out = this.#escapeBytes(word, 4, out);
      } else {
        to.setInt32(out, word, true);
        out += 4;
      }
      pos += 4;
    }
    const rest = stop - pos;
    if (rest > 0) {
      const word = (from.getInt32(pos, true) & keep[rest]!) | filler[rest]!;
      if (hasSpecial(word)) {
        out = this.#escapeBytes(word, rest, out);
      } else {
        to.setInt32(out, word, true);
        out += rest;
      }
    }
    return out;
  }

  #escapeBytes(word: number, count: number, out: number): number {
    const bytes = this.bytes;
    for (; count > 0; count--, word >>>= 8) {
      const byte = word & 255;
      const escape = escapes[byte]!;
      if (escape === 0) {
        bytes[out++] = byte;
      } else {
        bytes[out++] = Char.backslash;
        bytes[out++] = escape;
        if (escape === 0x75) {
          bytes[out++] = 0x30;
          bytes[out++] = 0x30;
          bytes[out++] = hexDigits[byte >> 4]!;
          bytes[out++] = hexDigits[byte & 15]!;
        }
      }
    }
    return out;
  }

  /** Bytes as a base64 string, without quotes. */
  base64(source: Source, pos: number, length: number): void {
    this.fits(Math.ceil(length / 3) * 4);
    this.ascii(Buffer.from(source.bytes.buffer, pos, length).toString('base64'));
  }

  /** Decimal digits of a signed 64-bit integer. */
  int64(lo: number, hi: number): void {
    if (hi < 0) {
      this.byte(Char.minus);
      lo = -lo | 0;
      hi = lo === 0 ? -hi | 0 : ~hi;
    }
    this.uint64(lo, hi);
  }

  /** Decimal digits of an unsigned 64-bit integer. */
  uint64(lo: number, hi: number): void {
    if (hi === 0) {
      this.#uint32(lo >>> 0);
      return;
    }
    // Long division by 1e9 in steps of 16 bits, each exact in a double.
    const high = hi >>> 0;
    const q2 = Math.floor(high / 1e9);
    let rest = (high - q2 * 1e9) * 65536 + (lo >>> 16);
    const q1 = Math.floor(rest / 1e9);
    rest = (rest - q1 * 1e9) * 65536 + (lo & 0xffff);
    const q0 = Math.floor(rest / 1e9);
    rest -= q0 * 1e9;
    const quotient = (q2 * 65536 + q1) * 65536 + q0;
    if (quotient >= 1e9) {
      const top = Math.floor(quotient / 1e9);
      this.#uint32(top);
      this.#nineDigits(quotient - top * 1e9);
    } else {
      this.#uint32(quotient);
    }
    this.#nineDigits(rest);
  }

  #uint32(value: number): void {
    this.reserve(10);
    let count = 1;
    for (let limit = 10; count < 10 && value >= limit; limit *= 10) count++;
    this.#digits(value, count);
  }

  #nineDigits(value: number): void {
    this.reserve(9);
    this.#digits(value, 9);
  }

  #digits(value: number, count: number): void {
    const bytes = this.bytes;
    const out = this.length;
    this.length = out + count;
    let rest = value >>> 0;
    for (let i = out + count - 1; i >= out; i--) {
      const next = (rest / 10) >>> 0;
      bytes[i] = 48 + rest - next * 10;
      rest = next;
    }
  }

  #thousandths(value: number): void {
    const whole = Math.floor(value / 1000);
    const fraction = value - whole * 1000;
    const high = Math.floor(whole / 1e9);
    if (high > 0) {
      this.#uint32(high);
      this.#nineDigits(whole - high * 1e9);
    } else {
      this.#uint32(whole);
    }
    if (fraction === 0) return;
    this.byte(Char.point);
    this.reserve(3);
    this.#digits(fraction, 3);
    while (this.bytes[this.length - 1] === 0x30) this.length--;
  }

  /** A JSON number, or for a value JSON has no number for, its name in `quote`s. */
  double(value: number, quote: '"' | ''): void {
    const magnitude = Math.abs(value);
    const thousandths = Math.round(magnitude * 1000);
    // A decimal of at most 15 digits that gives back the value is the shortest text for it.
    if (thousandths < 1e15 && thousandths / 1000 === magnitude && !Object.is(value, -0)) {
      if (value < 0) this.byte(Char.minus);
      this.#thousandths(thousandths);
    } else if (Number.isFinite(value)) this.ascii(Object.is(value, -0) ? '-0' : String(value));
    else this.ascii(quote + String(value) + quote);
  }
}

/** True when one of the word's four bytes is a control character, a quote or a backslash (exact: no false alarms matter). */
function hasSpecial(word: number): boolean {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  return (
    ((((word - 0x20202020) & ~word) |
      ((quote - 0x01010101) & ~quote) |
      ((backslash - 0x01010101) & ~backslash)) &
      0x80808080) !==
    0
  );
}
