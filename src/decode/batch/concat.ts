import { tables, type Column, type ColumnBatch, type TableBatch, type Validity } from '../../schema/index.js';

/** Joins batches into one, in order. Their heaps together must stay below 4 GiB. */
export function concatBatches(batches: readonly ColumnBatch[]): ColumnBatch {
  const heap = new Uint8Array(batches.reduce((sum, batch) => sum + batch.heap.length, 0));
  const bases: number[] = [];
  let length = 0;
  for (const batch of batches) {
    bases.push(length);
    heap.set(batch.heap, length);
    length += batch.heap.length;
  }
  const joined = tables.flatMap(({ name }) => {
    const parts = batches.flatMap((batch, i): Part[] =>
      batch.tables.filter((table) => table.table === name).map((table) => ({ table, base: bases[i]! })),
    );
    return parts.length > 0 ? [concatTable(parts)] : [];
  });
  return { heap, tables: joined };
}

interface Part {
  readonly table: TableBatch;
  /** Where the part's heap begins in the joined one. */
  readonly base: number;
}

function concatTable(parts: readonly Part[]): TableBatch {
  const [{ table: first }] = parts as [Part];
  const rows = parts.reduce((sum, part) => sum + part.table.rows, 0);
  return {
    table: first.table,
    rows,
    columns: first.columns.map((column, i) => concatColumn(column.kind, parts, i, rows)),
  };
}

function concatColumn(kind: Column['kind'], parts: readonly Part[], index: number, rows: number): Column {
  const columns = parts.map(({ table, base }) => ({
    column: table.columns[index]!,
    rows: table.rows,
    base,
  }));
  const validity = concatValidity(columns, rows);
  if (kind === 'string') {
    const refs = new Uint32Array(validity === 'none' ? 0 : rows * 4);
    let row = 0;
    for (const part of columns) {
      if (part.column.kind === 'string' && part.column.validity !== 'none') {
        copyRefs(part.column.refs, part.rows, part.base, refs, row * 4);
      }
      row += part.rows;
    }
    return { kind, refs, validity };
  }
  if (kind === 'fixed') {
    const fixed = columns.map(({ column }) => column).filter((column) => column.kind === 'fixed');
    const values = newLike(fixed[0]!.values, validity === 'none' ? 0 : rows);
    let row = 0;
    for (const part of columns) {
      if (part.column.kind === 'fixed' && part.column.validity !== 'none') {
        (values as Int32Array).set(part.column.values.subarray(0, part.rows) as Int32Array, row);
      }
      row += part.rows;
    }
    return { kind, values, validity };
  }
  const lists = columns.map(({ column }) => column).filter((column) => column.kind === 'list');
  const offsets = new Uint32Array(rows + 1);
  const total = lists.reduce((sum, list, i) => sum + list.offsets[columns[i]!.rows]!, 0);
  const child = newLike(lists[0]!.child, total);
  let row = 0;
  let length = 0;
  for (const [i, list] of lists.entries()) {
    const count = columns[i]!.rows;
    for (let r = 0; r < count; r++) offsets[row + r] = length + list.offsets[r]!;
    (child as Float64Array).set(list.child.subarray(0, list.offsets[count]) as Float64Array, length);
    length += list.offsets[count]!;
    row += count;
  }
  offsets[rows] = length;
  return { kind, offsets, child, validity };
}

function copyRefs(from: Uint32Array, rows: number, base: number, to: Uint32Array, at: number): void {
  to.set(from.subarray(0, rows * 4), at);
  for (let i = at; i < at + rows * 4; i += 4) if (to[i]! > 12) to[i + 2]! += base;
}

function newLike<T extends { readonly length: number }>(values: T, length: number): T {
  return new (values.constructor as new (length: number) => T)(length);
}

function concatValidity(
  columns: readonly { readonly column: Column; readonly rows: number }[],
  rows: number,
): Validity {
  if (columns.every(({ column }) => column.validity === 'all')) return 'all';
  if (columns.every(({ column }) => column.validity === 'none')) return 'none';
  const bits = new Uint32Array((rows + 31) >>> 5);
  let row = 0;
  for (const part of columns) {
    const { validity } = part.column;
    for (let r = 0; r < part.rows; r++, row++) {
      const set =
        validity === 'all' || (validity !== 'none' && ((validity[r >>> 5]! >>> (r & 31)) & 1) === 1);
      if (set) bits[row >>> 5]! |= 1 << (row & 31);
    }
  }
  return bits;
}
