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

const noneValid = new Uint8Array(chunkRows / 8);

/** Writes slices of a table's batches into data chunks. Not reentrant: it owns scratch space. */
export class ChunkFiller {
  readonly #words = new Uint32Array(chunkRows * 4);
  #staging = new Uint8Array(chunkRows * 8);
  readonly #entries = new BigUint64Array(chunkRows * 2);

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
    }
  }

  fill(chunk: duckdb.DataChunk, batch: TableBatch, arena: LoadedArena, from: number, n: number): void {
    for (const [i, column] of batch.columns.entries()) {
      const vector = duckdb.data_chunk_get_vector(chunk, i);
      this.#validity(vector, column.validity, from, n);
      if (column.kind === 'list') {
        // A list vector's child keeps its size when the chunk is used again.
        this.#list(vector, column, from, n);
      } else if (column.validity === 'none') {
        continue;
      } else if (column.kind === 'stretches') {
        this.#stretches(vector, column, arena, from, n);
      } else if (column.kind === 'string') {
        this.#strings(vector, column, arena, from, n);
      } else {
        const width = column.values.BYTES_PER_ELEMENT;
        duckdb.copy_data_to_vector(
          vector,
          0,
          this.#staged(column.values, from * width, n * width),
          0,
          n * width,
        );
      }
    }
    duckdb.data_chunk_set_size(chunk, n);
  }

  /** A copy in memory of our own: the binding takes no shared memory. */
  #staged(source: ArrayBufferView, from: number, bytes: number): ArrayBuffer {
    if (this.#staging.length < bytes) this.#staging = new Uint8Array(bytes * 2);
    this.#staging.set(new Uint8Array(source.buffer, source.byteOffset + from, bytes));
    return this.#staging.buffer;
  }

  #validity(vector: duckdb.Vector, validity: Validity, from: number, n: number): void {
    if (validity === 'all') return;
    duckdb.vector_ensure_validity_writable(vector);
    const bytes = (n + 7) >> 3;
    // Slices start at multiples of 2,048 rows, so at whole bytes.
    const bits = validity === 'none' ? noneValid.buffer : this.#staged(validity, from >> 3, bytes);
    duckdb.copy_data_to_vector_validity(vector, 0, bits, 0, bytes);
  }

  #strings(vector: duckdb.Vector, column: StringColumn, arena: LoadedArena, from: number, n: number): void {
    const words = this.#words;
    words.set(column.refs.subarray(from * 4, (from + n) * 4));
    for (let at = 0; at < n * 4; at += 4) address(words, at, arena);
    duckdb.copy_data_to_vector(vector, 0, words.buffer, 0, n * 16);
  }

  #stretches(
    vector: duckdb.Vector,
    column: StretchColumn,
    arena: LoadedArena,
    from: number,
    n: number,
  ): void {
    const words = this.#words;
    const { ends, refs } = column;
    const to = from + n;
    let at = from;
    for (let i = firstEndingAfter(ends, from); at < to; i++) {
      const [first, end] = [(at - from) * 4, (Math.min(ends[i] as number, to) - from) * 4];
      for (let word = 0; word < 4; word++) words[first + word] = refs[i * 4 + word] as number;
      address(words, first, arena);
      for (let done = first + 4; done < end;) {
        const size = Math.min(done - first, end - done);
        words.copyWithin(done, first, first + size);
        done += size;
      }
      at = from + end / 4;
    }
    duckdb.copy_data_to_vector(vector, 0, words.buffer, 0, n * 16);
  }

  #list(vector: duckdb.Vector, column: ListColumn, from: number, n: number): void {
    if (column.validity === 'none') {
      this.#entries.fill(0n, 0, n * 2);
      duckdb.copy_data_to_vector(vector, 0, this.#entries.buffer, 0, n * 16);
      duckdb.list_vector_set_size(vector, 0);
      return;
    }
    const { offsets, child } = column;
    const start = offsets[from] as number;
    const size = (offsets[from + n] as number) - start;
    for (let i = 0; i < n; i++) {
      const begin = offsets[from + i] as number;
      this.#entries[i * 2] = BigInt(begin - start);
      this.#entries[i * 2 + 1] = BigInt((offsets[from + i + 1] as number) - begin);
    }
    duckdb.copy_data_to_vector(vector, 0, this.#entries.buffer, 0, n * 16);
    duckdb.list_vector_reserve(vector, size);
    duckdb.list_vector_set_size(vector, size);
    if (size > 0) {
      // Fetched after the reserve, which may move it.
      const values = duckdb.list_vector_get_child(vector);
      duckdb.copy_data_to_vector(values, 0, this.#staged(child, start * 8, size * 8), 0, size * 8);
    }
  }
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
