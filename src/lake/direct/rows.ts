import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { tableDef } from '../../schema/index.js';
import { attributeOrigins, columnName, isTyped, type AttributeColumn } from '../attribute-columns/index.js';
import type { LiveFiles } from '../files/live-files.js';
import { isInlined } from '../inlining.js';
import type { RowsRequest } from '../session.js';
import { typedFromColumn, typedFromText, untypedFromColumn, untypedFromText } from './attributes.js';
import type { RowRange } from '../token-index/index.js';
import { attributeId } from './contents.js';
import { parquetTail } from '../files/before-footer.js';
import type { DirectFile } from './files.js';
import { firstAtLeast } from './first-at-least.js';
import type { FootedFile } from './kept-footers.js';
import { groupRows } from './spread.js';

const mostBranches = 64;
/** Of a file, between ranges that are read. Each is a condition on every row. */
const mostGaps = 32;
/** Rows that are named one by one of what is not read straight: each of its rows is compared with all of them. */
const mostElsewhere = 32;

/** Files that are read alike. */
interface Group {
  /** Of the one file that it has only these. */
  readonly ranges: readonly RowRange[] | null;
  readonly numbers: readonly bigint[] | null;
  readonly columns: readonly (AttributeColumn | undefined)[];
  readonly files: DirectFile[];
}

interface Choice {
  /** Files of the table that are left out. */
  readonly skipped?: readonly string[];
  /** Of some files the only rows that may be wanted. */
  readonly found?: ReadonlyMap<string, readonly RowRange[]>;
  /** Whether a file may have rows of the trace that is asked for. */
  readonly mayHold?: (path: string) => boolean;
}

/** What to select rows from; empty where there is nothing to read. */
export interface RowsSource {
  readonly sql: string;
  /** It reads these files and nothing else; null: also what only an instance with the lake has. */
  readonly files: readonly FootedFile[] | null;
}

/**
 * What to select rows from in place of the table (`ReadSession.rowsOf`): files of a known layout straight, those that have
 * the same of the wanted columns in one scan, and all else through DuckLake. Null when DuckLake reads everything; empty when
 * there is nothing to read and the request takes that for an answer.
 */
export function rowsSql(
  request: RowsRequest,
  { sizes, touched, inlined, inlinedSources }: LiveFiles,
  directFile: (path: string) => DirectFile | null,
  { skipped = [], found = new Map(), mayHold = () => true }: Choice = {},
): RowsSource | null {
  const { table, keys } = request;
  const origin = attributeOrigins.get(table);
  if (origin === undefined) return null;
  const groups = new Map<string, Group>();
  const direct: string[] = [];
  const unheld: string[] = [];
  const asked = request.rowids ? new Rowids(request.rowids) : null;
  for (const path of sizes.keys()) {
    const layout = touched.has(path) ? null : directFile(path);
    if (layout === null) {
      // Deletions from a file only take ids away.
      if (!mayHold(path)) unheld.push(path);
      continue;
    }
    direct.push(path);
    if (!mayHave(layout, request) || !mayHold(path)) continue;
    const numbers = asked?.of(layout) ?? null;
    if (numbers?.length === 0) continue;
    const columns = keys.map((key) => layout.attributes.get(attributeId(origin, key)));
    const kinds = columns.map((column) => column?.kind ?? '').join(' ');
    const wanted = found.get(path) ?? null;
    if (wanted?.length === 0) continue;
    if (numbers !== null && groups.size === mostBranches) return null;
    const ranges = groups.size < mostBranches ? wanted : null;
    const id = ranges === null && numbers === null ? kinds : path;
    const group = groups.get(id);
    if (group) group.files.push(layout);
    else groups.set(id, { columns, files: [layout], ranges, numbers });
  }
  const others = asked?.others() ?? null;
  if (others !== null && others.length > mostElsewhere) return null;
  const inOthers = others === null || others.length > 0;
  const sources = inlined > 0 && inOthers ? inlinedSources : [];
  if (direct.length + skipped.length + unheld.length === 0 && (sizes.size > 0 || sources === null))
    return null;

  const [fromText, fromColumn] = isTyped(origin)
    ? [typedFromText, typedFromColumn]
    : [untypedFromText, untypedFromColumn];
  const { columns: tableColumns } = tableDef(table);
  const names = tableColumns.map(({ name }) => ident(name));
  const json = keys.map((key, i) => fromText(i, origin, key));
  const chosen = request.first ? inOrder(groups.values(), request.first) : [...groups.values()];
  const branches = chosen.map(({ columns, files, ranges, numbers }) => {
    const attributes = columns.map((column, i) => (column ? fromColumn(i, origin, column) : json[i]));
    const starts = `(${listLiteral(files.map(({ firstRow }) => firstRow))}::BIGINT[])`;
    const select = [
      ...names,
      `(${starts}[file_index::BIGINT + 1] + file_row_number) AS rowid`,
      ...attributes,
    ];
    const list = listLiteral(files.map(({ path }) => path));
    const where = columns.flatMap((column, i) => equality(column, request.equal?.[i]));
    if (ranges !== null) where.push(...within(ranges));
    // DuckDB skips row groups and rows by it before it reads another column.
    if (numbers !== null) where.push(`file_row_number IN (${numbers.join(', ')})`);
    return `SELECT ${select.join(', ')} FROM read_parquet(${list}, hive_partitioning => false)${whereSql(where)}`;
  });
  const all = [...names, 'rowid', ...json].join(', ');
  // One expression; an IN list would be a join.
  const ofOthers = others === null ? [] : [`list_contains(${listLiteral(others)}, rowid)`];
  let files: FootedFile[] | null = [...groups.values()].flatMap((group) =>
    group.files.map((file) => footed(file, sizes.get(file.path) ?? 0)),
  );
  if ((sources ?? []).length > 0) files = null;
  for (const source of sources ?? []) branches.push(`SELECT ${all} FROM ${source}${whereSql(ofOthers)}`);
  if ((direct.length + unheld.length < sizes.size || sources === null) && inOthers) {
    // DuckLake decides it for each file.
    const elsewhere = [`NOT list_contains(${listLiteral([...direct, ...unheld, ...skipped])}, filename)`];
    if (inlined > 0 && sources !== null) elsewhere.push(`NOT ${isInlined}`);
    branches.push(tableRows(request, [...elsewhere, ...ofOthers].join(' AND ')));
    files = null;
  }
  if (branches.length === 0) {
    if (request.orNothing || request.traceId !== undefined) return { sql: '', files: [] };
    const nothing = tableColumns.map(({ name, type }) => `NULL::${type} AS ${ident(name)}`);
    branches.push(`SELECT ${all} FROM (SELECT ${nothing.join(', ')}, NULL::BIGINT AS rowid) WHERE FALSE`);
  }
  return { sql: `(${branches.join(' UNION ALL ')})`, files };
}

function inOrder(groups: Iterable<Group>, first: 'newest' | 'oldest'): Group[] {
  const order = (a: DirectFile, b: DirectFile) =>
    Number(first === 'newest' ? b.last - a.last : a.first - b.first);
  const sorted = [...groups].map((group) => ({ ...group, files: group.files.toSorted(order) }));
  // Each has a file.
  return sorted.sort((a, b) => order(a.files[0] as DirectFile, b.files[0] as DirectFile));
}

/** Of a row group of a file whose footer nobody has seen, as those of commits are. */
const groupFooterBytes = 8192;

function footed({ path, rows, footerAt }: DirectFile, bytes: number): FootedFile {
  const footerBytes =
    footerAt === null
      ? (Math.floor(Number(rows) / groupRows) + 1) * groupFooterBytes
      : bytes - footerAt - parquetTail;
  return { path, footerBytes };
}

/** Which rows of which file are asked for. */
class Rowids {
  readonly #sorted: BigInt64Array;
  readonly #left: Set<bigint>;

  constructor(rowids: readonly bigint[]) {
    this.#sorted = BigInt64Array.from(rowids).sort();
    this.#left = new Set(rowids);
  }

  /** Numbers of rows within the file. */
  of({ firstRow, rows }: DirectFile): readonly bigint[] {
    const sorted = this.#sorted;
    const own = sorted.subarray(firstAtLeast(sorted, firstRow), firstAtLeast(sorted, firstRow + rows));
    for (const rowid of own) this.#left.delete(rowid);
    return Array.from(own, (rowid) => rowid - firstRow);
  }

  /** Those of no file that was asked about. */
  others(): readonly bigint[] {
    return [...this.#left];
  }
}

function mayHave({ first, last, latestEnd }: DirectFile, { from, until, endsFrom }: RowsRequest): boolean {
  if (last < from || first >= until) return false;
  return endsFrom === undefined || latestEnd === undefined || latestEnd === null || latestEnd >= endsFrom;
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

/**
 * DuckDB skips row groups by each of these conditions, but by none that says in which of several ranges a row is: so they say of each gap
 * that it is not in there.
 */
function within(ranges: readonly RowRange[]): string[] {
  const gaps = ranges.slice(1).map(({ from }, i) => ({ from: ranges[i]?.until ?? 0, until: from }));
  const longest = gaps.toSorted((a, b) => b.until - b.from - (a.until - a.from)).slice(0, mostGaps);
  return [
    `file_row_number >= ${ranges[0]?.from ?? 0}`,
    `file_row_number < ${ranges.at(-1)?.until ?? 0}`,
    ...longest.map(({ from, until }) => `(file_row_number < ${from} OR file_row_number >= ${until})`),
  ];
}

/** Only as a condition by itself is it looked up in a Bloom filter. */
function equality(column: AttributeColumn | undefined, value: string | null | undefined): string[] {
  if (column?.kind !== 'json' || value === null || value === undefined) return [];
  return [`${ident(columnName(column))} = ${literal(value)}`];
}

function whereSql(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
}
