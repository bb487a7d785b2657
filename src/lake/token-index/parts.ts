import { DuckDBBlobValue, type DuckDBConnection } from '@duckdb/node-api';
import { ident, isOutOfMemory, literal } from '../../duckdb/index.js';
import type { IndexPart } from './builder.js';

/** Of the texts that are joined in memory at once, of all columns together, as far as the footer tells. */
const joinedBytes = 32 * 1024 * 1024;
/** A text is taken for no longer where a dictionary has it: its chunk tells only how long values are that occur equally often. */
const mostTextBytes = 1024;
/** How many texts become one. */
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
  for (const { rows, columnBytes } of await rowGroups(connection, path)) {
    for (const { together, bytes } of statements(columns, columnBytes)) {
      const step = Math.ceil(rows / Math.ceil(bytes / joinedBytes || 1));
      for (let from = 0; from < rows; from += step) {
        const range = { from: first + from, until: first + Math.min(from + step, rows) };
        for await (const [column, joinedTexts] of joined(connection, path, together, range))
          yield partOf(column, joinedTexts);
      }
    }
    yield { rows };
    first += rows;
  }
}

interface RowGroup {
  readonly rows: number;
  /** What the texts of each column may take. */
  readonly columnBytes: ReadonlyMap<string, number>;
}

async function rowGroups(connection: DuckDBConnection, path: string): Promise<RowGroup[]> {
  const bytes = 'total_uncompressed_size::DOUBLE';
  // Without the number of its values a dictionary may have one.
  const inDictionary = `least(${mostTextBytes}, ${bytes} / greatest(1, coalesce(stats_distinct_count, 1))) * row_group_num_rows`;
  const reader = await connection.runAndReadAll(
    `SELECT any_value(row_group_num_rows), list(path_in_schema),
       list(greatest(${bytes}, CASE WHEN dictionary_page_offset IS NOT NULL THEN ${inDictionary} END))
     FROM parquet_metadata(${literal(path)}) GROUP BY row_group_id ORDER BY row_group_id`,
  );
  return reader.getRowsJS().map(([rows, columns, sizes]) => ({
    rows: Number(rows),
    columnBytes: new Map((columns as string[]).map((column, i) => [column, (sizes as number[])[i] ?? 0])),
  }));
}

/** Columns that one statement joins: to plan it takes as long as to read one. Those of more bytes than are joined at once are alone. */
function statements(columns: readonly string[], columnBytes: ReadonlyMap<string, number>) {
  const all: { readonly together: string[]; bytes: number }[] = [];
  for (const column of columns) {
    const bytes = columnBytes.get(column) ?? 0;
    const last = all.at(-1);
    if (last && last.bytes + bytes <= joinedBytes) {
      last.together.push(column);
      last.bytes += bytes;
    } else all.push({ together: [column], bytes });
  }
  return all;
}

interface Range {
  readonly from: number;
  readonly until: number;
}

/** The texts of these rows, by column, with line breaks between: fewer columns or rows at once where they take more memory than there is. */
async function* joined(
  connection: DuckDBConnection,
  path: string,
  columns: readonly string[],
  range: Range,
): AsyncIterable<[column: string, bytes: Uint8Array<ArrayBuffer>]> {
  try {
    yield* joinedAtOnce(connection, path, columns, range);
  } catch (error) {
    const halves = isOutOfMemory(error) ? halvesOf(columns, range) : null;
    if (halves === null) throw error;
    for (const half of halves) yield* joined(connection, path, half.columns, half.range);
  }
}

/** Null: it is as little as is joined at all. */
function halvesOf(
  columns: readonly string[],
  { from, until }: Range,
): readonly { readonly columns: readonly string[]; readonly range: Range }[] | null {
  const half = Math.ceil(columns.length / 2);
  if (columns.length > 1) {
    return [columns.slice(0, half), columns.slice(half)].map((some) => ({
      columns: some,
      range: { from, until },
    }));
  }
  if (until - from <= joinedRows) return null;
  const middle = from + Math.ceil((until - from) / 2);
  return [
    { from, until: middle },
    { from: middle, until },
  ].map((range) => ({ columns, range }));
}

async function* joinedAtOnce(
  connection: DuckDBConnection,
  path: string,
  columns: readonly string[],
  { from, until }: Range,
): AsyncIterable<[column: string, bytes: Uint8Array<ArrayBuffer>]> {
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
