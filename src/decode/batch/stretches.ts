import type { StretchColumn, Validity } from '../../schema/index.js';
import type { BatchMemory } from './batch-memory.js';
import { bitWords, resized, type ColumnBuilder } from './columns.js';

/** A column of strings that stretches of rows share, filled from the first row to the last. Rows left out are NULL. */
export class StretchBuilder implements ColumnBuilder {
  /** Rows that are not NULL. */
  #count = 0;
  #stretches = 0;
  /** First row, and the row behind the last, of each. */
  #bounds = new Uint32Array(32);
  #refs = new Uint32Array(64);

  resize(): void {
    // Grows by stretches, not by rows.
  }

  /** The same string for rows `from` to `to`, behind those filled before; four words as in StringColumn. */
  fill(from: number, to: number, words: Uint32Array, at: number): void {
    if (words[at] === 0 || from === to) return;
    const i = this.#stretches++;
    if (this.#bounds.length < this.#stretches * 2) {
      this.#bounds = resized(this.#bounds, new Uint32Array(i * 4));
      this.#refs = resized(this.#refs, new Uint32Array(i * 8));
    }
    this.#count += to - from;
    this.#bounds[i * 2] = from;
    this.#bounds[i * 2 + 1] = to;
    for (let word = 0; word < 4; word++) this.#refs[i * 4 + word] = words[at + word]!;
  }

  clear(from: number): void {
    const bounds = this.#bounds;
    for (; this.#stretches > 0; this.#stretches--) {
      const last = (this.#stretches - 1) * 2;
      const [first, end] = [bounds[last]!, bounds[last + 1]!];
      if (end <= from) return;
      this.#count -= end - Math.max(first, from);
      if (first >= from) continue;
      bounds[last + 1] = from;
      return;
    }
  }

  packedBytes(rows: number): number {
    return this.#count === 0 ? 0 : (this.#stretches * 2 + 1) * 20 + bitWords(rows) * 4;
  }

  pack(memory: BatchMemory, rows: number): StretchColumn {
    const bounds = this.#bounds;
    let parts = 0;
    let done = 0;
    for (let i = 0; i < this.#stretches; i++) {
      if (bounds[i * 2]! > done) parts++;
      parts++;
      done = bounds[i * 2 + 1]!;
    }
    if (done < rows) parts++;
    if (this.#count === 0) parts = 0;
    const ends = memory.uint32(parts);
    const refs = memory.uint32(parts * 4);
    if (parts === 0) return { kind: 'stretches', ends, refs, validity: 'none' };
    let part = 0;
    done = 0;
    for (let i = 0; i < this.#stretches; i++) {
      const first = bounds[i * 2]!;
      if (first > done) {
        refs.fill(0, part * 4, part * 4 + 4);
        ends[part++] = first;
      }
      for (let word = 0; word < 4; word++) refs[part * 4 + word] = this.#refs[i * 4 + word]!;
      ends[part++] = done = bounds[i * 2 + 1]!;
    }
    if (done < rows) {
      refs.fill(0, part * 4, part * 4 + 4);
      ends[part] = rows;
    }
    return { kind: 'stretches', ends, refs, validity: this.#validity(memory, rows) };
  }

  #validity(memory: BatchMemory, rows: number): Validity {
    if (this.#count === rows) return 'all';
    const bits = memory.uint32(bitWords(rows));
    bits.fill(0);
    for (let i = 0; i < this.#stretches; i++) {
      for (let row = this.#bounds[i * 2]!; row < this.#bounds[i * 2 + 1]!; row++) {
        bits[row >>> 5]! |= 1 << (row & 31);
      }
    }
    return bits;
  }
}
