/**
 * Columnar batches, the currency between decode worker threads and the lake. All buffers of a batch lie in one
 * buffer of shared memory, so a batch crosses threads without a copy; the buffer is used again once the batch was
 * recycled.
 */
import type { TableName } from './tables.js';

/**
 * A VARCHAR column in DuckDB's own string layout (`duckdb_string_t`, duckdb.h): four u32 a row.
 * `[length, bytes 0-3, bytes 4-7, bytes 8-11]` when length <= 12 (zero padded), otherwise
 * `[length, first four bytes, arena offset, 0]`; the lake adds the arena's address to the offset.
 * Every string is valid UTF-8. A row that is NULL has four zeros.
 */
export interface StringColumn {
  readonly kind: 'string';
  readonly refs: Uint32Array;
  readonly validity: Validity;
}

/**
 * A VARCHAR column of the same strings for stretches of rows, as a resource's are: stretch i has the four words at `4 * i` of
 * `refs`, as in StringColumn, and ends before row `ends[i]`. Stretches follow one another and cover all rows.
 */
export interface StretchColumn {
  readonly kind: 'stretches';
  readonly ends: Uint32Array;
  readonly refs: Uint32Array;
  readonly validity: Validity;
}

/** Fixed-width values. TIMESTAMP is microseconds since the epoch; BOOLEAN is one byte a row. */
export interface FixedColumn {
  readonly kind: 'fixed';
  readonly values: BigInt64Array | Int32Array | Float64Array | Uint8Array;
  readonly validity: Validity;
}

/** A list column: row i holds `child[offsets[i] .. offsets[i + 1])`. NULL rows have an empty range. */
export interface ListColumn {
  readonly kind: 'list';
  readonly offsets: Uint32Array;
  readonly child: BigInt64Array | Float64Array;
  readonly validity: Validity;
}

/** `all`: no NULLs; `none`: every row NULL (buffers may then be empty); else bit i of word i>>5 is 1 when row i is set. */
export type Validity = 'all' | 'none' | Uint32Array;

export type Column = StringColumn | StretchColumn | FixedColumn | ListColumn;

export interface TableBatch {
  readonly table: TableName;
  readonly rows: number;
  /** In the order of `tableDef(table).columns`. Arrays may be longer than `rows`; only the first `rows` count. */
  readonly columns: readonly Column[];
  /**
   * By column, every key that its attributes have, perhaps more; '' when some value is an object. Without a column: not known.
   */
  readonly keys?: ReadonlyMap<string, readonly string[]>;
}

export interface ColumnBatch {
  /** Bytes that long strings point into. */
  readonly arena: Uint8Array;
  readonly tables: readonly TableBatch[];
}

/** Bytes of memory that a batch holds on to, for the memory budget. */
export function batchBytes(batch: ColumnBatch): number {
  let bytes = batch.arena.byteLength;
  for (const table of batch.tables) {
    for (const column of table.columns) {
      if (column.kind === 'string') bytes += column.refs.byteLength;
      else if (column.kind === 'stretches') bytes += column.refs.byteLength + column.ends.byteLength;
      else if (column.kind === 'fixed') bytes += column.values.byteLength;
      else bytes += column.offsets.byteLength + column.child.byteLength;
    }
  }
  return bytes;
}

export function batchRows(batch: ColumnBatch): number {
  return batch.tables.reduce((sum, table) => sum + table.rows, 0);
}
