import duckdb from '@duckdb/node-bindings';
import { randomUUID } from 'node:crypto';
import { messageOf, literal } from '../duckdb/index.js';
import { tableDef, type ColumnBatch, type TableBatch, type TableName } from '../schema/index.js';
import {
  ChunkFiller,
  chunkRows,
  columnTypes,
  loadedTable,
  StringArenaLoader,
  type LoadedArena,
  type LoadedTable,
  type Slice,
} from './chunks.js';
import { listSurvivesText, survivesText } from './decimal-text.js';
import { byProcess, type Run } from './process-order.js';

/** Batches whose arenas are in DuckDB's memory, to be read by `INSERT ... FROM canardstack_batch(...)`. */
export interface LoadedBatches {
  /**
   * Tables that have rows, each with the SELECT that reads them, columns in the table's order. `textBytes` goes through
   * all strings of the table's rows, `exactAsText` through all doubles: whether they come back from SQL text. `ordered` makes a SELECT
   * of the same rows in the order of `process-order.ts`; null where they are not to be had so.
   */
  readonly tables: readonly {
    table: TableName;
    rows: number;
    textBytes: () => number;
    exactAsText: () => boolean;
    select: string;
    ordered: () => string | null;
  }[];
  /** The SQL of `tables` gives an error from then on; the arenas go once nobody reads them. */
  close(): void;
  /** The same, and frees the arenas at once. Only after every statement that read them has ended. */
  free(): void;
}

interface Source {
  readonly filler: ChunkFiller;
  readonly tables: readonly LoadedTable[];
  /** In which the rows are handed over. */
  readonly runs: readonly Run[];
}

/** Rows of `run` before `row` were handed over. */
interface Cursor {
  run: number;
  row: number;
}

const functionName = 'canardstack_batch';
const yieldBytes = 4 * 1024 * 1024;

/**
 * A table function over column buffers: DuckDB's insert pipeline pulls chunks from it, so rows go from the
 * decoder's buffers to the Parquet writer without a staging table. One copy of the strings is made, into
 * DuckDB's memory; chunks are filled on the main thread one at a time, between other work of the event loop.
 * Batches are found by a random name, so SQL from outside can't read them.
 */
export class BatchTableFunction {
  readonly #sources = new Map<string, Source>();
  readonly #arenas = new StringArenaLoader();

  constructor(threads: number) {
    this.#threads = threads;
  }

  readonly #threads: number;

  register(connection: duckdb.Connection): void {
    const fn = duckdb.create_table_function();
    duckdb.table_function_set_name(fn, functionName);
    duckdb.table_function_add_parameter(fn, duckdb.create_logical_type(duckdb.Type.VARCHAR));
    duckdb.table_function_set_bind(fn, (info) => {
      try {
        const source = this.#sources.get(duckdb.get_varchar(duckdb.bind_get_parameter(info, 0)));
        if (!source) throw new Error('no such batch');
        const { def } = source.filler;
        for (const [i, type] of columnTypes(def.name).entries()) {
          duckdb.bind_add_result_column(info, (def.columns[i] as { name: string }).name, type);
        }
        duckdb.bind_set_bind_data(info, source);
      } catch (error) {
        duckdb.bind_set_error(info, messageOf(error));
      }
    });
    duckdb.table_function_set_init(fn, (info) => {
      duckdb.init_set_init_data(info, { run: 0, row: 0 } satisfies Cursor);
      duckdb.init_set_max_threads(info, this.#threads);
    });
    duckdb.table_function_set_function(fn, (info, chunk) => {
      try {
        next(
          duckdb.function_get_bind_data(info) as Source,
          duckdb.function_get_init_data(info) as Cursor,
          chunk,
        );
      } catch (error) {
        duckdb.function_set_error(info, messageOf(error));
      }
    });
    duckdb.register_table_function(connection, fn);
  }

  /** Copies the batches' arenas; yields to the event loop every few MB. Throws TypeError on a batch that doesn't fit its table. */
  async load(batches: readonly ColumnBatch[]): Promise<LoadedBatches> {
    const sources = new Map<TableName, { filler: ChunkFiller; tables: LoadedTable[] }>();
    const arenas: LoadedArena[] = [];
    let copied = 0;
    for (const batch of batches) {
      const arena = this.#arenas.load(batch.arena);
      arenas.push(arena);
      copied += batch.arena.byteLength;
      for (const table of batch.tables) {
        if (table.rows === 0) continue;
        let source = sources.get(table.table);
        if (!source) {
          source = { filler: new ChunkFiller(tableDef(table.table)), tables: [] };
          sources.set(table.table, source);
        }
        source.tables.push(loadedTable(source.filler, table, arena, batch.arena));
      }
      if (copied >= yieldBytes) {
        copied = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const names: string[] = [];
    const named = (source: Source) => {
      const name = randomUUID();
      names.push(name);
      this.#sources.set(name, source);
      return `SELECT * FROM ${functionName}(${literal(name)})`;
    };
    const tables = [...sources].map(([table, source]) => {
      const ofTable = source.tables.map(({ batch }) => batch);
      const textBytes = () => ofTable.reduce((sum, batch) => sum + stringBytes(batch), 0);
      let exact: boolean | undefined;
      const exactAsText = () => (exact ??= ofTable.every(doublesSurviveText));
      return {
        table,
        rows: ofTable.reduce((sum, { rows }) => sum + rows, 0),
        textBytes,
        exactAsText,
        select: named({
          ...source,
          runs: ofTable.map(({ rows }, table) => ({ table, from: 0, to: rows })),
        }),
        ordered: () => {
          const runs = byProcess(source.filler.def, source.tables);
          return runs === null ? null : named({ ...source, runs });
        },
      };
    });
    const close = () => {
      for (const name of names) this.#sources.delete(name);
    };
    return {
      tables,
      close,
      free: () => {
        close();
        for (const arena of arenas.splice(0)) this.#arenas.free(arena);
      },
    };
  }
}

function doublesSurviveText({ columns, rows }: TableBatch): boolean {
  return columns.every((column) => {
    if (column.kind === 'fixed' && column.values instanceof Float64Array) {
      return column.validity === 'none' || column.values.subarray(0, rows).every(survivesText);
    }
    if (column.kind !== 'list' || !(column.child instanceof Float64Array)) return true;
    for (let row = 0; row < rows; row++) {
      const list = column.child.subarray(column.offsets[row], column.offsets[row + 1]);
      if (!listSurvivesText(list)) return false;
    }
    return true;
  });
}

/** Bytes of all strings; one that several rows share counts for each. */
function stringBytes({ columns, rows }: TableBatch): number {
  let bytes = 0;
  for (const column of columns) {
    if (column.validity === 'none') continue;
    if (column.kind === 'stretches') {
      let from = 0;
      for (const [i, end] of column.ends.entries()) {
        bytes += (column.refs[i * 4] ?? 0) * (Math.min(end, rows) - from);
        from = Math.min(end, rows);
      }
    }
    if (column.kind !== 'string') continue;
    for (let i = 0; i < rows; i++) bytes += column.refs[i * 4] ?? 0;
  }
  return bytes;
}

/** Fills the next chunk; an empty chunk ends the scan. Short runs share one, as each costs the same whatever its rows. */
function next({ filler, tables, runs }: Source, cursor: Cursor, chunk: duckdb.DataChunk): void {
  const slices: Slice[] = [];
  let room = chunkRows;
  while (room > 0) {
    const run = runs[cursor.run];
    if (!run) break;
    const from = run.from + cursor.row;
    const rows = Math.min(room, run.to - from);
    slices.push({ table: tables[run.table] as LoadedTable, from, rows });
    room -= rows;
    cursor.row += rows;
    if (from + rows < run.to) continue;
    cursor.run++;
    cursor.row = 0;
  }
  if (slices.length === 0) duckdb.data_chunk_set_size(chunk, 0);
  else filler.fill(chunk, slices);
}
