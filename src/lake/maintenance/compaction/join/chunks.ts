import { listLiteral, literal } from '../../../../duckdb/index.js';

const same = [
  'path_in_schema',
  'type',
  'compression',
  'encodings',
  'row_group_num_rows',
  'num_values',
  'total_compressed_size',
  'total_uncompressed_size',
  'stats_null_count',
  'stats_distinct_count',
  'stats_min_value',
  'stats_max_value',
  'bloom_filter_length',
];
const places = ['data_page_offset', 'dictionary_page_offset', 'bloom_filter_offset'];

/**
 * A row for each of `inputs`, in their order, and one without a number for chunks of `output` alone: the number, how many column chunks
 * differ from the joined file's in other than their places, the least and the most that these are moved by, and the bytes of all chunks.
 */
export function joinedChunksSql(inputs: readonly string[], output: string): string {
  const each = (alias: string, columns: readonly string[]) =>
    columns.map((name) => `${alias}.${name}`).join(', ');
  const is = (alias: string) => places.map((name) => `${alias}.${name} IS NULL`).join(', ');
  const moves = places.map((name) => `w.${name} - r.${name}`).join(', ');
  return `
    WITH r AS (
      SELECT *, row_number() OVER (ORDER BY file, row_group_id, column_id) AS n
      FROM (SELECT *, list_position(${listLiteral(inputs)}, file_name) AS file FROM parquet_metadata(${listLiteral(inputs)}))
    ), w AS (
      SELECT *, row_number() OVER (ORDER BY row_group_id, column_id) AS n FROM parquet_metadata(${literal(output)})
    )
    SELECT r.file, count(*) FILTER (row(${each('r', same)}, ${is('r')}) IS DISTINCT FROM row(${each('w', same)}, ${is('w')}))::INTEGER,
      min(least(${moves}))::DOUBLE, max(greatest(${moves}))::DOUBLE, sum(r.total_compressed_size)::DOUBLE
    FROM r FULL JOIN w USING (n) GROUP BY r.file ORDER BY r.file`;
}

/** What is wrong with a joined file, of rows of that query; null: nothing. */
export function joinProblem(rows: readonly unknown[][]): string | null {
  let [from, first] = [0, true];
  for (const [file, different, least, most, bytes] of rows) {
    if (file === null) return 'there are more column chunks';
    if (different !== 0) return `${String(different)} column chunks of input ${Number(file)} differ`;
    const move = Number(least);
    // Of other files, filters and indexes lie between.
    if (least !== most || (first ? move !== 0 : move < from)) return `input ${Number(file)} is moved wrongly`;
    [from, first] = [move + Number(bytes), false];
  }
  return null;
}
