import { listLiteral } from '../../../duckdb/index.js';
import type { LinesFile, ReadSession } from '../../../lake/session.js';
import { KeptByFile } from '../../sql/kept-by-file.js';

/** Lines that are alike in what was asked for. */
export interface AlikeLines {
  readonly values: readonly string[];
  /** Unix milliseconds that `times` count from. */
  readonly base: number;
  /** Milliseconds in which there are some, their times rounded up, ascending. */
  readonly times: Uint32Array;
  /** How many in each. */
  readonly counts: Uint32Array;
}

/** Of lines of a table: what they are told apart by, and a condition. */
interface Asked {
  readonly columns: readonly string[];
  readonly where: string;
}

/** In each thread: questions, and bytes of all files of all of them. */
const most = { questions: 32, weight: 32 * 1024 * 1024 };
/** Of one question, which would take the place of all others, and its own next time. */
const mostOfOne = most.weight / 2;
/** Lines that one statement reads, unless a file has more. */
const mostLines = 2_000_000;
/** Kinds of lines that a question finds, characters of all that they are told apart by, and bytes of one such value. */
const mostKinds = 100_000;
const mostChars = 8_000_000;
const mostBytes = 4096;
/** Lines of one millisecond, as a part of a number that has the millisecond too. */
const countBits = 21n;
const longestMs = 2 ** 32 - 1;
/** One with too many is not asked so again before. */
const retryMs = 60_000;

const kept = new KeptByFile<readonly AlikeLines[]>(most, bytesOf);
/** When it was too much, in Unix milliseconds; the last is at the end. */
const refused = new Map<string, number>();

/**
 * The lines of files that never change, by their times: each file is read once for a question that is asked again and again, those that
 * are new together. Null where that is too much.
 */
export async function timesOfFiles(
  session: ReadSession,
  asked: Asked,
  wanted: readonly LinesFile[],
): Promise<readonly AlikeLines[] | null> {
  const key = JSON.stringify([asked.columns, asked.where]);
  if (Date.now() - (refused.get(key) ?? -Infinity) < retryMs) return null;
  refused.delete(key);
  const paths = wanted.map(({ path }) => path);
  const files = kept.of(key, paths);
  const reading = new Reading(asked, [...files.values()]);
  for (const some of portions(wanted.filter(({ path }) => !files.has(path)))) {
    const read = await reading.files(session, some);
    if (read === null) {
      refuse(key);
      return null;
    }
    for (const [path, lines] of read) files.set(path, lines);
  }
  kept.keep(key, files);
  return [...files.values()].flat();
}

/** What one statement reads each. */
function portions(files: readonly LinesFile[]): string[][] {
  const all: string[][] = [];
  let place = 0;
  for (const { path, lines } of files) {
    const last = all.at(-1);
    if (last && lines <= place) last.push(path);
    else all.push([path]);
    place = (last && lines <= place ? place : mostLines) - lines;
  }
  return all;
}

function refuse(key: string): void {
  refused.delete(key);
  refused.set(key, Date.now());
  for (const oldest of refused.keys()) {
    if (refused.size <= most.questions) break;
    refused.delete(oldest);
  }
}

/** What is beside the times takes as much as some lines. */
function bytesOf(kinds: readonly AlikeLines[]): number {
  const beside = 128;
  return kinds.reduce(
    (sum, { values, times, counts }) => sum + times.byteLength + counts.byteLength + beside + charsOf(values),
    beside,
  );
}

function charsOf(values: readonly string[]): number {
  return values.reduce((sum, { length }) => sum + length, 0);
}

/** What one question reads, with what is known already. */
class Reading {
  #kinds = 0;
  #chars = 0;
  #bytes: number;

  constructor(
    private readonly asked: Asked,
    known: readonly (readonly AlikeLines[])[],
  ) {
    this.#bytes = known.reduce((sum, kinds) => sum + bytesOf(kinds), 0);
  }

  /** Null for more than there may be. */
  async files(session: ReadSession, paths: readonly string[]): Promise<Map<string, AlikeLines[]> | null> {
    const found = new Map<string, AlikeLines[]>(paths.map((path) => [path, []]));
    for await (const chunk of session.stream(this.#sql(paths), [], undefined, true)) {
      this.#kinds += chunk.rowCount;
      if (this.#kinds > mostKinds) return null;
      const [file, ...columns] = chunk.columns;
      const times = columns.pop();
      for (let r = 0; r < chunk.rowCount; r++) {
        const values = columns.flatMap((column) => (column[r] as string | null) ?? []);
        this.#chars += charsOf(values);
        if (values.length < columns.length || this.#chars > mostChars) return null;
        const numbers = times?.[r] as ArrayLike<bigint> & Iterable<bigint>;
        // Before they are sorted, which takes a second for millions.
        if (this.#bytes + numbers.length * 8 > mostOfOne) return null;
        const lines = alike(values, numbers);
        if (lines === null || (this.#bytes += bytesOf([lines])) > mostOfOne) return null;
        found.get(paths[file?.[r] as number] ?? '')?.push(lines);
      }
    }
    return found;
  }

  #sql(paths: readonly string[]): string {
    const { columns, where } = this.asked;
    const names = columns.map((_, i) => `c${i}`);
    const shown = columns.map((column, i) => `coalesce(${column}, '') AS c${i}`);
    // A value that is too long is NULL, as a chunk of such would be much by itself.
    const short = names.map((name) => `CASE WHEN strlen(${name}) <= ${mostBytes} THEN ${name} END`);
    const groups = ['file', ...names].join(', ');
    return (
      `SELECT ${['file', ...short].join(', ')}, list((ms << ${countBits}) + lines) FROM (` +
      `SELECT ${groups}, ms, count(*) AS lines FROM (` +
      `SELECT ${['file_index::INTEGER AS file', ...shown].join(', ')}, (time_unix_nano + 999999) // 1000000 AS ms ` +
      `FROM read_parquet(${listLiteral(paths)}, hive_partitioning => false) WHERE ${where}) ` +
      `GROUP BY ${groups}, ms) GROUP BY ${groups} LIMIT ${mostKinds + 1}`
    );
  }
}

/** `numbers`: of each millisecond, with how many lines it has. Null where they are of more than the milliseconds that are counted from one. */
function alike(values: readonly string[], numbers: Iterable<bigint>): AlikeLines | null {
  const sorted = BigInt64Array.from(numbers).sort();
  const [times, counts] = [new Uint32Array(sorted.length), new Uint32Array(sorted.length)];
  const first = (sorted[0] ?? 0n) >> countBits;
  if (((sorted.at(-1) ?? 0n) >> countBits) - first > longestMs) return null;
  for (const [i, number] of sorted.entries()) {
    const ms = number >> countBits;
    times[i] = Number(ms - first);
    counts[i] = Number(number - (ms << countBits));
  }
  return { values, base: Number(first), times, counts };
}
