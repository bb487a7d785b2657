import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { columnName, typedColumn, type AttributeColumn } from '../attribute-columns/index.js';
import { timeColumns } from '../direct/contents.js';
import type { DirectFile } from '../direct/files.js';
import type { FootedFile } from '../direct/kept-footers.js';
import { rowsSql, type RowsSource } from '../direct/rows.js';
import type { LiveFiles } from '../files/live-files.js';
import type { ValuesRequest, ValuesSource } from '../session.js';

/** Records by hour since the epoch and value. */
export type Counts = ReadonlyMap<bigint, ReadonlyMap<string, number>>;

/** A file with rows in or about the window, which has a column for the attribute or is counted. */
export interface ValuedFile {
  readonly file: DirectFile;
  readonly column: AttributeColumn | null;
  /** It may have rows outside of the window. */
  readonly cut: boolean;
  /** Null where they are not known. */
  readonly counts: Counts | null;
  /** How many rows of the window have each value; null where it is not known. */
  readonly within: ReadonlyMap<string, number> | null;
}

export type CountedSource = RowsSource & ValuesSource;

/** They stand in the statement. */
const mostValues = 5000;
const hourNs = 3_600_000_000_000n;

/**
 * Values and how often they occur: what is counted of a file's rows in the window, or of hours whose rows of a file are all in the window; of the
 * others that it cuts, and of all other files and rows, from the rows. Null when that is no better than to read all rows.
 */
export function valuesSource(
  request: ValuesRequest,
  files: readonly ValuedFile[],
  live: LiveFiles,
  directFile: (path: string) => DirectFile | null,
): CountedSource | null {
  const { table, from, until, key, where } = request;
  // Divisions of the past of the epoch round the other way.
  if (from < 0n || from >= until) return null;
  const total = new Map<string, number>();
  const add = (values: ReadonlyMap<string, number>) => {
    for (const [value, n] of values) total.set(value, (total.get(value) ?? 0) + n);
  };
  const cutHours = new Map<bigint, DirectFile[]>();
  const whole: WholeFile[] = [];
  const told = new Set<string>();
  for (const one of files) {
    const { file, counts, within } = one;
    if (within) add(within);
    else if (counts) {
      for (const [hour, values] of counts) {
        const [begin, end] = [max(hour * hourNs, file.first), min((hour + 1n) * hourNs - 1n, file.last)];
        if (end < from || begin >= until) continue;
        if (begin < from || end >= until) cutHours.set(hour, [...(cutHours.get(hour) ?? []), file]);
        else add(values);
      }
    } else if (one.column && !one.cut) whole.push({ file, column: one.column });
    else continue;
    told.add(file.path);
  }
  if (told.size === 0 || total.size > mostValues) return null;

  const time = ident(timeColumns.get(table) ?? '');
  const read = (
    of: LiveFiles,
    window: { from: bigint; until: bigint },
    skipped: readonly string[],
  ): RowsSource[] => {
    const rows = rowsSql({ table, ...window, keys: [key] }, of, directFile, { skipped });
    if (rows === null) return [];
    const micros = (nanoseconds: bigint) => `make_timestamp(${nanoseconds / 1000n})`;
    const within = `timestamp >= ${micros(window.from)} AND timestamp <= ${micros(window.until)}
      AND ${time} >= ${window.from} AND ${time} < ${window.until}`;
    const value = ident(typedColumn('value', key));
    const sql = `SELECT ${value} AS value, 1 AS records FROM ${rows.sql} WHERE (${where}) AND ${within} AND ${value} IS NOT NULL`;
    return [{ sql, files: rows.files }];
  };
  const edges = [...cutHours].flatMap(([hour, cut]) => {
    const window = { from: max(from, hour * hourNs), until: min(until, (hour + 1n) * hourNs) };
    const sizes = new Map(cut.map(({ path }) => [path, live.sizes.get(path) ?? 0]));
    return read({ ...live, sizes, inlined: 0 }, window, []);
  });
  const rest = new Map([...live.sizes].filter(([path]) => !told.has(path)));
  const others =
    rest.size > 0 || live.inlined > 0 ? read({ ...live, sizes: rest }, { from, until }, [...told]) : [];
  const parts = [...total].map(([value, n]) => `(${literal(value)}, ${n})`);
  const branches = [
    ...(parts.length > 0
      ? [`SELECT value, records FROM (VALUES ${parts.join(', ')}) counted(value, records)`]
      : []),
    ...wholeFiles(whole),
    ...[...edges, ...others].map(({ sql }) => sql),
  ];
  const sql =
    branches.length === 0
      ? 'SELECT NULL::VARCHAR AS value, 0 AS records WHERE FALSE'
      : branches.join(' UNION ALL ');
  const reads = whole.length > 0;
  return { sql: `(${sql})`, reads, files: reads ? null : filesOf([...edges, ...others]) };
}

interface WholeFile {
  readonly file: DirectFile;
  readonly column: AttributeColumn;
}

/** Every row of theirs: the column alone is read. */
function wholeFiles(files: readonly WholeFile[]): string[] {
  const columns = new Map<string, string[]>();
  for (const { file, column } of files) {
    const name = columnName(column);
    const paths = columns.get(name);
    if (paths) paths.push(file.path);
    else columns.set(name, [file.path]);
  }
  return [...columns].map(([name, paths]) => {
    const source = `read_parquet(${listLiteral(paths)}, hive_partitioning => false)`;
    return `SELECT ${ident(name)} AS value, count(*) AS records FROM ${source} WHERE ${ident(name)} IS NOT NULL GROUP BY ALL`;
  });
}

/** Null where some read something else. */
function filesOf(sources: readonly RowsSource[]): readonly FootedFile[] | null {
  const all: FootedFile[] = [];
  for (const { files } of sources) {
    if (files === null) return null;
    all.push(...files);
  }
  return all;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
