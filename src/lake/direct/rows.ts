import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { tableDef } from '../../schema/index.js';
import { attributeOrigins, columnName, keyPath, type AttributeColumn } from '../attribute-columns/index.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RowsRequest } from '../session.js';
import { attributeId, type DirectFile } from './files.js';

/** Files that are read alike. */
interface Group {
  readonly columns: readonly (AttributeColumn | undefined)[];
  readonly files: DirectFile[];
}

/**
 * What to select rows from in place of the table (`ReadSession.rowsOf`): files of a known layout straight, those that have
 * the same of the wanted columns in one scan, and all else through DuckLake. Null when there are no such files.
 */
export function rowsSql(
  { table, from, until, keys }: RowsRequest,
  { sizes, touched, inlined }: LiveFiles,
  directFile: (path: string) => DirectFile | null,
): string | null {
  const origin = attributeOrigins.get(table);
  if (origin === undefined) return null;
  const groups = new Map<string, Group>();
  const direct: string[] = [];
  for (const path of sizes.keys()) {
    const layout = touched.has(path) ? null : directFile(path);
    if (layout === null) continue;
    direct.push(path);
    if (layout.last < from || layout.first >= until) continue;
    const columns = keys.map((key) => layout.attributes.get(attributeId(origin, key)));
    const id = columns.map((column) => column?.kind ?? '').join(' ');
    const group = groups.get(id);
    if (group) group.files.push(layout);
    else groups.set(id, { columns, files: [layout] });
  }
  if (direct.length === 0) return null;
  const names = tableDef(table).columns.map(({ name }) => ident(name));
  const json = keys.map((key, i) => fromText(i, origin, key));
  const branches = [...groups.values()].map(({ columns, files }) => {
    const attributes = columns.map((column, i) => (column ? fromColumn(i, origin, column) : json[i]));
    const starts = `(${listLiteral(files.map(({ firstRow }) => firstRow))}::BIGINT[])`;
    const select = [
      ...names,
      `(${starts}[file_index::BIGINT + 1] + file_row_number) AS rowid`,
      ...attributes,
    ];
    const list = listLiteral(files.map(({ path }) => path));
    return `SELECT ${select.join(', ')} FROM read_parquet(${list}, hive_partitioning => false)`;
  });
  if (direct.length < sizes.size || inlined > 0 || branches.length === 0) {
    // One expression, which DuckLake decides for each file; an IN list would be a join.
    const others = `NOT list_contains(${listLiteral(direct)}, filename)`;
    const select = [...names, 'rowid', ...json];
    branches.push(`SELECT ${select.join(', ')} FROM lake.main.${ident(table)} WHERE ${others}`);
  }
  return `(${branches.join(' UNION ALL ')})`;
}

function fromText(i: number, origin: string, key: string): string {
  const value = `json_extract_string(${ident(origin)}, ${literal(keyPath(key))})`;
  return textual(i, value, ident(origin));
}

function textual(i: number, value: string, text: string): string {
  const number = `try_cast(${value} AS DOUBLE)`;
  return (
    `${value} AS attribute_${i}, ${number} AS number_${i}, ` +
    `coalesce(${value} IS NOT NULL AND ${number} IS NULL, FALSE) AS faulty_${i}, ` +
    `coalesce(${value} = '', FALSE) AS empty_${i}, ${text} AS text_${i}`
  );
}

function fromColumn(i: number, origin: string, column: AttributeColumn): string {
  const name = ident(columnName(column));
  if (column.kind === 'text') return textual(i, name, 'NULL::VARCHAR');
  const value = `json_extract_string(${ident(origin)}, ${literal(keyPath(column.key))})`;
  return (
    `${value} AS attribute_${i}, ${name} AS number_${i}, FALSE AS faulty_${i}, FALSE AS empty_${i}, ` +
    `${ident(origin)} AS text_${i}`
  );
}
