import duckdb, { type Vector } from '@duckdb/node-bindings';
import { DuckDBListType, DuckDBTypeId, type DuckDBDataChunk, type DuckDBType } from '@duckdb/node-api';
import type { RawChunk, RawColumn, RawKind, ResultChunk, SqlColumn } from './session.js';

/** How a type lies in a vector: its kind and bytes a value. */
const layouts: Partial<Record<DuckDBTypeId, readonly [kind: RawKind, width: number]>> = {
  [DuckDBTypeId.BOOLEAN]: ['boolean', 1],
  [DuckDBTypeId.TINYINT]: ['int8', 1],
  [DuckDBTypeId.SMALLINT]: ['int16', 2],
  [DuckDBTypeId.INTEGER]: ['int32', 4],
  [DuckDBTypeId.BIGINT]: ['int64', 8],
  [DuckDBTypeId.UTINYINT]: ['uint8', 1],
  [DuckDBTypeId.USMALLINT]: ['uint16', 2],
  [DuckDBTypeId.UINTEGER]: ['uint32', 4],
  [DuckDBTypeId.UBIGINT]: ['uint64', 8],
  [DuckDBTypeId.HUGEINT]: ['int128', 16],
  [DuckDBTypeId.FLOAT]: ['float', 4],
  [DuckDBTypeId.DOUBLE]: ['double', 8],
  [DuckDBTypeId.VARCHAR]: ['text', 16],
  [DuckDBTypeId.LIST]: ['list', 16],
  [DuckDBTypeId.SQLNULL]: ['null', 0],
};

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

const aligned = (bytes: number) => (bytes + 15) & ~15;

/**
 * The vectors of a chunk, copied as they are into one buffer of their own. Long strings stay where they are:
 * whoever reads them needs the chunk to live until then, which `hold` is for.
 */
export function rawChunk(chunk: DuckDBDataChunk, types: readonly DuckDBType[]): RawChunk {
  const pieces: Piece[] = [];
  let length = 0;
  const put = (bytes: Uint8Array): number => {
    const at = length;
    pieces.push({ at, bytes });
    length = aligned(length + bytes.byteLength);
    return at;
  };
  const column = (vector: Vector, type: DuckDBType, count: number): RawColumn => {
    const layout = layouts[type.typeId];
    if (!layout) throw new Error(`a column of type ${String(type)} cannot be read by a query thread`);
    const [kind, width] = layout;
    if (kind === 'null' || count === 0) return { kind, count, data: 0, validity: -1, child: null };
    const validity = duckdb.vector_get_validity(vector, Math.ceil(count / 64) * 8) as Uint8Array | null;
    const data = put(duckdb.vector_get_data(vector, count * width));
    const child =
      type instanceof DuckDBListType
        ? column(duckdb.list_vector_get_child(vector), type.valueType, duckdb.list_vector_get_size(vector))
        : null;
    return { kind, count, data, validity: validity ? put(validity) : -1, child };
  };
  const { rowCount } = chunk;
  const columns = types.map((type, c) =>
    column(duckdb.data_chunk_get_vector(chunk.chunk, c), type, rowCount),
  );
  const all = new Uint8Array(length);
  for (const { at, bytes } of pieces) all.set(bytes, at);
  return { rowCount, columns, buffer: all.buffer, hold: chunk };
}

/**
 * The values of a raw chunk, as ResultChunk has them. May run in another thread than `rawChunk`, of the same
 * process, while `hold` is still referenced; afterwards nothing points into DuckDB's memory any more.
 */
export function chunkValues({ rowCount, columns, buffer }: Omit<RawChunk, 'hold'>): ResultChunk {
  return { rowCount, columns: columns.map((column) => columnValues(column, buffer)) };
}

function columnValues(column: RawColumn, buffer: ArrayBuffer): SqlColumn {
  const { kind, count, data, validity } = column;
  if (count === 0) return [];
  const valid = validity < 0 ? null : new Uint8Array(buffer, validity, Math.ceil(count / 8));
  switch (kind) {
    case 'null':
      return new Array<null>(count).fill(null);
    case 'double':
      return nullable(new Float64Array(buffer, data, count), valid);
    case 'float':
      return nullable(new Float32Array(buffer, data, count), valid);
    case 'int8':
      return nullable(new Int8Array(buffer, data, count), valid);
    case 'int16':
      return nullable(new Int16Array(buffer, data, count), valid);
    case 'int32':
      return nullable(new Int32Array(buffer, data, count), valid);
    case 'int64':
      return nullable(new BigInt64Array(buffer, data, count), valid);
    case 'uint8':
      return nullable(new Uint8Array(buffer, data, count), valid);
    case 'uint16':
      return nullable(new Uint16Array(buffer, data, count), valid);
    case 'uint32':
      return nullable(new Uint32Array(buffer, data, count), valid);
    case 'uint64':
      return nullable(new BigUint64Array(buffer, data, count), valid);
    case 'boolean': {
      const bytes = new Uint8Array(buffer, data, count);
      return each(count, valid, (i) => bytes[i] !== 0);
    }
    case 'int128': {
      const view = new DataView(buffer, data, count * 16);
      return each(
        count,
        valid,
        (i) => (view.getBigInt64(i * 16 + 8, true) << 64n) + view.getBigUint64(i * 16, true),
      );
    }
    case 'text':
      return texts(buffer, data, count, valid);
    case 'list': {
      const values = column.child ? columnValues(column.child, buffer) : [];
      const view = new DataView(buffer, data, count * 16);
      return each(count, valid, (i) => {
        const from = view.getUint32(i * 16, true);
        return Array.prototype.slice.call(values, from, from + view.getUint32(i * 16 + 8, true)) as unknown[];
      });
    }
  }
}

function nullable(values: SqlColumn, valid: Uint8Array | null): SqlColumn {
  return valid === null ? values : each(values.length, valid, (i) => values[i]);
}

const isNull = (valid: Uint8Array | null, i: number) =>
  valid !== null && ((valid[i >> 3] ?? 0) & (1 << (i & 7))) === 0;

function each(count: number, valid: Uint8Array | null, value: (i: number) => unknown): unknown[] {
  const out = new Array<unknown>(count);
  for (let i = 0; i < count; i++) {
    out[i] = isNull(valid, i) ? null : value(i);
  }
  return out;
}

/** Strings of up to this many bytes lie in the vector itself, behind their 4 bytes of length. */
const inlined = 12;

/**
 * Strings that begin at most this many bytes after the end of another are fetched together with it, as each fetch takes
 * several times as long as to decode one. What lies between belongs to a page that one of both is in.
 */
const gap = 64;
const mostTogether = 16 * 1024 * 1024;

/** A string that lies elsewhere, and its row. Rows that repeat a value often share its bytes. */
interface Long {
  readonly row: number;
  readonly begin: number;
  readonly length: number;
}

/** Strings that lie together: `slot` in the buffer has the address of the first. */
interface Run {
  readonly begin: number;
  readonly slot: number;
  end: number;
  count: number;
}

function texts(buffer: ArrayBuffer, start: number, count: number, valid: Uint8Array | null): unknown[] {
  const view = new DataView(buffer, start, count * 16);
  const bytes = Buffer.from(buffer, start, count * 16);
  const out = new Array<unknown>(count);
  const rows: Long[] = [];
  let ordered = true;
  for (let i = 0, before = 0; i < count; i++) {
    if (isNull(valid, i)) {
      out[i] = null;
      continue;
    }
    const length = view.getUint32(i * 16, true);
    if (length <= inlined) {
      out[i] = bytes.toString('utf8', i * 16 + 4, i * 16 + 4 + length);
      continue;
    }
    const begin = view.getUint32(i * 16 + 8, true) + view.getUint32(i * 16 + 12, true) * 2 ** 32;
    if (begin < before) ordered = false;
    before = begin;
    rows.push({ row: i, begin, length });
  }
  if (!ordered) rows.sort((a, b) => a.begin - b.begin);
  const runs: Run[] = [];
  for (const { row, begin, length } of rows) {
    const run = runs.at(-1);
    const end = begin + length;
    if (run && begin <= run.end + gap && end - run.begin <= mostTogether) {
      run.end = Math.max(run.end, end);
      run.count++;
    } else runs.push({ begin, slot: start + row * 16 + 8, end, count: 1 });
  }
  let next = 0;
  for (const { begin: first, slot, end, count } of runs) {
    const data = duckdb.get_data_from_pointer(buffer, slot, end - first);
    const run = Buffer.from(data.buffer, data.byteOffset, end - first);
    let last = { begin: -1, length: 0, text: '' };
    for (const { row, begin, length } of rows.slice(next, next + count)) {
      if (begin !== last.begin || length !== last.length) {
        last = { begin, length, text: run.toString('utf8', begin - first, begin - first + length) };
      }
      out[row] = last.text;
    }
    next += count;
  }
  return out;
}
