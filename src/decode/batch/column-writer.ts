import type { AttributeText } from '../wire/attributes.js';
import type { Source } from '../wire/source.js';
import type { StringBuilder } from './columns.js';
import type { StringArena } from './string-arena.js';

/** For a string of n <= 12 bytes, the parts of its three inline words that count, at 3 * n. */
const inlineMasks = new Int32Array(13 * 3);
for (let length = 0; length <= 12; length++) {
  for (let word = 0; word < 3; word++) {
    const bytes = Math.min(4, Math.max(0, length - word * 4));
    inlineMasks[length * 3 + word] = bytes === 4 ? -1 : (1 << (bytes * 8)) - 1;
  }
}
const highBits = 0x80808080 | 0;

/** Writes strings into columns in DuckDB's layout. Empty strings stay NULL. */
export class ColumnWriter {
  /** A string begins in the middle of a UTF-8 sequence, so a check of the whole arena would not find it broken. */
  suspect = false;

  constructor(
    readonly source: Source,
    readonly arena: StringArena,
  ) {}

  /** A string field of the payload. */
  text(column: StringBuilder, row: number, pos: number, length: number): void {
    if (length === 0) return;
    column.count++;
    this.textWords(column.refs, row * 4, pos, length);
  }

  /** The value that `attributes` found, as a column's text. */
  value(column: StringBuilder, row: number, attributes: AttributeText): void {
    this.valueWords(column.refs, row * 4, attributes);
    if (column.refs[row * 4] !== 0) column.count++;
  }

  /** An identifier's bytes as hex digits; all zeros are NULL. */
  id(column: StringBuilder, row: number, pos: number, length: number): void {
    if (length === 0 || this.isZero(pos, length)) return;
    const start = this.arena.length;
    this.arena.hex(this.source, pos, length);
    this.fromArena(column, row, start);
  }

  /** Whether an identifier of 0, 8 or 16 bytes is all zeros. */
  isZero(pos: number, length: number): boolean {
    const view = this.source.view;
    for (let i = pos; i < pos + length; i += 4) if (view.getInt32(i, true) !== 0) return false;
    return true;
  }

  /** What the arena holds since `start`. Nothing: NULL. */
  fromArena(column: StringBuilder, row: number, start: number): void {
    this.arenaRange(column, row, start, this.arena.length);
  }

  /** What the arena holds from `start` to `end`. Nothing: NULL. */
  arenaRange(column: StringBuilder, row: number, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    column.count++;
    this.#ref(column.refs, row * 4, start, length);
  }

  /** Like `text`, into four words that `StretchBuilder.fill` takes. */
  textWords(words: Uint32Array, at: number, pos: number, length: number): void {
    const source = this.source;
    if (source.careful) {
      this.arena.fits(length);
      pos = source.repair(pos, length);
      length = source.to - pos;
    }
    const view = source.view;
    words[at] = length;
    if (length > 12) {
      if ((source.bytes[pos]! & 0xc0) === 0x80) this.suspect = true;
      words[at + 1] = view.getInt32(pos, true);
      words[at + 2] = this.arena.length;
      words[at + 3] = 0;
      this.arena.copy(source, pos, length);
      return;
    }
    const mask = length * 3;
    const a = view.getInt32(pos, true) & inlineMasks[mask]!;
    const b = view.getInt32(pos + 4, true) & inlineMasks[mask + 1]!;
    const c = view.getInt32(pos + 8, true) & inlineMasks[mask + 2]!;
    words[at + 1] = a;
    words[at + 2] = b;
    words[at + 3] = c;
    if (((a | b | c) & highBits) !== 0) {
      // Left in the arena as well, so that the check of the arena covers it.
      if ((a & 0xc0) === 0x80) this.suspect = true;
      this.arena.copy(source, pos, length);
    }
  }

  /** Like `value`, into such words. */
  valueWords(words: Uint32Array, at: number, attributes: AttributeText): void {
    if (attributes.isText) {
      this.textWords(words, at, attributes.valuePos, attributes.valueEnd - attributes.valuePos);
      return;
    }
    const start = this.arena.length;
    attributes.plainText();
    this.arenaWords(words, at, start);
  }

  /** A string field of the payload at the end of the arena. */
  textAtEnd(pos: number, length: number): void {
    const source = this.source;
    if (source.careful) {
      this.arena.fits(length);
      pos = source.repair(pos, length);
      length = source.to - pos;
    }
    if (length > 0 && (source.bytes[pos]! & 0xc0) === 0x80) this.suspect = true;
    this.arena.copy(source, pos, length);
  }

  /** Like `fromArena`, into four words that `StretchBuilder.fill` takes. */
  arenaWords(words: Uint32Array, at: number, start: number): void {
    this.#ref(words, at, start, this.arena.length - start);
  }

  #ref(words: Uint32Array, at: number, start: number, length: number): void {
    const view = this.arena.view;
    words[at] = length;
    if (length > 12) {
      words[at + 1] = view.getInt32(start, true);
      words[at + 2] = start;
      words[at + 3] = 0;
      return;
    }
    const mask = length * 3;
    words[at + 1] = view.getInt32(start, true) & inlineMasks[mask]!;
    words[at + 2] = view.getInt32(start + 4, true) & inlineMasks[mask + 1]!;
    words[at + 3] = view.getInt32(start + 8, true) & inlineMasks[mask + 2]!;
  }
}
