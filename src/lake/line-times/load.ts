import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, listLiteral } from '../../duckdb/index.js';
import { fileSql } from '../direct/contents.js';
import { layoutOf } from '../metadata/layout.js';
import { seenTable, setsTable } from '../metadata/store.js';
import { rawChunk } from '../raw-chunk.js';
import { TimesBuilder, type SharedTimes } from './unit.js';

export interface FileToTime {
  readonly path: string;
  /** Its number in the metadata cache. */
  readonly file: number;
  /** Nanoseconds since the epoch, of its first and its last line. */
  readonly first: bigint;
  readonly last: bigint;
  /** The column of an attribute's text; null: none is asked for. */
  readonly column: string | null;
}

const kind = 'log_streams';
/** Lines of a file, and values of its attribute. */
const mostLines = 2_000_000;
const mostValues = 2000;
/** Of these values together: they are sent to the thread of each query. */
const mostValueChars = 500_000;
const msNs = 1_000_000n;

/**
 * Reads the times of a file that has every column of the table. Null where they can't be kept so: too much, rows without a time, or
 * other rows than the metadata cache knows of, as of a file of which rows were deleted since.
 */
export async function loadTimes(
  connection: DuckDBConnection,
  { path, file, first, last, column }: FileToTime,
): Promise<SharedTimes | null> {
  const base = first / msNs;
  if (first < 0n || last / msNs - base >= 2n ** 32n - 1n) return null;
  const names = layoutOf(kind).columns.map(({ name }) => ident(name));
  const sets = `(SELECT * FROM ${setsTable(kind)} WHERE id IN (SELECT id FROM ${seenTable(kind)} WHERE file = ${file}))`;
  const differs = names.map(
    (name) => `min(${name}) IS DISTINCT FROM max(${name}) OR count(${name}) NOT IN (0, count(*))`,
  );
  const [about = []] = await rows(
    connection,
    `SELECT (SELECT sum(records)::DOUBLE FROM ${seenTable(kind)} WHERE file = ${file}), ${differs.join(', ')} FROM ${sets}`,
  );
  const [lines, ...different] = about as [number | null, ...boolean[]];
  if (lines === null || lines > mostLines) return null;
  const values = column === null ? [] : await valuesOf(connection, path, column);
  if (values === null) return null;
  const same = names.filter((_, i) => different[i]).map((name) => `r.${name} IS NOT DISTINCT FROM s.${name}`);
  const valued =
    column === null
      ? { number: '-1', join: '' }
      : {
          number: 'coalesce(v.number, -1)',
          join: `LEFT JOIN ${numbered(values)} v ON r.${ident(column)} = v.value`,
        };
  const builder = new TimesBuilder(Number(base), lines);
  await fillTimes(
    connection,
    builder,
    `SELECT s.id, ${valued.number}::INTEGER AS value, ((r.time_unix_nano + 999999) // 1000000 - ${base})::UINTEGER AS time
     FROM ${fileSql(path)} r JOIN ${sets} s ON ${same.length === 0 ? 'TRUE' : same.join(' AND ')} ${valued.join}
     WHERE r.time_unix_nano IS NOT NULL ORDER BY ALL`,
  );
  return builder.built(values);
}

/** `sql` gives the number of a set (INTEGER), of a value (INTEGER) and the time (UINTEGER), in this order of rows too. */
export async function fillTimes(
  connection: DuckDBConnection,
  builder: TimesBuilder,
  sql: string,
): Promise<void> {
  const result = await connection.stream(sql);
  const types = result.columnTypes();
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    const { columns, buffer, rowCount } = rawChunk(chunk, types);
    const [set, value, time] = columns;
    if (!set || !value || !time) throw new Error('three columns were asked for');
    builder.add(
      new Int32Array(buffer, set.data, rowCount),
      new Int32Array(buffer, value.data, rowCount),
      new Uint32Array(buffer, time.data, rowCount),
    );
  }
}

/** `value` and its `number` in the list. */
export function numbered(values: readonly string[]): string {
  return `(SELECT unnest(${listLiteral(values)}::VARCHAR[]) AS value, unnest(range(${values.length})) AS number)`;
}

/** Null where they are too many. */
async function valuesOf(
  connection: DuckDBConnection,
  path: string,
  column: string,
): Promise<string[] | null> {
  const name = ident(column);
  const found = await rows(
    connection,
    `SELECT DISTINCT ${name} FROM ${fileSql(path)} WHERE ${name} IS NOT NULL LIMIT ${mostValues + 1}`,
  );
  const values = found.map(([value]) => value as string);
  const chars = values.reduce((sum, { length }) => sum + length, 0);
  return values.length > mostValues || chars > mostValueChars ? null : values;
}

async function rows(connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRows();
}
