import { randomBytes } from 'node:crypto';
import {
  tableDef,
  type Column,
  type ColumnBatch,
  type ColumnType,
  type TableName,
  type Validity,
} from '../../src/schema/index.js';

export type Row = Readonly<
  Record<string, string | number | bigint | boolean | null | readonly (number | bigint)[]>
>;

/** Column buffers made row by row, independent of the decoder. Columns that a row leaves out are NULL. */
export function columnBatch(rowsByTable: Partial<Record<TableName, readonly Row[]>>): ColumnBatch {
  const arena: number[] = [];
  const tables = Object.entries(rowsByTable).map(([name, rows]) => {
    const def = tableDef(name as TableName);
    for (const row of rows) {
      const unknown = Object.keys(row).find((key) => !def.columns.some((column) => column.name === key));
      if (unknown) throw new Error(`${name} has no column ${unknown}`);
    }
    const columns = def.columns.map((column) => {
      return toColumn(
        column.type,
        rows.map((row) => row[column.name] ?? null),
        arena,
      );
    });
    return { table: def.name, rows: rows.length, columns };
  });
  return { arena: Uint8Array.from(arena), tables };
}

function validityOf(values: readonly unknown[]): Validity {
  if (values.every((value) => value !== null)) return 'all';
  if (values.every((value) => value === null)) return 'none';
  const words = new Uint32Array((values.length + 31) >> 5);
  for (const [i, value] of values.entries()) {
    if (value !== null) words[i >> 5] = ((words[i >> 5] ?? 0) | (1 << (i & 31))) >>> 0;
  }
  return words;
}

function toColumn(type: ColumnType, values: readonly Row[string][], arena: number[]): Column {
  const validity = validityOf(values);
  if (type === 'VARCHAR') {
    const refs = new Uint32Array(values.length * 4);
    const bytes = new Uint8Array(refs.buffer);
    for (const [i, value] of values.entries()) {
      if (value === null) continue;
      const text = new TextEncoder().encode(String(value));
      refs[i * 4] = text.length;
      bytes.set(text.subarray(0, text.length <= 12 ? 12 : 4), i * 16 + 4);
      if (text.length > 12) {
        refs[i * 4 + 2] = arena.length;
        arena.push(...text);
      }
    }
    return { kind: 'string', refs, validity };
  }
  if (type === 'BIGINT[]' || type === 'DOUBLE[]') {
    const offsets = new Uint32Array(values.length + 1);
    const flat: (number | bigint)[] = [];
    for (const [i, value] of values.entries()) {
      if (Array.isArray(value)) flat.push(...(value as (number | bigint)[]));
      offsets[i + 1] = flat.length;
    }
    const child =
      type === 'BIGINT[]' ? BigInt64Array.from(flat.map(BigInt)) : Float64Array.from(flat.map(Number));
    return { kind: 'list', offsets, child, validity };
  }
  const numbers = values.map((value) => value ?? 0);
  const fixed = {
    BIGINT: () => BigInt64Array.from(numbers.map((n) => BigInt(n as number | bigint))),
    TIMESTAMP: () => BigInt64Array.from(numbers.map((n) => BigInt(n as number | bigint))),
    INTEGER: () => Int32Array.from(numbers.map(Number)),
    DOUBLE: () => Float64Array.from(numbers.map(Number)),
    BOOLEAN: () => Uint8Array.from(numbers.map(Number)),
  }[type];
  return { kind: 'fixed', values: fixed(), validity };
}

const largeRows = 40_000;
const largeBody = 280;

/**
 * Log records of two processes whose bodies no compression makes much smaller: three such batches are a full file. `timestamp`: microseconds.
 */
export function largeBatch(n: number, timestamp: number): ColumnBatch {
  const half = largeRows / 2;
  const rows = Array.from({ length: largeRows }, (_, i) => ({
    timestamp: timestamp + i,
    time_unix_nano: BigInt(timestamp + i) * 1000n,
    service_name: i < half ? 's1' : 's2',
    trace_id: `${n}-${i}`.padStart(32, '0'),
  }));
  const { arena, tables } = columnBatch({ logs: rows });
  const bodies = randomBytes(largeRows * largeBody).map((byte) => 48 + (byte & 63));
  const refs = new Uint32Array(largeRows * 4);
  const view = new DataView(bodies.buffer, bodies.byteOffset);
  for (let i = 0; i < largeRows; i++) {
    refs.set([largeBody, view.getUint32(i * largeBody, true), arena.length + i * largeBody, 0], i * 4);
  }
  const body: Column = { kind: 'string', refs, validity: 'all' };
  // As they are decoded.
  const stretches = new Set(['service_name', 'service_instance_id', 'resource_attributes']);
  const columnOf = (column: Column, name: string): Column => {
    if (name === 'body') return body;
    if (!stretches.has(name) || column.kind !== 'string') return column;
    const both = new Uint32Array([
      ...column.refs.subarray(0, 4),
      ...column.refs.subarray(half * 4, half * 4 + 4),
    ]);
    return {
      kind: 'stretches',
      ends: Uint32Array.of(half, largeRows),
      refs: both,
      validity: column.validity,
    };
  };
  const names = tableDef('logs').columns.map(({ name }) => name);
  return {
    arena: Buffer.concat([arena, bodies]),
    tables: tables.map((table) => ({
      ...table,
      columns: table.columns.map((column, i) => columnOf(column, names[i] ?? '')),
    })),
  };
}
