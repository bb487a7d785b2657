import { DuckDBBlobValue, type DuckDBConnection } from '@duckdb/node-api';
import { ident, literal } from '../../duckdb/index.js';
import type { IndexPart } from './builder.js';

/** Texts that are joined in memory at once, bytes, and how many become one. */
const joinedBytes = 32 * 1024 * 1024;
const joinedRows = 2048;

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
  const groups = await connection.runAndReadAll(
    `SELECT any_value(row_group_num_rows), sum(total_uncompressed_size) FROM parquet_metadata(${literal(path)})
     WHERE path_in_schema = ${literal(lines)} GROUP BY row_group_id ORDER BY row_group_id`,
  );
  let first = 0;
  for (const [count, bytes] of groups.getRows()) {
    const rows = Number(count);
    const step = Math.ceil(rows / Math.ceil((Number(bytes) + 1) / joinedBytes));
    for (const column of texts) {
      for (let from = 0; from < rows; from += step) {
        const until = Math.min(from + step, rows);
        for await (const part of joined(connection, path, column, first + from, first + until)) {
          yield { text: column === lines ? null : column, bytes: part };
        }
      }
    }
    for (const column of values) {
      for await (const part of joined(connection, path, column, first, first + rows)) {
        yield { column, bytes: part };
      }
    }
    yield { rows };
    first += rows;
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
