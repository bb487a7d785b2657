import { listLiteral } from '../../../duckdb/index.js';
import type { ReadSession } from '../../../lake/session.js';

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

/** In each thread: questions, lines of all files of all of them, and kinds of lines that one statement finds. */
const mostQuestions = 32;
const mostLines = 4_000_000;
const mostKinds = 100_000;
/** One with too many kinds is not asked so again before. */
const retryMs = 60_000;

type Files = ReadonlyMap<string, readonly AlikeLines[]>;

/** By what is asked; when it was refused, in Unix milliseconds, where it is too much. The question asked last is at the end. */
const questions = new Map<string, Files | number>();

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
  const held = questions.get(key) ?? new Map<string, never>();
  if (typeof held === 'number') {
    if (Date.now() - held < retryMs) return null;
    questions.delete(key);
    return timesOfFiles(session, asked, paths);
  }
  const missing = paths.filter((path) => !held.has(path));
  const read = missing.length === 0 ? new Map<string, never>() : await readFiles(session, asked, missing);
  // What is not among them now is kept in another way by now, or compacted.
  const files = read && new Map(paths.map((path) => [path, held.get(path) ?? read.get(path) ?? []]));
  questions.delete(key);
  questions.set(key, files ?? Date.now());
  bound();
  return files && [...files.values()].flat();
}

function bound(): void {
  let lines = 0;
  for (const held of questions.values()) lines += linesOf(held);
  for (const [oldest, held] of questions) {
    if (questions.size <= mostQuestions && lines <= mostLines) break;
    questions.delete(oldest);
    lines -= linesOf(held);
  }
}

function linesOf(held: Files | number): number {
  if (typeof held === 'number') return 0;
  let lines = 0;
  // Texts take as much as some lines.
  for (const kinds of held.values()) for (const { times } of kinds) lines += times.length + 16;
  return lines;
}

/** Null for more than `mostKinds`. */
async function readFiles(
  session: ReadSession,
  { columns, where }: Asked,
  paths: readonly string[],
): Promise<Map<string, AlikeLines[]> | null> {
  const found = new Map<string, AlikeLines[]>(paths.map((path) => [path, []]));
  const names = columns.map((_, i) => `c${i}`);
  const shown = columns.map((column, i) => `coalesce(${column}, '') AS c${i}`);
  const sql =
    `SELECT ${['file', ...names].join(', ')}, list(ms) FROM (` +
    `SELECT ${['file_index::INTEGER AS file', ...shown].join(', ')}, ((time_unix_nano + 999999) // 1000000)::DOUBLE AS ms ` +
    `FROM read_parquet(${listLiteral(paths)}, hive_partitioning => false) WHERE ${where}) ` +
    `GROUP BY ${['file', ...names].join(', ')} LIMIT ${mostKinds + 1}`;
  let kinds = 0;
  for await (const chunk of session.stream(sql, [], undefined, true)) {
    kinds += chunk.rowCount;
    const [file, ...values] = chunk.columns;
    const times = values.pop();
    for (let r = 0; r < chunk.rowCount; r++) {
      found.get(paths[file?.[r] as number] ?? '')?.push({
        values: values.map((column) => column[r] as string),
        times: Float64Array.from(times?.[r] as ArrayLike<number>).sort(),
      });
    }
  }
  return kinds > mostKinds ? null : found;
}
