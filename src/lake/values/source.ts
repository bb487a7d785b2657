import { ident, literal } from '../../duckdb/index.js';
import { typedColumn } from '../attribute-columns/index.js';
import { timeColumns } from '../direct/contents.js';
import type { DirectFile } from '../direct/files.js';
import { rowsSql } from '../direct/rows.js';
import type { LiveFiles } from '../files/live-files.js';
import type { ValuesRequest } from '../session.js';

/** A file of which is known how often its values occur, by hour since the epoch. */
export interface CountedFile {
  readonly file: DirectFile;
  readonly counts: ReadonlyMap<bigint, ReadonlyMap<string, number>>;
}

/** They stand in the statement. */
const mostValues = 5000;
const hourNs = 3_600_000_000_000n;

/**
 * Values and how often they occur: of hours whose rows of a file are all in the window from what is counted, of the others that it cuts, and of
 * all other files and rows, from the rows. Null when nothing is counted.
 */
export function valuesSql(
  request: ValuesRequest,
  counted: readonly CountedFile[],
  live: LiveFiles,
  directFile: (path: string) => DirectFile | null,
): string | null {
  const { table, from, until, key, where } = request;
  // Divisions of the past of the epoch round the other way.
  if (from < 0n || from >= until || counted.length === 0) return null;
  const total = new Map<string, number>();
  const cut = new Map<bigint, CountedFile[]>();
  for (const one of counted) {
    for (const [hour, values] of one.counts) {
      const [begin, end] = [
        max(hour * hourNs, one.file.first),
        min((hour + 1n) * hourNs - 1n, one.file.last),
      ];
      if (end < from || begin >= until) continue;
      if (begin < from || end >= until) cut.set(hour, [...(cut.get(hour) ?? []), one]);
      else for (const [value, n] of values) total.set(value, (total.get(value) ?? 0) + n);
    }
  }
  if (total.size > mostValues) return null;

  const time = ident(timeColumns.get(table) ?? '');
  const paths = counted.map(({ file }) => file.path);
  const read = (files: LiveFiles, window: { from: bigint; until: bigint }, skipped: readonly string[]) => {
    const rows = rowsSql({ table, ...window, keys: [key] }, files, directFile, { skipped });
    if (rows === null) return [];
    const micros = (nanoseconds: bigint) => `make_timestamp(${nanoseconds / 1000n})`;
    const within = `timestamp >= ${micros(window.from)} AND timestamp <= ${micros(window.until)}
      AND ${time} >= ${window.from} AND ${time} < ${window.until}`;
    const value = ident(typedColumn('value', key));
    return [
      `SELECT ${value} AS value, 1 AS records FROM ${rows.sql} WHERE (${where}) AND ${within} AND ${value} IS NOT NULL`,
    ];
  };
  const rest = new Map([...live.sizes].filter(([path]) => !paths.includes(path)));
  const edges = [...cut].flatMap(([hour, files]) => {
    const window = { from: max(from, hour * hourNs), until: min(until, (hour + 1n) * hourNs) };
    const sizes = new Map(files.map(({ file }) => [file.path, live.sizes.get(file.path) ?? 0]));
    return read({ ...live, sizes, inlined: 0 }, window, []);
  });
  const parts = [...[...total].map(([value, n]) => `(${literal(value)}, ${n})`)];
  const branches = [
    ...(parts.length > 0
      ? [`SELECT value, records FROM (VALUES ${parts.join(', ')}) counted(value, records)`]
      : []),
    ...edges,
    ...(rest.size > 0 || live.inlined > 0 ? read({ ...live, sizes: rest }, { from, until }, paths) : []),
  ];
  if (branches.length === 0) return `(SELECT NULL::VARCHAR AS value, 0 AS records WHERE FALSE)`;
  return `(${branches.join(' UNION ALL ')})`;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
