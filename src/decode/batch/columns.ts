import type { Column, FixedColumn, ListColumn, StringColumn, Validity } from '../../schema/index.js';
import { freeMemory, Held } from '../memory.js';
import type { BatchMemory } from './batch-memory.js';

/**
 * Growing columns of a batch under construction. Their memory is reused from batch to batch, and the rows not
 * yet written are always zero, which is what makes a string NULL; `pack` copies what is used.
 */
export interface ColumnBuilder {
  /** Room for `rows`; fewer than now only when the column is empty. */
  resize(rows: number): void;
  /** Forgets rows `from` to `to`, the last ones. */
  clear(from: number, to: number): void;
  pack(memory: BatchMemory, rows: number): Column;
  /** What `pack` takes at most. */
  packedBytes(rows: number): number;
}

const none = { refs: new Uint32Array(0), int64: new BigInt64Array(0), bytes: new Uint8Array(0) };

export function bitWords(rows: number): number {
  return (rows + 31) >>> 5;
}

interface Numbers {
  readonly length: number;
  set(values: this): void;
  subarray(from: number, to: number): this;
}

/** `to` with as much of `from` as fits. */
export function resized<T extends Numbers>(from: T, to: T): T {
  to.set(from.length <= to.length ? from : from.subarray(0, to.length));
  return to;
}

export class StringBuilder implements ColumnBuilder {
  refs = none.refs;
  /** Rows that are not NULL. */
  count = 0;

  resize(rows: number): void {
    this.refs = resized(this.refs, new Uint32Array(rows * 4));
  }

  clear(from: number, to: number): void {
    if (this.count === 0) return;
    if (from === 0) this.count = 0;
    else for (let row = from; row < to; row++) if (this.refs[row * 4] !== 0) this.count--;
    this.refs.fill(0, from * 4, to * 4);
  }

  /** One row, from four words as in StringColumn; not NULL. */
  set(row: number, words: Uint32Array): void {
    this.count++;
    const refs = this.refs;
    const at = row * 4;
    refs[at] = words[0]!;
    refs[at + 1] = words[1]!;
    refs[at + 2] = words[2]!;
    refs[at + 3] = words[3]!;
  }

  /** Like `set`, of a row that may have a string already. */
  replace(row: number, words: Uint32Array): void {
    if (this.refs[row * 4] !== 0) this.count--;
    this.set(row, words);
  }

  packedBytes(rows: number): number {
    return this.count === 0 ? 0 : rows * 16 + bitWords(rows) * 4;
  }

  pack(memory: BatchMemory, rows: number): StringColumn {
    if (this.count === 0) return { kind: 'string', refs: none.refs, validity: 'none' };
    const refs = memory.uint32(rows * 4);
    refs.set(this.refs.subarray(0, rows * 4));
    return { kind: 'string', refs, validity: this.#validity(memory, rows) };
  }

  #validity(memory: BatchMemory, rows: number): Validity {
    if (this.count === rows) return 'all';
    const bits = memory.uint32(bitWords(rows));
    bits.fill(0);
    const refs = this.refs;
    for (let row = 0; row < rows; row++) if (refs[row * 4] !== 0) bits[row >>> 5]! |= 1 << (row & 31);
    return bits;
  }
}

/** Values of fixed width. Rows are NULL unless `mark`ed, or all are set when the column is `required`. */
abstract class FixedBuilder implements ColumnBuilder {
  bits = none.refs;
  count = 0;

  constructor(readonly required: boolean) {}

  protected abstract resizeValues(rows: number): void;
  protected abstract copy(memory: BatchMemory, rows: number): FixedColumn['values'];
  protected abstract empty(): FixedColumn['values'];
  protected abstract zero(from: number, to: number): void;
  protected abstract readonly width: number;

  resize(rows: number): void {
    this.resizeValues(rows);
    if (!this.required) this.bits = resized(this.bits, new Uint32Array(bitWords(rows)));
  }

  mark(row: number): void {
    this.bits[row >>> 5]! |= 1 << (row & 31);
    this.count++;
  }

  clear(from: number, to: number): void {
    if (this.required || this.count > 0) this.zero(from, to);
    if (this.required || this.count === 0) return;
    if (from === 0) {
      this.bits.fill(0, 0, bitWords(to));
      this.count = 0;
      return;
    }
    for (let row = from; row < to; row++) {
      const bit = 1 << (row & 31);
      if ((this.bits[row >>> 5]! & bit) === 0) continue;
      this.bits[row >>> 5]! &= ~bit;
      this.count--;
    }
  }

  packedBytes(rows: number): number {
    return !this.required && this.count === 0 ? 0 : rows * this.width + 8 + bitWords(rows) * 4;
  }

  pack(memory: BatchMemory, rows: number): FixedColumn {
    if (this.required) return { kind: 'fixed', values: this.copy(memory, rows), validity: 'all' };
    if (this.count === 0) return { kind: 'fixed', values: this.empty(), validity: 'none' };
    const values = this.copy(memory, rows);
    if (this.count === rows) return { kind: 'fixed', values, validity: 'all' };
    const bits = memory.uint32(bitWords(rows));
    bits.set(this.bits.subarray(0, bits.length));
    return { kind: 'fixed', values, validity: bits };
  }
}

export class Int64Builder extends FixedBuilder {
  /** Low and high word of each value: `words[2 * row]`, `words[2 * row + 1]`. */
  words = none.refs;
  protected readonly width = 8;

  set(row: number, lo: number, hi: number): void {
    this.words[row * 2] = lo;
    this.words[row * 2 + 1] = hi;
  }

  fill(from: number, to: number, lo: number, hi: number): void {
    if ((lo | hi) === 0) return;
    for (let row = from; row < to; row++) this.set(row, lo, hi);
  }

  protected resizeValues(rows: number): void {
    this.words = resized(this.words, new Uint32Array(rows * 2));
  }

  protected zero(from: number, to: number): void {
    this.words.fill(0, from * 2, to * 2);
  }

  protected copy(memory: BatchMemory, rows: number): BigInt64Array {
    const words = memory.uint32(rows * 2);
    words.set(this.words.subarray(0, rows * 2));
    return new BigInt64Array(words.buffer, words.byteOffset, rows);
  }

  protected empty(): BigInt64Array {
    return none.int64;
  }
}

export class Int32Builder extends FixedBuilder {
  values = new Int32Array(0);
  protected readonly width = 4;

  fill(from: number, to: number, value: number): void {
    if (value !== 0) this.values.fill(value, from, to);
  }

  protected resizeValues(rows: number): void {
    this.values = resized(this.values, new Int32Array(rows));
  }

  protected zero(from: number, to: number): void {
    this.values.fill(0, from, to);
  }

  protected copy(memory: BatchMemory, rows: number): Int32Array {
    const words = memory.uint32(rows);
    const values = new Int32Array(words.buffer, words.byteOffset, rows);
    values.set(this.values.subarray(0, rows));
    return values;
  }

  protected empty(): Int32Array {
    return new Int32Array(0);
  }
}

export class DoubleBuilder extends FixedBuilder {
  values = new Float64Array(0);
  protected readonly width = 8;

  set(row: number, value: number): void {
    this.values[row] = value;
    if (!this.required) this.mark(row);
  }

  protected resizeValues(rows: number): void {
    this.values = resized(this.values, new Float64Array(rows));
  }

  protected zero(from: number, to: number): void {
    this.values.fill(0, from, to);
  }

  protected copy(memory: BatchMemory, rows: number): Float64Array {
    const words = memory.uint32(rows * 2);
    const values = new Float64Array(words.buffer, words.byteOffset, rows);
    values.set(this.values.subarray(0, rows));
    return values;
  }

  protected empty(): Float64Array {
    return new Float64Array(0);
  }
}

export class BooleanBuilder extends FixedBuilder {
  values = new Uint8Array(0);
  protected readonly width = 1;

  fill(from: number, to: number, value: boolean): void {
    if (value) this.values.fill(1, from, to);
  }

  protected resizeValues(rows: number): void {
    this.values = resized(this.values, new Uint8Array(rows));
  }

  protected zero(from: number, to: number): void {
    this.values.fill(0, from, to);
  }

  protected copy(memory: BatchMemory, rows: number): Uint8Array {
    const values = memory.bytes(rows);
    values.set(this.values.subarray(0, rows));
    return values;
  }

  protected empty(): Uint8Array {
    return none.bytes;
  }
}

/** Lists of 64-bit integers or doubles, kept as words; never NULL, at least empty. */
export class ListBuilder implements ColumnBuilder {
  offsets = new Uint32Array(1);
  words = new Uint32Array(0);
  doubles = new Float64Array(0);
  /** Values in all lists, the one under construction included. */
  length = 0;

  held = new Held(freeMemory);

  constructor(readonly element: 'BIGINT' | 'DOUBLE') {}

  resize(rows: number): void {
    this.offsets = resized(this.offsets, new Uint32Array(rows + 1));
  }

  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.doubles.length) return;
    const size = Math.max(256, needed, this.doubles.length * 2);
    this.held.grow(size * 8);
    const words = new Uint32Array(size * 2);
    words.set(this.words.subarray(0, this.length * 2));
    this.words = words;
    this.doubles = new Float64Array(words.buffer);
  }

  pushInt64(lo: number, hi: number): void {
    this.reserve(1);
    this.words[this.length * 2] = lo;
    this.words[this.length * 2 + 1] = hi;
    this.length++;
  }

  pushDouble(value: number): void {
    this.reserve(1);
    this.doubles[this.length++] = value;
  }

  /** The values since the last list are the list of `row`. */
  end(row: number): void {
    this.offsets[row + 1] = this.length;
  }

  /** Drops the values since the list of the row before `row`. */
  abandon(row: number): void {
    this.length = this.offsets[row]!;
  }

  clear(from: number, to: number): void {
    this.length = this.offsets[from]!;
    this.offsets.fill(0, from + 1, to + 1);
    if (from !== 0) return;
    this.held.release();
    if (this.doubles.length > 1024 * 1024) {
      this.words = none.refs;
      this.doubles = new Float64Array(0);
    }
  }

  packedBytes(rows: number): number {
    return (rows + 1) * 4 + 8 + this.length * 8;
  }

  pack(memory: BatchMemory, rows: number): ListColumn {
    const offsets = memory.uint32(rows + 1);
    offsets.set(this.offsets.subarray(0, rows + 1));
    const words = memory.uint32(this.length * 2);
    words.set(this.words.subarray(0, this.length * 2));
    const child =
      this.element === 'BIGINT'
        ? new BigInt64Array(words.buffer, words.byteOffset, this.length)
        : new Float64Array(words.buffer, words.byteOffset, this.length);
    return { kind: 'list', offsets, child, validity: 'all' };
  }
}
