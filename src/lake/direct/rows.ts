import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { tableDef } from '../../schema/index.js';
import { attributeOrigins, columnName, isTyped, type AttributeColumn } from '../attribute-columns/index.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RowsRequest } from '../session.js';
import { typedFromColumn, typedFromText, untypedFromColumn, untypedFromText } from './attributes.js';
import { attributeId, type DirectFile } from './files.js';

/** Files that are read alike. */
interface Group {
  readonly columns: readonly (AttributeColumn | undefined)[];
  readonly files: DirectFile[];
}

/**
 * What to select rows from in place of the table (`ReadSession.rowsOf`): files of a known layout straight, those that have
 * the same of the wanted columns in one scan, and all else through DuckLake. Null when there are no such files. `skipped`:
 * files of the table that are left out.
 */
export function rowsSql(
  request: RowsRequest,
  { sizes, touched, inlined }: LiveFiles,
  directFile: (path: string) => DirectFile | null,
  skipped: readonly string[] = [],
): string | null {
  const { table, from, until, keys } = request;
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
  if (direct.length === 0 && skipped.length === 0) return null;
  const [fromText, fromColumn] = isTyped(origin)
    ? [typedFromText, typedFromColumn]
    : [untypedFromText, untypedFromColumn];
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
    const where = columns.flatMap((column, i) => equality(column, request.equal?.[i]));
    return `SELECT ${select.join(', ')} FROM read_parquet(${list}, hive_partitioning => false)${whereSql(where)}`;
  });
  if (direct.length < sizes.size || inlined > 0 || branches.length === 0) {
    // One expression, which DuckLake decides for each file; an IN list would be a join.
    branches.push(tableRows(request, `NOT list_contains(${listLiteral([...direct, ...skipped])}, filename)`));
  }
  return `(${branches.join(' UNION ALL ')})`;
}

/** The same where every row is read through DuckLake. Only for tables whose attributes may have columns. */
export function rowsOfTable(request: RowsRequest): string {
  return `(${tableRows(request)})`;
}

function tableRows({ table, keys }: RowsRequest, where?: string): string {
  const origin = attributeOrigins.get(table) ?? '';
  const fromText = isTyped(origin) ? typedFromText : untypedFromText;
  const names = tableDef(table).columns.map(({ name }) => ident(name));
  const select = [...names, 'rowid', ...keys.map((key, i) => fromText(i, origin, key))];
  return `SELECT ${select.join(', ')} FROM lake.main.${ident(table)}${whereSql(where === undefined ? [] : [where])}`;
}

/** Only as a condition by itself is it looked up in a Bloom filter. */
function equality(column: AttributeColumn | undefined, value: string | null | undefined): string[] {
  if (column?.kind !== 'json' || value === null || value === undefined) return [];
  return [`${ident(columnName(column))} = ${literal(value)}`];
}

function whereSql(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
}
