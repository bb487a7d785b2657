import { listLiteral } from '../../duckdb/index.js';
import { layoutOf, type MetadataKind } from '../../lake/metadata/layout.js';
import type { ReadSession } from '../../lake/session.js';
import { KeptByFile } from './kept-by-file.js';
import type { ListedRow } from './projections.js';

/** Questions, and rows of all of them together, in each thread; one of more rows is not asked of files. */
const mostRows = 100_000;
const most = { questions: 32, weight: mostRows };
/** As many characters of values weigh as much as a row. */
const rowChars = 256;

interface Asked {
  readonly kind: MetadataKind;
  readonly columns: readonly string[];
  readonly where: string;
  readonly weighed?: boolean;
}

/** An empty file takes place too. */
const kept = new KeptByFile<readonly ListedRow[]>(most, (rows) =>
  rows.reduce((sum, { values }) => sum + 1 + charsOf(values) / rowChars, 1),
);

/** Of a question, files that have too many rows together, so that they are not read again for as many. */
const tooMany = new Map<string, ReadonlySet<string>[]>();
/** Of a question; what was found last is kept. */
const mostSets = 4;

function areTooMany(question: string, paths: readonly string[]): boolean {
  const asked = new Set(paths);
  return (tooMany.get(question) ?? []).some((files) => [...files].every((path) => asked.has(path)));
}

function noteTooMany(question: string, paths: readonly string[]): void {
  const sets = [...(tooMany.get(question) ?? []), new Set(paths)].slice(-mostSets);
  tooMany.delete(question);
  tooMany.set(question, sets);
  for (const oldest of tooMany.keys()) if (tooMany.size > most.questions) tooMany.delete(oldest);
}

function charsOf(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 0), 0);
}

/**
 * What whole files have that the metadata cache does not keep, as those of the last commits: each is read once for a question that is
 * asked again and again, as data files never change. Null where that is too much.
 */
export async function unreadRows(
  session: ReadSession,
  asked: Asked,
  paths: readonly string[],
): Promise<ListedRow[] | null> {
  if (paths.length === 0) return [];
  const { kind, columns, where, weighed = false } = asked;
  const key = JSON.stringify([kind, columns, where, weighed]);
  if (areTooMany(key, paths)) return null;
  const files = kept.of(key, paths);
  const missing = paths.filter((path) => !files.has(path));
  const read = missing.length > 0 ? await readFiles(session, asked, missing) : [];
  if (read === null) {
    noteTooMany(key, missing);
    return null;
  }
  for (const [i, path] of missing.entries()) files.set(path, read[i] ?? []);
  kept.keep(key, files);
  return paths.flatMap((path) => files.get(path) ?? []);
}

/** In the order of the paths; null for more than `mostRows`. */
async function readFiles(
  session: ReadSession,
  { kind, columns, where, weighed = false }: Asked,
  paths: readonly string[],
): Promise<ListedRow[][] | null> {
  const found: ListedRow[][] = paths.map(() => []);
  const files = `read_parquet(${listLiteral(paths)}, hive_partitioning => false)`;
  const rows = layoutOf(kind).select('TRUE', files, 'file_index::INTEGER AS file');
  const weights = weighed ? ['count(*)::DOUBLE', 'sum(bytes)::DOUBLE'] : [];
  const sql =
    `SELECT ${['file', ...columns, ...weights].join(', ')} FROM (${rows}) ` +
    `WHERE t IS NOT NULL AND (${where}) GROUP BY ALL LIMIT ${mostRows + 1}`;
  let count = 0;
  for await (const chunk of session.stream(sql, [], undefined, true)) {
    count += chunk.rowCount;
    for (let r = 0; r < chunk.rowCount; r++) {
      const [file, ...cells] = chunk.columns.map((column) => column[r] ?? null);
      const weight = (i: number) => (cells[columns.length + i] ?? 0) as number;
      found[file as number]?.push({
        values: cells.slice(0, columns.length),
        records: weight(0),
        bytes: weight(1),
      });
    }
  }
  return count > mostRows ? null : found;
}
