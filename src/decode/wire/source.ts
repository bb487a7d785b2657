import { isUtf8 } from 'node:buffer';
import { malformed } from '../errors.js';
import { freeMemory, Held, type Memory } from '../memory.js';

/** Readable zero bytes behind the payload, so that the hot loops need no bounds check for each byte or word. */
const slack = 16;
const keepBytes = 16 * 1024 * 1024;

/**
 * The bytes of one decompressed payload and the primitives of protobuf's wire format. A primitive returns the
 * position after what it read and leaves its value in a field, so that nothing is allocated. Each checks
 * against `end`, the end of the enclosing message, and throws PayloadError 'malformed'.
 */
export class Source {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256 * 1024);
  view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  length = 0;
  /** Low and high 32 bits of the last varint. */
  lo = 0;
  hi = 0;
  /** End of the length-delimited field that `open` entered. */
  to = 0;
  /** Strings with invalid UTF-8 are to be repaired when they are read; see `repair`. */
  careful = false;
  #used = 0;
  #text = Buffer.from(this.bytes.buffer);

  load(body: Uint8Array): void {
    this.#reserve(body.length);
    this.bytes.set(body);
    this.#sealAt(body.length);
  }

  /** Takes over what was written directly into `bytes`. */
  #sealAt(length: number): void {
    this.bytes.fill(0, length, length + slack);
    this.length = length;
    this.#used = length + slack;
    this.careful = false;
  }

  #reserve(length: number): void {
    if (length + slack <= this.bytes.length) return;
    this.#held.grow(length + slack);
    this.#replace(new Uint8Array(length + slack));
  }

  readonly #held: Held;

  constructor(memory: Memory = freeMemory) {
    this.#held = new Held(memory);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.#text = Buffer.from(bytes.buffer);
  }

  /** Gives memory back after an unusually large payload. */
  release(): void {
    this.length = 0;
    this.#held.release();
    if (this.bytes.length > keepBytes) this.#replace(new Uint8Array(256 * 1024));
  }

  varint(pos: number, end: number): number {
    const bytes = this.bytes;
    let byte = bytes[pos++]!;
    let lo = byte & 127;
    let hi = 0;
    let shift = 7;
    while (byte > 127) {
      if (shift > 63) throw malformed(`varint longer than 10 bytes at byte ${pos}`);
      byte = bytes[pos++]!;
      const part = byte & 127;
      if (shift < 28) lo |= part << shift;
      else if (shift === 28) {
        lo |= part << 28;
        hi = part >>> 4;
      } else hi |= part << (shift - 32);
      shift += 7;
    }
    if (pos > end) throw truncated(pos);
    this.lo = lo;
    this.hi = hi;
    return pos;
  }

  /** Reads a tag into `lo`. */
  tag(pos: number, end: number): number {
    const next = this.varint(pos, end);
    if (this.hi !== 0) throw malformed(`field number out of range at byte ${pos}`);
    return next;
  }

  /** Enters a length-delimited field: returns where its content starts, `to` is where it ends. */
  open(pos: number, end: number): number {
    let length = this.bytes[pos++]!;
    if (length > 127) {
      pos = this.varint(pos - 1, end);
      if (this.hi !== 0) throw tooLong(pos);
      length = this.lo >>> 0;
    }
    if (length > end - pos) throw tooLong(pos);
    this.to = pos + length;
    return pos;
  }

  /** Skips the value of an unknown field; `tag` was just read. */
  skip(pos: number, end: number, tag: number): number {
    if (tag >>> 3 === 0) throw malformed(`field number 0 at byte ${pos}`);
    switch (tag & 7) {
      case 0:
        return this.varint(pos, end);
      case 1:
        pos += 8;
        break;
      case 2:
        this.open(pos, end);
        return this.to;
      case 5:
        pos += 4;
        break;
      default:
        throw malformed(`wire type ${tag & 7} at byte ${pos} is not supported`);
    }
    if (pos > end) throw truncated(pos);
    return pos;
  }

  /** A string as a JS value; for rare fields only. */
  text(pos: number, length: number): string {
    return this.#text.toString('utf8', pos, pos + length);
  }

  /** One character a byte: cheap, and different for different bytes, so fit for a key. */
  key(pos: number, length: number): string {
    return this.#text.toString('latin1', pos, pos + length);
  }

  /**
   * Where to read the string at `pos` from: itself when it is valid UTF-8, else a copy behind the payload with
   * U+FFFD for the invalid sequences. `to` is its end.
   */
  repair(pos: number, length: number): number {
    this.to = pos + length;
    if (isUtf8(this.bytes.subarray(pos, pos + length))) return pos;
    const repaired = Buffer.from(this.text(pos, length), 'utf8');
    const start = this.#used;
    if (start + repaired.length + slack > this.bytes.length) {
      const size = Math.max(this.bytes.length * 2, start + repaired.length + slack);
      this.#held.grow(size);
      const grown = new Uint8Array(size);
      grown.set(this.bytes.subarray(0, start));
      this.#replace(grown);
    }
    this.bytes.set(repaired, start);
    this.#used = start + repaired.length;
    this.to = this.#used;
    return start;
  }
}

export function truncated(pos: number) {
  return malformed(`the message ends in the middle of a field at byte ${pos}`);
}

function tooLong(pos: number) {
  return malformed(`a length at byte ${pos} runs past the end of the enclosing message`);
}
