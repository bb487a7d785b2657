import { DuckDBBlobValue, type DuckDBConnection } from '@duckdb/node-api';
import { ident, listLiteral, literal } from '../../duckdb/index.js';
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
  const columns = [...texts, ...values];
  const partOf = (column: string, bytes: Uint8Array<ArrayBuffer>): IndexPart =>
    values.includes(column) ? { column, bytes } : { text: column === lines ? null : column, bytes };
  let first = 0;
  for (const { rows, step } of await rowGroups(connection, path, columns)) {
    for (let from = 0; from < rows; from += step) {
      const range = { from: first + from, until: first + Math.min(from + step, rows) };
      for await (const [column, bytes] of joined(connection, path, columns, range))
        yield partOf(column, bytes);
    }
    yield { rows };
    first += rows;
  }
}

interface RowGroup {
  readonly rows: number;
  /** How many of them are joined at once. */
  readonly step: number;
}

async function rowGroups(
  connection: DuckDBConnection,
  path: string,
  columns: readonly string[],
): Promise<RowGroup[]> {
  const reader = await connection.runAndReadAll(
    `SELECT any_value(row_group_num_rows), sum(total_uncompressed_size)::DOUBLE, bool_or(dictionary_page_offset IS NOT NULL)
     FROM parquet_metadata(${literal(path)}) WHERE list_contains(${listLiteral(columns)}, path_in_schema)
     GROUP BY row_group_id ORDER BY row_group_id`,
  );
  return reader.getRowsJS().map(([count, bytes, dictionary]) => {
    const rows = Number(count);
    const step = Math.ceil(rows / Math.ceil(Number(bytes) / joinedBytes || 1));
    return { rows, step: dictionary === false ? step : Math.min(mostJoined, step) };
  });
}

/** The texts of these rows, by column, with line breaks between. One statement for all columns: to plan it takes as long as to read a column. */
async function* joined(
  connection: DuckDBConnection,
  path: string,
  columns: readonly string[],
  { from, until }: { readonly from: number; readonly until: number },
): AsyncIterable<[column: string, Uint8Array<ArrayBuffer>]> {
  const texts = await connection.stream(
    `SELECT ${columns.map((column) => `encode(string_agg(${ident(column)}, chr(10)))`).join(', ')}
     FROM read_parquet(${literal(path)}, hive_partitioning => false)
     WHERE file_row_number >= ${from} AND file_row_number < ${until} GROUP BY file_row_number // ${joinedRows}`,
  );
  for (let chunk = await texts.fetchChunk(); chunk && chunk.rowCount > 0;) {
    for (const [i, column] of columns.entries()) {
      for (const value of chunk.getColumnValues(i)) {
        // The bytes are DuckDB's.
        if (value instanceof DuckDBBlobValue) yield [column, new Uint8Array(value.bytes)];
      }
    }
    // Its texts would stay until a collection, which knows nothing of their size.
    chunk.reset();
    chunk = await texts.fetchChunk();
  }
}
