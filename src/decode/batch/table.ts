import { tableDef, type TableBatch, type TableDef, type TableName } from '../../schema/index.js';
import { freeMemory, Held, type Memory } from '../memory.js';
import { KeySet } from '../wire/key-set.js';
import type { BatchMemory } from './batch-memory.js';
import { StretchBuilder } from './stretches.js';
import {
  BooleanBuilder,
  DoubleBuilder,
  Int32Builder,
  Int64Builder,
  ListBuilder,
  StringBuilder,
  type ColumnBuilder,
} from './columns.js';

const keepRows = 32 * 1024;
const minRows = 1024;
const widths: Record<TableDef['columns'][number]['type'], number> = {
  VARCHAR: 16,
  BIGINT: 8,
  TIMESTAMP: 8,
  INTEGER: 4,
  DOUBLE: 8,
  BOOLEAN: 1,
  'BIGINT[]': 4,
  'DOUBLE[]': 4,
};

/** One table of a batch under construction. */
export class TableBuilder {
  rows = 0;
  /** Is told the keys of each column of attributes that tells them. */
  readonly #keys = new Map<string, KeySet>();
  readonly def: TableDef;
  /** What the columns take for one row, the elements of lists not counted. */
  readonly rowBytes: number;
  #held = new Held(freeMemory);
  #capacity = 0;
  #columns = new Map<string, ColumnBuilder>();

  /** `optional`: the fixed-width columns that may be NULL. */
  constructor(name: TableName, optional: readonly string[]) {
    this.def = tableDef(name);
    for (const column of this.def.columns) {
      this.#columns.set(column.name, builderOf(column.type, !optional.includes(column.name)));
    }
    this.rowBytes = this.def.columns.reduce((sum, column) => sum + widths[column.type], 0);
  }

  /** From now on memory is taken there before the columns grow. */
  account(memory: Memory): void {
    this.#held = new Held(memory);
    for (const column of this.#columns.values()) {
      if (column instanceof ListBuilder) column.held = new Held(memory);
    }
  }

  /** Makes room for `count` rows more. */
  reserve(count: number): void {
    const needed = this.rows + count;
    if (needed <= this.#capacity) return;
    const capacity = Math.max(needed, minRows, this.#capacity * 2);
    this.#held.grow(capacity * this.rowBytes);
    this.#capacity = capacity;
    for (const column of this.#columns.values()) column.resize(this.#capacity);
  }

  /** Forgets the rows from `row` on. */
  truncate(row: number): void {
    for (const column of this.#columns.values()) column.clear(row, this.rows);
    this.rows = row;
  }

  reset(): void {
    this.truncate(0);
    this.#held.release();
    if (this.#capacity <= keepRows) return;
    this.#capacity = minRows;
    for (const column of this.#columns.values()) column.resize(minRows);
  }

  packedBytes(): number {
    let bytes = 0;
    for (const column of this.#columns.values()) bytes += column.packedBytes(this.rows);
    return bytes;
  }

  pack(memory: BatchMemory): TableBatch {
    return {
      ...this.#takenKeys(),
      table: this.def.name,
      rows: this.rows,
      columns: this.def.columns.map((column) => this.#columns.get(column.name)!.pack(memory, this.rows)),
    };
  }

  #takenKeys(): Pick<TableBatch, 'keys'> {
    if (this.#keys.size === 0) return {};
    const taken = [...this.#keys].flatMap(([column, set]) => {
      const keys = set.take();
      return keys === null ? [] : [[column, keys] as const];
    });
    return { keys: new Map(taken) };
  }

  string(name: string): StringBuilder {
    return this.#get(name, StringBuilder);
  }

  /** The keys of this column are told with each batch. */
  keysOf(column: string): KeySet {
    const set = new KeySet();
    this.#keys.set(column, set);
    return set;
  }

  /** A VARCHAR column that is filled by stretches of rows from now on. */
  stretches(name: string): StretchBuilder {
    this.#get(name, StringBuilder);
    const column = new StretchBuilder();
    this.#columns.set(name, column);
    return column;
  }

  int64(name: string): Int64Builder {
    return this.#get(name, Int64Builder);
  }

  int32(name: string): Int32Builder {
    return this.#get(name, Int32Builder);
  }

  double(name: string): DoubleBuilder {
    return this.#get(name, DoubleBuilder);
  }

  boolean(name: string): BooleanBuilder {
    return this.#get(name, BooleanBuilder);
  }

  list(name: string): ListBuilder {
    return this.#get(name, ListBuilder);
  }

  #get<B extends ColumnBuilder>(name: string, type: new (...args: never[]) => B): B {
    const column = this.#columns.get(name);
    if (column instanceof type) return column;
    throw new Error(`${this.def.name} has no column ${name} of that type`);
  }
}

function builderOf(type: TableDef['columns'][number]['type'], required: boolean): ColumnBuilder {
  switch (type) {
    case 'VARCHAR':
      return new StringBuilder();
    case 'BIGINT':
    case 'TIMESTAMP':
      return new Int64Builder(required);
    case 'INTEGER':
      return new Int32Builder(required);
    case 'DOUBLE':
      return new DoubleBuilder(required);
    case 'BOOLEAN':
      return new BooleanBuilder(required);
    case 'BIGINT[]':
      return new ListBuilder('BIGINT');
    case 'DOUBLE[]':
      return new ListBuilder('DOUBLE');
  }
}
