import { DuckDBBlobValue, type DuckDBConnection } from '@duckdb/node-api';
import { ident, literal } from '../../duckdb/index.js';
import type { IndexPart } from './builder.js';

/** Texts that are joined in memory at once: bytes as the file has them, and rows where it has a dictionary, which takes less than they. */
const joinedBytes = 32 * 1024 * 1024;
const mostJoined = 32 * 1024;
/** How many become one. */
const joinedRows = 2048;

/** Of a log record. */
export const idColumns = ['trace_id', 'span_id'] as const;

/** What of a file is indexed, by columns of text. */
export interface Indexed {
  /** By their tokens. Of the first everything is; a question for a value of an attribute is one for tokens of the others. */
  readonly texts: readonly [lines: string, ...attributes: string[]];
  readonly values: readonly string[];
}

/** What the index of a file is made of, row group by row group. */
export async function* indexParts(
  connection: DuckDBConnection,
  path: string,
  { texts, values }: Indexed,
): AsyncIterable<IndexPart> {
  const [lines] = texts;
  let first = 0;
  for (const { rows, steps } of await rowGroups(connection, path)) {
    const parts = (column: string) =>
      joinedBySteps(connection, path, column, { first, rows }, steps.get(column) ?? mostJoined);
    for (const column of texts) {
      for await (const part of parts(column)) yield { text: column === lines ? null : column, bytes: part };
    }
    for (const column of values) {
      for await (const part of parts(column)) yield { column, bytes: part };
    }
    yield { rows };
    first += rows;
  }
}

interface RowGroup {
  readonly rows: number;
  /** By column, how many rows of it are joined at once. */
  readonly steps: ReadonlyMap<string, number>;
}

async function rowGroups(connection: DuckDBConnection, path: string): Promise<RowGroup[]> {
  const reader = await connection.runAndReadAll(
    `SELECT any_value(row_group_num_rows), list(path_in_schema), list(total_uncompressed_size::DOUBLE),
       list(dictionary_page_offset IS NOT NULL)
     FROM parquet_metadata(${literal(path)}) GROUP BY row_group_id ORDER BY row_group_id`,
  );
  return reader.getRowsJS().map(([count, columns, sizes, dictionaries]) => {
    const rows = Number(count);
    const stepOf = (i: number) => {
      const step = Math.ceil(rows / Math.ceil(((sizes as number[])[i] ?? 0) / joinedBytes || 1));
      return (dictionaries as boolean[])[i] === false ? step : Math.min(mostJoined, step);
    };
    return { rows, steps: new Map((columns as string[]).map((column, i) => [column, stepOf(i)])) };
  });
}

async function* joinedBySteps(
  connection: DuckDBConnection,
  path: string,
  column: string,
  { first, rows }: { readonly first: number; readonly rows: number },
  step: number,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  for (let from = 0; from < rows; from += step) {
    yield* joined(connection, path, column, first + from, first + Math.min(from + step, rows));
  }
}

/** The texts of these rows, with line breaks between. */
async function* joined(
  connection: DuckDBConnection,
  path: string,
  column: string,
  from: number,
  until: number,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const texts = await connection.stream(
    `SELECT encode(string_agg(${ident(column)}, chr(10)))
     FROM read_parquet(${literal(path)}, hive_partitioning => false)
     WHERE file_row_number >= ${from} AND file_row_number < ${until} GROUP BY file_row_number // ${joinedRows}`,
  );
  for (let chunk = await texts.fetchChunk(); chunk && chunk.rowCount > 0;) {
    for (const value of chunk.getColumnValues(0)) {
      // The bytes are DuckDB's.
      if (value instanceof DuckDBBlobValue) yield new Uint8Array(value.bytes);
    }
    // Its texts would stay until a collection, which knows nothing of their size.
    chunk.reset();
    chunk = await texts.fetchChunk();
  }
}
