/** Reads column batches back and checks what every batch promises (src/schema/batch.ts). */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import {
  batchRows,
  tableDef,
  type Column,
  type ColumnBatch,
  type StretchColumn,
  type TableBatch,
  type TableName,
  type Validity,
} from '../../src/schema/index.js';

export type DecodedRow = Record<string, unknown>;

function isSet(validity: Validity, row: number): boolean {
  if (validity === 'all') return true;
  if (validity === 'none') return false;
  return ((validity[row >>> 5]! >>> (row & 31)) & 1) === 1;
}

function stringBytes(batch: ColumnBatch, refs: Uint32Array, row: number): Uint8Array {
  const length = refs[row * 4]!;
  if (length <= 12) return new Uint8Array(refs.buffer, refs.byteOffset + row * 16 + 4, length);
  const offset = refs[row * 4 + 2]!;
  return batch.arena.subarray(offset, offset + length);
}

/** The first rows of a column of stretches, four words for each. */
function rowWise({ ends, refs }: StretchColumn, rows: number): { refs: Uint32Array } {
  const all = new Uint32Array(rows * 4);
  let from = 0;
  for (const [i, end] of ends.entries()) {
    for (; from < Math.min(end, rows); from++) all.set(refs.subarray(i * 4, i * 4 + 4), from * 4);
  }
  return { refs: all };
}

function cell(batch: ColumnBatch, column: Column, row: number): unknown {
  if (!isSet(column.validity, row)) return null;
  if (column.kind === 'string') return Buffer.from(stringBytes(batch, column.refs, row)).toString('utf8');
  if (column.kind === 'stretches') {
    const stretch = column.ends.findIndex((end) => end > row);
    return Buffer.from(stringBytes(batch, column.refs, stretch)).toString('utf8');
  }
  if (column.kind === 'fixed') return column.values[row];
  return [...column.child.subarray(column.offsets[row], column.offsets[row + 1])];
}

/** A table's rows as objects; BIGINT and TIMESTAMP as bigint, BOOLEAN as 0 or 1, NULL as null, lists as arrays. */
export function rowsOf(batch: ColumnBatch, name: TableName): DecodedRow[] {
  const table = batch.tables.find((t) => t.table === name);
  if (!table) return [];
  const names = tableDef(name).columns.map((column) => column.name);
  return Array.from({ length: table.rows }, (_, row) =>
    Object.fromEntries(names.map((column, i) => [column, cell(batch, table.columns[i]!, row)])),
  );
}

/** Throws AssertionError when the batch breaks a promise that DuckDB relies on. */
export function checkBatch(batch: ColumnBatch, expectedRows?: number): void {
  if (expectedRows !== undefined) assert.equal(batchRows(batch), expectedRows, 'rows');
  for (const table of batch.tables) checkTable(batch, table);
}

function checkTable(batch: ColumnBatch, table: TableBatch): void {
  const def = tableDef(table.table);
  assert.ok(table.rows > 0, `${table.table} is there without rows`);
  assert.equal(table.columns.length, def.columns.length);
  for (const [i, { name, type }] of def.columns.entries()) {
    const column = table.columns[i]!;
    const label = `${table.table}.${name}`;
    const text = column.kind === 'stretches' ? 'stretches' : 'string';
    assert.equal(column.kind, type === 'VARCHAR' ? text : type.endsWith('[]') ? 'list' : 'fixed', label);
    if (typeof column.validity !== 'string') assert.ok(column.validity.length * 32 >= table.rows, label);
    if (column.kind === 'string') checkStrings(batch, table, column.refs, column.validity, label);
    else if (column.kind === 'stretches') {
      if (column.validity === 'none') continue;
      const ends = [...column.ends];
      assert.ok(
        ends.every((end, i) => end > (ends[i - 1] ?? 0)),
        `${label}: stretches go back`,
      );
      assert.equal(ends.at(-1), table.rows, label);
      checkStrings(batch, table, rowWise(column, table.rows).refs, column.validity, label);
    } else if (column.kind === 'fixed') {
      if (column.validity !== 'none') assert.ok(column.values.length >= table.rows, label);
      assert.equal(column.values.constructor, arrayTypes[type], label);
    } else {
      assert.equal(column.offsets[0], 0, label);
      for (let row = 0; row < table.rows; row++) {
        assert.ok(column.offsets[row]! <= column.offsets[row + 1]!, `${label}: offsets go back`);
      }
      assert.ok(column.offsets[table.rows]! <= column.child.length, `${label}: list beyond its values`);
      assert.equal(column.child.constructor, arrayTypes[type], label);
    }
  }
}

const arrayTypes: Record<string, unknown> = {
  BIGINT: BigInt64Array,
  TIMESTAMP: BigInt64Array,
  INTEGER: Int32Array,
  DOUBLE: Float64Array,
  BOOLEAN: Uint8Array,
  'BIGINT[]': BigInt64Array,
  'DOUBLE[]': Float64Array,
};

function checkStrings(
  batch: ColumnBatch,
  table: TableBatch,
  refs: Uint32Array,
  validity: Validity,
  label: string,
): void {
  if (validity === 'none') return;
  // Rows of one resource share their strings: each is looked at once.
  const checked = new Set<string>();
  for (let row = 0; row < table.rows; row++) {
    const at = row * 4;
    const key = refs.subarray(at, at + 4).join();
    if (!isSet(validity, row)) {
      assert.equal(key, '0,0,0,0', `${label}: a NULL row is not zero`);
      continue;
    }
    if (checked.has(key)) continue;
    checked.add(key);
    const length = refs[at]!;
    assert.ok(length > 0, `${label}: an empty string that is not NULL`);
    const bytes = stringBytes(batch, refs, row);
    assert.equal(bytes.length, length, `${label}: a string beyond the arena`);
    const inline = Buffer.from(refs.buffer, refs.byteOffset + at * 4 + 4, 12);
    if (length > 12) {
      assert.equal(
        inline.toString('hex', 0, 4),
        Buffer.from(bytes).toString('hex', 0, 4),
        `${label}: prefix`,
      );
      assert.equal(refs[at + 3], 0, label);
    } else {
      assert.ok(!inline.subarray(length).some(Boolean), `${label}: inline padding`);
    }
    assert.ok(isUtf8(bytes), `${label}: not UTF-8: ${Buffer.from(bytes).toString('hex')}`);
    if (/_json$|attributes$|metadata$/.test(label)) JSON.parse(Buffer.from(bytes).toString('utf8'));
  }
}
