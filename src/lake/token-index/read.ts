import { firstLine } from '../../duckdb/index.js';
import type { Storage } from '../../storage/index.js';
import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import { digestLength, digestTailBytes } from '../file-digest/index.js';
import { decodeIndex, indexLength, tailBytes, type TokenIndex } from './file.js';
import { mayHave, type Search } from './needle.js';

/** Rows of a file by their number in it: from (included) and until (not included). */
export interface RowRange {
  readonly from: number;
  readonly until: number;
}

/** A file that may have an index. */
export interface IndexedFile {
  readonly path: string;
  /** Where its footer begins, bytes. */
  readonly footerAt: number;
}

interface Kept {
  /** Null: there is none, or it is not whole. */
  readonly index: TokenIndex | null;
  readonly bytes: number;
  /** The question that used it last. */
  used: number;
}

/** Of the files that have an index. */
export interface Found {
  readonly rows: ReadonlyMap<string, readonly RowRange[]>;
  /** Row groups. */
  readonly read: number;
  readonly skipped: number;
  /** Files that have none. */
  readonly without: readonly string[];
}

/** Of all indexes that are kept in memory: of 25 million lines with four ids each. */
const defaultMostBytes = 160 * 1024 * 1024;
/**
 * One that was used by as few questions ago goes for no other: where not all of a range fit, each question for the range would otherwise have
 * all of them read again.
 */
const fewQuestions = 32;
/** Read at once, with what one request gives of most indexes. */
const readAtOnce = 8;
const guessBytes = 1024 * 1024;

/** The token indexes of data files, read when a query first asks for them. */
export class TokenIndexes {
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  readonly #reading = new Map<string, Promise<Kept | null>>();
  #bytes = 0;
  #questions = 0;
  readonly #groups: Counter;

  constructor(
    private readonly storage: Storage,
    private readonly telemetry: Telemetry,
    private readonly mostBytes = defaultMostBytes,
  ) {
    const registers = [telemetry.registry];
    this.#groups = new Counter({
      name: 'canardstack_token_index_row_groups_total',
      help: 'Row groups that queries looked up in the token index, by what it said.',
      labelNames: ['outcome'],
      registers,
    });
    const bytes = () => this.#bytes;
    new Gauge({
      name: 'canardstack_token_index_memory_bytes',
      help: 'Token indexes that are kept in memory.',
      registers,
      collect() {
        this.set(bytes());
      },
    });
  }

  /**
   * The rows of each file that may have what is searched for, in ranges. Files that are to be read as a whole are missing, as
   * are those without an index, or whose index can't be read.
   */
  async rows(files: readonly IndexedFile[], search: Search): Promise<Found> {
    this.#questions++;
    const found = new Map<string, readonly RowRange[]>();
    const groups = { read: 0, skipped: 0 };
    const without: string[] = [];
    let next = 0;
    const work = async () => {
      for (let file = files[next++]; file !== undefined; file = files[next++]) {
        const kept = await this.#index(file);
        if (kept !== null && kept.index === null) without.push(file.path);
        const some = kept?.index ? wanted(kept.index, search, groups) : null;
        if (some) found.set(file.path, some);
      }
    };
    await Promise.all(Array.from({ length: readAtOnce }, work));
    return { rows: found, ...groups, without };
  }

  /** Keeps an index that its file does not have. */
  learn(path: string, bytes: Buffer): void {
    if (this.#kept.get(path)?.index) return;
    this.#keep(path, { index: decodeIndex(bytes), bytes: bytes.length + 200, used: this.#questions });
  }

  /** Whether it is known that a file has no row of what is searched for. */
  lacks(path: string, search: Search): boolean {
    const kept = this.#kept.get(path);
    if (!kept?.index) return false;
    this.#use(path, kept);
    const { columns, granules } = kept.index;
    return !granules.some((granule) => mayHave(granule, search, columns));
  }

  /** Counts what rows are read by. */
  note({ read, skipped }: Found): void {
    this.#groups.inc({ outcome: 'read' }, read);
    this.#groups.inc({ outcome: 'skipped' }, skipped);
  }

  /** Null when it could not be read. */
  async #index(file: IndexedFile): Promise<Kept | null> {
    const { path } = file;
    const kept = this.#kept.get(path);
    if (kept !== undefined) return this.#use(path, kept);
    let reading = this.#reading.get(path);
    if (reading === undefined) {
      reading = this.#read(file).finally(() => this.#reading.delete(path));
      this.#reading.set(path, reading);
    }
    return reading;
  }

  #use(path: string, kept: Kept): Kept {
    this.#kept.delete(path);
    this.#kept.set(path, kept);
    kept.used = this.#questions;
    return kept;
  }

  async #read(file: IndexedFile): Promise<Kept | null> {
    let kept: Kept;
    try {
      const bytes = await this.#bytesOf(file);
      kept = {
        index: bytes === null ? null : decodeIndex(bytes),
        bytes: (bytes?.length ?? 0) + 200,
        used: this.#questions,
      };
    } catch (error) {
      this.telemetry.log.debug({ err: firstLine(error) }, 'a token index could not be read');
      return null;
    }
    this.#keep(file.path, kept);
    return kept;
  }

  #keep(path: string, kept: Kept): void {
    const before = this.#kept.get(path);
    // It was learned while the file was read.
    if (before?.index && kept.index === null) return;
    if (kept.bytes > this.mostBytes) return;
    const more = kept.bytes - (before?.bytes ?? 0);
    for (const [oldest, { bytes, used }] of this.#kept) {
      if (this.#bytes + more <= this.mostBytes) break;
      if (oldest === path) continue;
      if (this.#questions - used < fewQuestions) return;
      this.#kept.delete(oldest);
      this.#bytes -= bytes;
    }
    this.#kept.delete(path);
    this.#kept.set(path, kept);
    this.#bytes += more;
  }

  async #bytesOf({ path, footerAt }: IndexedFile): Promise<Buffer | null> {
    const { storage } = this;
    if (!path.startsWith(storage.url)) return null;
    const key = path.slice(storage.url.length);
    const from = Math.max(0, footerAt - guessBytes);
    const guess = await storage.getRange(key, from, footerAt);
    // Between the two may be the file's digest.
    const end = footerAt - digestLength(guess.subarray(-digestTailBytes));
    const tail =
      end - tailBytes >= from
        ? guess.subarray(0, end - from)
        : await storage.getRange(key, end - tailBytes, end);
    const length = indexLength(tail.subarray(-tailBytes));
    if (length === null || length > end) return null;
    return length <= tail.length
      ? Buffer.from(tail.subarray(-length))
      : storage.getRange(key, end - length, end);
  }
}

/** Null: all of them. */
function wanted(
  { columns, granules }: TokenIndex,
  search: Search,
  groups: { read: number; skipped: number },
): RowRange[] | null {
  const skippedBefore = groups.skipped;
  const found: RowRange[] = [];
  let from = 0;
  for (const granule of granules) {
    const until = from + granule.rows;
    if (mayHave(granule, search, columns)) {
      groups.read++;
      const last = found.at(-1);
      if (last?.until === from) found[found.length - 1] = { from: last.from, until };
      else found.push({ from, until });
    } else groups.skipped++;
    from = until;
  }
  return groups.skipped === skippedBefore ? null : found;
}
