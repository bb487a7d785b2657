import { listLiteral } from '../../../duckdb/index.js';
import type { ReadSession } from '../../../lake/session.js';
import { KeptByFile } from '../../sql/kept-by-file.js';

/** Lines that are alike in what was asked for. */
export interface AlikeLines {
  readonly values: readonly string[];
  /** Unix milliseconds, rounded up, ascending. */
  readonly times: Float64Array;
}

/** Of lines of a table: what they are told apart by, and a condition. */
interface Asked {
  readonly columns: readonly string[];
  readonly where: string;
}

/** In each thread: questions, and lines of all files of all of them. */
const most = { questions: 32, weight: 4_000_000 };
/** Kinds of lines that one statement finds, characters of all that they are told apart by, and bytes of one such value. */
const mostKinds = 100_000;
const mostChars = 8_000_000;
const mostBytes = 4096;
/** One with too many is not asked so again before. */
const retryMs = 60_000;

const kept = new KeptByFile<readonly AlikeLines[]>(most, linesOf);
/** When it was too much, in Unix milliseconds; the last is at the end. */
const refused = new Map<string, number>();

/**
 * The lines of small files that never change, by their times: each file is read once for a question that is asked again and again, all that
 * are new by one statement. Null where that is too much.
 */
export async function timesOfFiles(
  session: ReadSession,
  asked: Asked,
  paths: readonly string[],
): Promise<readonly AlikeLines[] | null> {
  const key = JSON.stringify([asked.columns, asked.where]);
  if (Date.now() - (refused.get(key) ?? -Infinity) < retryMs) return null;
  refused.delete(key);
  const files = kept.of(key, paths);
  const missing = paths.filter((path) => !files.has(path));
  const read = missing.length === 0 ? [] : await readFiles(session, asked, missing);
  if (read === null) {
    refuse(key);
    return null;
  }
  for (const [path, lines] of read) files.set(path, lines);
  kept.keep(key, files);
  return [...files.values()].flat();
}

function refuse(key: string): void {
  refused.delete(key);
  refused.set(key, Date.now());
  for (const oldest of refused.keys()) {
    if (refused.size <= most.questions) break;
    refused.delete(oldest);
  }
}

/** A time takes eight bytes; what is beside it as much as some lines. */
function linesOf(kinds: readonly AlikeLines[]): number {
  const beside = 16;
  return kinds.reduce((sum, { values, times }) => sum + times.length + beside + charsOf(values) / 8, beside);
}

function charsOf(values: readonly string[]): number {
  return values.reduce((sum, { length }) => sum + length, 0);
}

/** Null for more than there may be. */
async function readFiles(
  session: ReadSession,
  { columns, where }: Asked,
  paths: readonly string[],
): Promise<Map<string, AlikeLines[]> | null> {
  const found = new Map<string, AlikeLines[]>(paths.map((path) => [path, []]));
  const names = columns.map((_, i) => `c${i}`);
  const shown = columns.map((column, i) => `coalesce(${column}, '') AS c${i}`);
  // A value that is too long is NULL, as a chunk of such would be much by itself.
  const short = names.map((name) => `CASE WHEN strlen(${name}) <= ${mostBytes} THEN ${name} END`);
  const sql =
    `SELECT ${['file', ...short].join(', ')}, list(ms) FROM (` +
    `SELECT ${['file_index::INTEGER AS file', ...shown].join(', ')}, ((time_unix_nano + 999999) // 1000000)::DOUBLE AS ms ` +
    `FROM read_parquet(${listLiteral(paths)}, hive_partitioning => false) WHERE ${where}) ` +
    `GROUP BY ${['file', ...names].join(', ')} LIMIT ${mostKinds + 1}`;
  let [kinds, chars] = [0, 0];
  for await (const chunk of session.stream(sql, [], undefined, true)) {
    kinds += chunk.rowCount;
    if (kinds > mostKinds) return null;
    const [file, ...columns] = chunk.columns;
    const times = columns.pop();
    for (let r = 0; r < chunk.rowCount; r++) {
      const values = columns.flatMap((column) => (column[r] as string | null) ?? []);
      chars += charsOf(values);
      if (values.length < columns.length || chars > mostChars) return null;
      found.get(paths[file?.[r] as number] ?? '')?.push({
        values,
        times: Float64Array.from(times?.[r] as ArrayLike<number>).sort(),
      });
    }
  }
  return found;
}
