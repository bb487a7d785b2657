import { ident, listLiteral, literal } from '../../duckdb/index.js';
import type { RunSql } from '../run-sql.js';
import type { Comparison } from './operators.js';

interface Chunk {
  readonly type: string;
  readonly min: string | null;
  readonly max: string | null;
  bytes: number;
}

interface Group {
  readonly file: string;
  readonly rows: number;
  /** By column. */
  readonly chunks: Map<string, Chunk>;
}

interface GroupFigures {
  readonly read: number;
  readonly skipped: number;
  readonly bytes: number;
  readonly rows: number;
}

/** With more files their metadata are not looked at. */
const mostFiles = 256;
const mostBloomProbes = 4;

/** What a scan could read, and what it asked of it. */
export interface Looked {
  readonly files: readonly string[];
  /** No others were opened, where their names are known, and how many were. */
  readonly opened: readonly string[] | null;
  readonly read: number;
  readonly columns: readonly string[];
  readonly comparisons: readonly Comparison[];
}

/**
 * Which row groups of the files a scan had to read: those that neither statistics nor Bloom filters rule out, as DuckDB decides
 * it. Null when that is too much to look at, or can't be said.
 */
export async function groupFigures(
  run: RunSql,
  { files, opened, read, columns, comparisons }: Looked,
): Promise<GroupFigures | null> {
  if (files.length > mostFiles) return null;
  if (files.length === 0) return { read: 0, skipped: 0, bytes: 0, rows: 0 };
  const wanted = new Set([...columns, ...comparisons.map(({ column }) => column)]);
  const groups = await groupsOf(run, files);
  const excluded = await byBloomFilter(run, groups, comparisons);
  const figures = { read: 0, skipped: 0, bytes: 0, rows: 0 };
  const named = opened === null ? null : new Set(opened);
  // The list of files changed since.
  const live = new Set(files);
  if (opened?.some((file) => !live.has(file))) return null;
  const fitting = new Set<string>();
  for (const [id, { file, chunks, rows }] of groups) {
    const fits =
      named?.has(file) !== false &&
      !excluded.has(id) &&
      comparisons.every(({ column, op, value }) => {
        const chunk = chunks.get(column);
        return chunk === undefined || mayHold(chunk, op, value);
      });
    if (!fits) {
      figures.skipped++;
      continue;
    }
    figures.read++;
    fitting.add(file);
    figures.rows += rows;
    for (const name of wanted) figures.bytes += chunks.get(name)?.bytes ?? 0;
  }
  // Files were left out for something else than their statistics, and which ones is not known.
  return fitting.size > read ? null : figures;
}

async function groupsOf(run: RunSql, files: readonly string[]): Promise<Map<string, Group>> {
  const groups = new Map<string, Group>();
  const rows = await run(
    `SELECT file_name, row_group_id, row_group_num_rows, split_part(path_in_schema, ',', 1), type,
            coalesce(stats_min_value, stats_min), coalesce(stats_max_value, stats_max), total_compressed_size
     FROM parquet_metadata(${listLiteral(files)}) ORDER BY file_name, row_group_id`,
  );
  const firstRows = new Map<string, number>();
  for (const [file, id, count, column, type, min, max, bytes] of rows) {
    const key = `${id as bigint} ${file as string}`;
    let group = groups.get(key);
    if (!group) {
      const first = firstRows.get(file as string) ?? 0;
      const next = first + Number(count);
      firstRows.set(file as string, next);
      // A column that DuckDB makes of where a row lies.
      const numbers = { type: 'INT64', min: String(first), max: String(next - 1), bytes: 0 };
      group = { file: file as string, rows: Number(count), chunks: new Map([['file_row_number', numbers]]) };
      groups.set(key, group);
    }
    const before = group.chunks.get(column as string);
    if (before) before.bytes += Number(bytes);
    else {
      const range = { min: min as string | null, max: max as string | null };
      group.chunks.set(column as string, { type: type as string, ...range, bytes: Number(bytes) });
    }
  }
  return groups;
}

async function byBloomFilter(
  run: RunSql,
  groups: ReadonlyMap<string, Group>,
  comparisons: readonly Comparison[],
): Promise<Set<string>> {
  const excluded = new Set<string>();
  const equal = comparisons.filter(({ op }) => op === '=').slice(0, mostBloomProbes);
  for (const { column, value } of equal) {
    const holding = [...groups.values()].filter(({ chunks }) => chunks.has(column)).map(({ file }) => file);
    if (holding.length === 0) continue;
    const probe = `parquet_bloom_probe(${listLiteral([...new Set(holding)])}, ${literal(column)}, ${literal(value)})`;
    // A type that has no such filter rules nothing out.
    const rows = await run(
      `SELECT file_name, row_group_id FROM ${probe} WHERE ${ident('bloom_filter_excludes')}`,
    ).catch(() => []);
    for (const [file, id] of rows) excluded.add(`${id as bigint} ${file as string}`);
  }
  return excluded;
}

function mayHold({ type, min, max }: Chunk, op: Comparison['op'], value: string): boolean {
  if (min === null || max === null) return true;
  const [low, high] = [compare(type, min, value), compare(type, max, value)];
  if (low === null || high === null) return true;
  switch (op) {
    case '=':
      return low <= 0 && high >= 0;
    case '<':
      return low < 0;
    case '<=':
      return low <= 0;
    case '>':
      return high > 0;
    case '>=':
      return high >= 0;
  }
}

/** As numbers, or as texts (times are written alike); null where they can't be compared. */
function compare(type: string, a: string, b: string): number | null {
  if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b) && type.startsWith('INT')) {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  const date = /^\d{4}-\d\d-\d\d /;
  if (type.startsWith('INT') && !(date.test(a) && date.test(b))) return null;
  if (type === 'DOUBLE' || type === 'FLOAT') {
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? null : difference;
  }
  // UTF-8 sorts as code points do.
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
