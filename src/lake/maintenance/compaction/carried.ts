import { ident, listLiteral, literal } from '../../../duckdb/index.js';
import type { ColumnDef } from '../../../schema/index.js';
import type { RunSql } from '../../run-sql.js';

/** A column on its way through a sort. */
interface CarriedColumn {
  /** What is sorted, of the rows of the inputs; null: nothing. */
  readonly carried: string | null;
  /** The column again, over the sorted rows. */
  readonly restored: string;
  /** What is in the order of the column, of the rows of the inputs. */
  readonly key: string;
}

export interface CarriedRows {
  readonly columns: readonly CarriedColumn[];
  /** What is to be ordered by in place of a column, by its name. */
  readonly keys: ReadonlyMap<string, string>;
  /** What all rows take in a sort, about. */
  readonly bytes: number;
}

/** Of a column in all of the inputs. */
interface ColumnFacts {
  readonly name: string;
  readonly none: boolean;
  /** The only value, where it is a whole number. */
  readonly only: string | null;
  /** All of its values together, at most: of texts in dictionaries what would be were each as long as the dictionary's are on average. */
  readonly bytes: number;
  /** Of all row groups together, at most; null where it is not told. */
  readonly distinct: number | null;
}

/** More, each row group counted, is not worth to be looked at: a list of them is as good as the rows. */
const mostOfRowGroups = 100_000;
const mostValues = 30_000;
/** Of the values of one column. */
const mostValueBytes = 8 * 1024 * 1024;
/** Of a row beside its texts, for each column. */
const columnBytes = 12;

/**
 * What of the columns a sort has to carry: it copies each row several times, so a column without values or with a single number is
 * left out, and texts of which there are few are told by their number, which is in the order of the texts. That is half of what rows of logs
 * take. `source` has all rows of `inputs`, `present` the columns that any of them has.
 */
export async function carriedRows(
  run: RunSql,
  { source, inputs, present }: { source: string; inputs: readonly string[]; present: ReadonlySet<string> },
  columns: readonly ColumnDef[],
): Promise<CarriedRows> {
  const rows = await rowCounts(run, inputs);
  const facts = await columnFacts(run, inputs, rows.groups);
  let [bytes, types] = [0, 0];
  const column = async ({ name, type }: ColumnDef): Promise<CarriedColumn> => {
    const [restored, key] = [ident(name), ident(name)];
    if (!present.has(name)) return { carried: `NULL::${type} AS ${restored}`, restored, key };
    const known = facts.get(name);
    if (known?.none === true && !type.endsWith('[]')) return without(`NULL::${type}`, name);
    if (type === 'BIGINT' && known?.only != null) return without(`${literal(known.only)}::BIGINT`, name);
    const few = type === 'VARCHAR' && known ? await listed(run, source, known, types) : null;
    bytes += rows.all * columnBytes;
    if (few === null || typeof few === 'number') {
      bytes += few === null ? (known?.bytes ?? 0) : few * rows.all;
      return { carried: restored, restored, key };
    }
    types++;
    const number = `${restored}::${ident(few)}`;
    return {
      carried: `${number} AS ${restored}`,
      restored: `${restored}::VARCHAR AS ${restored}`,
      // To order by the type itself, DuckDB writes all of its texts into an expression, and fails on some.
      key: `enum_code(${number})`,
    };
  };
  const found: CarriedColumn[] = [];
  for (const each of columns) found.push(await column(each));
  return {
    columns: found,
    keys: new Map(columns.map(({ name }, i) => [name, found[i]?.key ?? name])),
    bytes,
  };
}

function without(value: string, name: string): CarriedColumn {
  return { carried: null, restored: `${value} AS ${ident(name)}`, key: ident(name) };
}

async function rowCounts(run: RunSql, inputs: readonly string[]): Promise<{ all: number; groups: number }> {
  const [[all, groups] = []] = await run(
    `SELECT sum(num_rows)::DOUBLE, sum(num_row_groups)::DOUBLE FROM parquet_file_metadata(${listLiteral(inputs)})`,
  );
  return { all: Number(all), groups: Number(groups) };
}

/** By name. What a file lacks of a column is NULL there. */
async function columnFacts(
  run: RunSql,
  inputs: readonly string[],
  rowGroups: number,
): Promise<ReadonlyMap<string, ColumnFacts>> {
  const rows = await run(
    `SELECT split_part(path_in_schema, ', ', 1) AS name, bool_and(coalesce(stats_null_count = num_values, FALSE)),
       CASE WHEN count(*) = ${rowGroups} AND bool_and(coalesce(stats_null_count = 0 AND stats_min_value = stats_max_value, FALSE)) AND count(DISTINCT stats_min_value) = 1
         THEN min(stats_min_value) END,
       sum(CASE
         WHEN dictionary_page_offset IS NULL THEN total_uncompressed_size
         WHEN type = 'BYTE_ARRAY' THEN total_uncompressed_size::DOUBLE * num_values / greatest(coalesce(stats_distinct_count, 1), 1)
         WHEN contains(path_in_schema, ', ') THEN 8 * num_values
         ELSE 0
       END)::DOUBLE,
       CASE WHEN bool_and(stats_distinct_count IS NOT NULL OR stats_null_count = num_values) THEN sum(stats_distinct_count)::DOUBLE END
     FROM parquet_metadata(${listLiteral(inputs)}) GROUP BY name`,
  );
  return new Map(
    rows.map(([name, none, only, bytes, distinct]) => [
      String(name),
      {
        name: String(name),
        none: none === true,
        only: typeof only === 'string' && /^-?\d{1,19}$/.test(only) ? only : null,
        bytes: Number(bytes),
        distinct: distinct === null ? null : Number(distinct),
      },
    ]),
  );
}

/** The name of a type that numbers the column's texts; where they are too many, how long one is on average, or null when it was not looked. */
async function listed(
  run: RunSql,
  source: string,
  { name, distinct }: ColumnFacts,
  number: number,
): Promise<string | number | null> {
  if (distinct === null || distinct > mostOfRowGroups) return null;
  const values = `SELECT DISTINCT ${ident(name)} AS value FROM ${source} WHERE ${ident(name)} IS NOT NULL`;
  const [[count, bytes] = []] = await run(
    `SELECT count(*)::DOUBLE, coalesce(sum(strlen(value)), 0)::DOUBLE FROM (${values})`,
  );
  if (Number(count) > mostValues || Number(bytes) > mostValueBytes) return Number(bytes) / Number(count);
  const type = `canardstack_values_${number}`;
  await run(`CREATE OR REPLACE TYPE ${ident(type)} AS ENUM (${values} ORDER BY value)`);
  return type;
}
