import { createHash } from 'node:crypto';
import { ident, literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { columnName, parseColumnName, type AttributeColumn } from '../attribute-columns/index.js';
import type { RunSql } from '../run-sql.js';

/** Tables whose files may be read without DuckLake, and their time in nanoseconds since the epoch. */
export const timeColumns: ReadonlyMap<TableName, string> = new Map<TableName, string>([
  ['logs', 'time_unix_nano'],
  ['spans', 'start_time_unix_nano'],
]);

export function attributeId(origin: string, key: string): string {
  return `${origin} ${key}`;
}

/** A file of which nothing is left out. */
export function fileSql(path: string): string {
  return `read_parquet(${literal(path)}, hive_partitioning => false)`;
}

/** Columns of attributes, of these of a file, with a value that their readers do not expect. */
export async function mixedColumns(
  run: RunSql,
  path: string,
  columns: readonly string[],
): Promise<ReadonlySet<string>> {
  const tests = columns.flatMap((name) => {
    const column = parseColumnName(name);
    const test = column && mixedSql(column);
    return test ? [{ name, test }] : [];
  });
  if (tests.length === 0) return new Set();
  const [mixed = []] = await run(
    `SELECT ${tests.map(({ test }) => `bool_or(${test})`).join(', ')} FROM ${fileSql(path)}`,
  );
  return new Set(tests.flatMap(({ name }, i) => (mixed[i] === true ? [name] : [])));
}

/** What may be read from the columns of a file, by `attributeId`. */
export function attributesOf(
  columns: readonly string[],
  mixed: ReadonlySet<string>,
): ReadonlyMap<string, AttributeColumn> {
  return new Map(
    columns.flatMap((name) => {
      const column = mixed.has(name) ? null : parseColumnName(name);
      return column ? [[attributeId(column.origin, column.key), column] as const] : [];
    }),
  );
}

/** Null where there is none such. */
function mixedSql(column: AttributeColumn): string | null {
  const name = ident(columnName(column));
  if (column.kind === 'number') return `isnan(${name})`;
  return column.kind === 'json' ? `${name} >= '[' AND ${name} < '\\'` : null;
}

/** Another one where another release would tell the times or the mixed columns of a file otherwise. */
export const factsMadeBy = createHash('sha256')
  .update(
    JSON.stringify([
      [...timeColumns],
      (['text', 'number', 'json'] as const).map((kind) => mixedSql({ origin: 'origin', key: 'key', kind })),
    ]),
  )
  .digest('hex')
  .slice(0, 16);
