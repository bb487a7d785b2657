import duckdb from '@duckdb/node-bindings';
import { badBatch } from '../duckdb/index.js';
import {
  tableDef,
  type Column,
  type ColumnType,
  type ListColumn,
  type StretchColumn,
  type StringColumn,
  type TableBatch,
  type TableDef,
  type TableName,
  type Validity,
} from '../schema/index.js';

/** Rows of a DuckDB data chunk (STANDARD_VECTOR_SIZE). */
export const chunkRows = 2048;

const inlineBytes = 12;
const mostSpare = 256;

/** A batch's arena in DuckDB's memory. The chunk owns the bytes: they live as long as this object, or until `free`. */
export interface LoadedArena {
  readonly chunk: duckdb.DataChunk | null;
  /** Low and high half of the address. */
  readonly low: number;
  readonly high: number;
  readonly length: number;
}

/** Copies arenas into the buffers of one-value BLOB vectors, which gives them a stable address. */
export class StringArenaLoader {
  /** The binding leaves a chunk's end to the collector, which does not know how much memory hangs on it. */
  readonly #spare: duckdb.DataChunk[] = [];

  load(arena: Uint8Array): LoadedArena {
    // A value of up to 12 bytes lies in the vector itself, and no long string can point into it.
    if (arena.byteLength <= inlineBytes) return { chunk: null, low: 0, high: 0, length: 0 };
    const chunk =
      this.#spare.pop() ?? duckdb.create_data_chunk([duckdb.create_logical_type(duckdb.Type.BLOB)]);
    const vector = duckdb.data_chunk_get_vector(chunk, 0);
    duckdb.vector_assign_string_element_len(vector, 0, arena);
    const value = duckdb.vector_get_data(vector, 16);
    const address = new DataView(value.buffer, value.byteOffset, 16).getBigUint64(8, true);
    const [low, high] = [Number(address & 0xffff_ffffn), Number(address >> 32n)];
    return { chunk, low, high, length: arena.byteLength };
  }

  /** Gives the bytes back. No statement may read them any more. */
  free({ chunk }: LoadedArena): void {
    if (chunk === null) return;
    duckdb.data_chunk_reset(chunk);
    if (this.#spare.length < mostSpare) this.#spare.push(chunk);
  }
}

const typeIds: Record<Exclude<ColumnType, `${string}[]`>, duckdb.Type> = {
  VARCHAR: duckdb.Type.VARCHAR,
  BIGINT: duckdb.Type.BIGINT,
  INTEGER: duckdb.Type.INTEGER,
  DOUBLE: duckdb.Type.DOUBLE,
  BOOLEAN: duckdb.Type.BOOLEAN,
  TIMESTAMP: duckdb.Type.TIMESTAMP,
};

function logicalType(type: ColumnType): duckdb.LogicalType {
  if (type === 'BIGINT[]' || type === 'DOUBLE[]') {
    return duckdb.create_list_type(logicalType(type === 'BIGINT[]' ? 'BIGINT' : 'DOUBLE'));
  }
  return duckdb.create_logical_type(typeIds[type]);
}

export function columnTypes(table: TableName): duckdb.LogicalType[] {
  return tableDef(table).columns.map((column) => logicalType(column.type));
}

/** Rows of one table of a batch, and the batch's strings. */
export interface LoadedTable {
  readonly batch: TableBatch;
  readonly arena: LoadedArena;
  /** What the arena was made of. */
  readonly texts: Uint8Array;
  /** Of each fixed-width column its values, as words, or as bytes where a value is a byte; null of other columns. */
  readonly views: readonly (Uint32Array | Uint8Array | null)[];
}

/** Rows `from` to `from + rows` of a table. */
export interface Slice {
  readonly table: LoadedTable;
  readonly from: number;
  readonly rows: number;
}

/** Throws TypeError on a table that doesn't fit `filler`'s. */
export function loadedTable(
  filler: ChunkFiller,
  batch: TableBatch,
  arena: LoadedArena,
  texts: Uint8Array,
): LoadedTable {
  filler.check(batch);
  const views = batch.columns.map((column) => {
    if (column.kind !== 'fixed' || column.validity === 'none') return null;
    const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT: width } = column.values;
    return width === 1
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : new Uint32Array(buffer, byteOffset, byteLength / 4);
  });
  return { batch, arena, texts, views };
}

type FixedType = Exclude<ColumnType, 'VARCHAR' | `${string}[]`>;

/** Bytes of a value. */
const widths: Record<FixedType, number> = { BIGINT: 8, TIMESTAMP: 8, DOUBLE: 8, INTEGER: 4, BOOLEAN: 1 };

const noneValid = new Uint8Array(chunkRows / 8);
/** From so many words on a view of memory costs less than a loop. */
const worthView = 128;

/** Writes slices of a table's batches into data chunks. Not reentrant: it owns scratch space. */
export class ChunkFiller {
  readonly #words = new Uint32Array(chunkRows * 4);
  readonly #bytes = new Uint8Array(chunkRows);
  #children = new Uint8Array(chunkRows * 8);
  readonly #bits = new Uint32Array(chunkRows / 32);
  readonly #entries = new BigUint64Array(chunkRows * 2);
  /** By column, the validity of all batches that were checked where they have the same and it is a word. */
  readonly #uniform: (Validity | null)[] = [];

  constructor(readonly def: TableDef) {}

  /** The copies below are unchecked memory writes, so everything they rely on is checked once a batch. Throws TypeError. */
  check(batch: TableBatch): void {
    if (batch.columns.length !== this.def.columns.length) {
      throw new TypeError(
        `${this.def.name}: ${batch.columns.length} columns instead of ${this.def.columns.length}`,
      );
    }
    for (const [i, column] of batch.columns.entries()) {
      const { name, type } = this.def.columns[i] as { name: string; type: ColumnType };
      if (!fits(type, column, batch.rows)) {
        throw new TypeError(`${this.def.name}.${name}: the buffers don't fit ${batch.rows} rows of ${type}`);
      }
      const { validity } = column;
      if (this.#uniform[i] === undefined) this.#uniform[i] = typeof validity === 'string' ? validity : null;
      else if (this.#uniform[i] !== validity) this.#uniform[i] = null;
    }
  }

  /**
   * The rows of the slices, one after the other, of all of which there are `chunkRows` at most. Each column is put together in memory
   * of our own, as the binding takes no shared memory, and handed over at once: a call of it takes as long as many rows.
   */
  fill(chunk: duckdb.DataChunk, slices: readonly Slice[]): void {
    const rows = slices.reduce((sum, slice) => sum + slice.rows, 0);
    for (const [i, { type }] of this.def.columns.entries()) {
      const vector = duckdb.data_chunk_get_vector(chunk, i);
      const empty = this.#validity(vector, i, slices, rows);
      if (type === 'BIGINT[]' || type === 'DOUBLE[]') {
        // A list vector's child keeps its size when the chunk is used again.
        this.#lists(vector, i, slices, rows);
      } else if (empty) {
        continue;
      } else if (type === 'VARCHAR') {
        this.#strings(vector, i, slices, rows);
      } else {
        this.#fixed(vector, i, slices, rows);
      }
    }
    duckdb.data_chunk_set_size(chunk, rows);
  }

  /** Whether all rows are NULL. Where all batches are alike in that, none of them is looked at for each slice. */
  #validity(vector: duckdb.Vector, i: number, slices: readonly Slice[], rows: number): boolean {
    const uniform = this.#uniform[i];
    if (uniform === 'all') return false;
    duckdb.vector_ensure_validity_writable(vector);
    const bytes = (rows + 7) >> 3;
    if (uniform === 'none') {
      duckdb.copy_data_to_vector_validity(vector, 0, noneValid.buffer, 0, bytes);
      return true;
    }
    let at = 0;
    for (const { table, from, rows: count } of slices) {
      putBits(this.#bits, at, (table.batch.columns[i] as Column).validity, from, count);
      at += count;
    }
    duckdb.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, bytes);
    return false;
  }

  #fixed(vector: duckdb.Vector, i: number, slices: readonly Slice[], rows: number): void {
    const width = widths[this.def.columns[i]?.type as FixedType];
    const target = width === 1 ? this.#bytes : this.#words;
    const each = Math.max(1, width / 4);
    let at = 0;
    for (const { table, from, rows: count } of slices) {
      const end = at + count * each;
      const view = table.views[i];
      if (!view) target.fill(0, at, end);
      else putWords(target, at, view, from * each, count * each);
      at = end;
    }
    duckdb.copy_data_to_vector(vector, 0, target.buffer, 0, rows * width);
  }

  #strings(vector: duckdb.Vector, i: number, slices: readonly Slice[], rows: number): void {
    const words = this.#words;
    let at = 0;
    for (const slice of slices) {
      const column = slice.table.batch.columns[i] as StringColumn | StretchColumn;
      const end = at + slice.rows * 4;
      if (column.validity === 'none') {
        words.fill(0, at, end);
      } else if (column.kind === 'stretches') {
        putStretches(words, at, column, slice);
      } else {
        putWords(words, at, column.refs, slice.from * 4, slice.rows * 4);
        for (let row = at; row < end; row += 4) address(words, row, slice.table.arena);
      }
      at = end;
    }
    duckdb.copy_data_to_vector(vector, 0, words.buffer, 0, rows * 16);
  }

  #lists(vector: duckdb.Vector, i: number, slices: readonly Slice[], rows: number): void {
    const entries = this.#entries;
    let [row, size] = [0, 0];
    for (const { table, from, rows: count } of slices) {
      const { offsets, child, validity } = table.batch.columns[i] as ListColumn;
      if (validity === 'none') {
        entries.fill(0n, row * 2, (row + count) * 2);
        row += count;
        continue;
      }
      const [first, last] = [offsets[from] as number, offsets[from + count] as number];
      for (let k = from; k < from + count; k++, row++) {
        const begin = offsets[k] as number;
        entries[row * 2] = BigInt(begin - first + size);
        entries[row * 2 + 1] = BigInt((offsets[k + 1] as number) - begin);
      }
      this.#grow((size + last - first) * 8);
      this.#children.set(bytesOf(child, first * 8, (last - first) * 8), size * 8);
      size += last - first;
    }
    duckdb.copy_data_to_vector(vector, 0, entries.buffer, 0, rows * 16);
    duckdb.list_vector_reserve(vector, size);
    duckdb.list_vector_set_size(vector, size);
    if (size === 0) return;
    // Fetched after the reserve, which may move it.
    const values = duckdb.list_vector_get_child(vector);
    duckdb.copy_data_to_vector(values, 0, this.#children.buffer, 0, size * 8);
  }

  #grow(bytes: number): void {
    if (this.#children.length >= bytes) return;
    const larger = new Uint8Array(bytes * 2);
    larger.set(this.#children);
    this.#children = larger;
  }
}

function bytesOf(source: ArrayBufferView, from: number, bytes: number): Uint8Array {
  return new Uint8Array(source.buffer, source.byteOffset + from, bytes);
}

function putWords(
  target: Uint32Array | Uint8Array,
  to: number,
  source: Uint32Array | Uint8Array,
  from: number,
  count: number,
): void {
  if (count >= worthView) target.set(source.subarray(from, from + count), to);
  else for (let i = 0; i < count; i++) target[to + i] = source[from + i] as number;
}

function putStretches(
  words: Uint32Array,
  to: number,
  { ends, refs }: StretchColumn,
  { from, rows, table }: Slice,
): void {
  let row = from;
  for (let i = firstEndingAfter(ends, from); row < from + rows; i++) {
    const stretchEnd = Math.min(ends[i] as number, from + rows);
    const [first, end] = [to + (row - from) * 4, to + (stretchEnd - from) * 4];
    for (let word = 0; word < 4; word++) words[first + word] = refs[i * 4 + word] as number;
    address(words, first, table.arena);
    if (end - first < worthView) {
      for (let word = first + 4; word < end; word++) words[word] = words[word - 4] as number;
    } else {
      for (let done = first + 4; done < end;) {
        const size = Math.min(done - first, end - done);
        words.copyWithin(done, first, first + size);
        done += size;
      }
    }
    row = stretchEnd;
  }
}

/** Bits `from` to `from + count` of a column's validity become those from `to` on. */
function putBits(target: Uint32Array, to: number, validity: Validity, from: number, count: number): void {
  for (let done = 0; done < count;) {
    const at = to + done;
    const some = Math.min(32 - (at & 31), count - done);
    const mask = some === 32 ? 0xffff_ffff : (1 << some) - 1;
    const bits =
      typeof validity === 'string' ? (validity === 'all' ? mask : 0) : bitsAt(validity, from + done);
    const word = at >>> 5;
    target[word] = ((target[word] as number) & ~(mask << (at & 31))) | ((bits & mask) << (at & 31));
    done += some;
  }
}

/** 32 of them; those behind the last are 0. */
function bitsAt(words: Uint32Array, from: number): number {
  const [word, shift] = [from >>> 5, from & 31];
  const low = (words[word] as number) >>> shift;
  return shift === 0 ? low : low | ((words[word + 1] ?? 0) << (32 - shift));
}

/** Of a short string all bytes lie in its words; of a long one the offset becomes an address. */
function address(words: Uint32Array, at: number, { low, high, length: bytes }: LoadedArena): void {
  const length = words[at] as number;
  if (length <= inlineBytes) return;
  const offset = words[at + 2] as number;
  if (offset + length > bytes) throw new TypeError(`${badBatch}: a string lies outside the arena`);
  const lower = low + offset;
  words[at + 2] = lower;
  words[at + 3] = lower > 0xffff_ffff ? high + 1 : high;
}

/** The first of the stretches that has rows behind `row`. */
function firstEndingAfter(ends: Uint32Array, row: number): number {
  let low = 0;
  for (let high = ends.length; low < high;) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] as number) <= row) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fits(type: ColumnType, column: Column, rows: number): boolean {
  const { validity } = column;
  if (typeof validity !== 'string' && validity.length * 32 < rows) return false;
  if (type === 'VARCHAR') {
    if (column.kind === 'stretches') return validity === 'none' || coverAll(column, rows);
    return column.kind === 'string' && (validity === 'none' || column.refs.length >= rows * 4);
  }
  if (type === 'BIGINT[]' || type === 'DOUBLE[]') {
    if (column.kind !== 'list') return false;
    if (validity === 'none') return true;
    const right = type === 'BIGINT[]' ? BigInt64Array : Float64Array;
    if (!(column.child instanceof right) || column.offsets.length < rows + 1) return false;
    for (let i = 0; i < rows; i++) {
      if ((column.offsets[i] as number) > (column.offsets[i + 1] as number)) return false;
    }
    return (column.offsets[rows] as number) <= column.child.length;
  }
  if (column.kind !== 'fixed') return false;
  const right = {
    BIGINT: BigInt64Array,
    TIMESTAMP: BigInt64Array,
    INTEGER: Int32Array,
    DOUBLE: Float64Array,
    BOOLEAN: Uint8Array,
  }[type];
  return column.values instanceof right && (validity === 'none' || column.values.length >= rows);
}

/** Whether the stretches follow one another up to the last row. */
function coverAll({ ends, refs }: StretchColumn, rows: number): boolean {
  if (refs.length < ends.length * 4) return false;
  for (let i = 1; i < ends.length; i++) if ((ends[i] as number) <= (ends[i - 1] as number)) return false;
  return (ends.at(-1) ?? 0) >= rows;
}
