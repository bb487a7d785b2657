import type { TableName } from '../../../schema/index.js';
import { compactedPrefix, flushedPrefix, hasPrefix, joinedPrefix, rewrittenPrefix } from '../moved.js';

/** A live data file of a table. */
export interface DataFile {
  /** As the catalog names it. */
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
}

const MiB = 1024 * 1024;
const dayMs = 86_400_000;

/** Of a file, or of several together. */
interface Size {
  readonly bytes: number;
  readonly rows: number;
}

interface Sizes {
  /** A file that has as many bytes or rows is not merged with others any more. */
  readonly full: Size;
  /** What is rewritten at once: memory, disk for the sort, and how long commits wait for the swap. Twice as much as `full` at least: what this cuts off is full. */
  readonly group: Size;
}

/** Lines that repeat take a quarter of the usual: a file of the usual size would be of millions, each rewritten twice. */
const ofLogs: Sizes = {
  full: { bytes: 24 * MiB, rows: 750_000 },
  group: { bytes: 64 * MiB, rows: 1_500_000 },
};
/**
 * A span takes so little that files of the usual size have 70 row groups: of a question about one trace or a few minutes, half would be to read
 * their footer, and to pass over the others for each column.
 */
const ofSpans: Sizes = {
  full: { bytes: 12 * MiB, rows: 400_000 },
  group: { bytes: 28 * MiB, rows: 800_000 },
};
/** Some take a byte. */
const ofPoints: Sizes = {
  full: { bytes: 24 * MiB, rows: 8_000_000 },
  group: { bytes: 64 * MiB, rows: 16_000_000 },
};
/** What is joined is sorted alone later, which has to fit into memory whatever its rows are. */
const ofJoins: Sizes = {
  full: { bytes: 24 * MiB, rows: 500_000 },
  group: { bytes: 48 * MiB, rows: 1_000_000 },
};
const groupFiles = 200;

/**
 * Sizes are classes of a log-structured merge: a row is rewritten about once for each class its file passes, not once
 * for each run of maintenance.
 */
const classBounds = [0, MiB, 4 * MiB];
const enough = 4;

/** Of a file that may be joined: what is left of a row group at the end of a file stays one. */
const leastJoinedRows = 40_000;

/** Files of one day that are to become one. */
export interface Group {
  readonly files: readonly DataFile[];
  /** `join`: their row groups are taken as they are. */
  readonly by: 'join' | 'sort';
}

export interface Choice {
  /** Paths of files that are left alone. */
  readonly skip?: ReadonlySet<string>;
  /** Paths of files that can't be joined. */
  readonly unjoinable?: ReadonlySet<string>;
  /** The process has no CPU to spare: what may be joined is, and what was is sorted only when its day is over and nothing else is to do. */
  readonly busy?: boolean;
  /** Of the usual bounds. */
  readonly share?: number;
  /** Files are rewritten alone too, once nothing else is to do; true unless told. */
  readonly alone?: boolean;
  /** A day that is not yet over gets rows, whatever rows say that came of a later one. Unset: the last day alone does. */
  readonly nowMs?: number;
}

/**
 * What is to be done next, or null. `files` come in the order of their commits.
 *
 * A day that rows no longer come for (it is over, and there is a later one) is merged whatever its sizes, as long as what is rewritten
 * is worth it, and files that DuckLake, a commit or a join wrote are rewritten alone in the end.
 */
export function nextGroup(
  table: TableName,
  files: readonly DataFile[],
  {
    skip = new Set(),
    unjoinable = new Set(),
    busy = false,
    share = 1,
    alone = true,
    nowMs = Infinity,
  }: Choice = {},
): Group | null {
  const sizes = sharedOut(sizesOf(table), share);
  const days = daysOf(files.filter(({ path }) => !skip.has(path)));
  const joins = sharedOut(ofJoins, share);
  const newest = newestOf(files);
  const isClosed = (day: string) => day !== newest && dayNumber(day) + dayMs <= nowMs;
  const isJoinable = (file: DataFile) =>
    busy &&
    table === 'logs' &&
    isOfCommit(file) &&
    !unjoinable.has(file.path) &&
    file.rows >= leastJoinedRows;
  for (const [day, candidates] of days) {
    const joined = bounded(
      candidates.filter((file) => isJoinable(file) && !reaches(file, joins.full)),
      joins,
    );
    if (joined.length > 1 && reaches(sizeOf(joined), joins.full)) return { files: joined, by: 'join' };
    const closed = isClosed(day);
    const some = toSort(
      busy ? candidates.filter((file) => !isJoined(file) && (closed || !isJoinable(file))) : candidates,
      sizes,
      { closed, alone },
    );
    if (some) return { files: some, by: 'sort' };
  }
  for (const [day, candidates] of busy && alone ? days : []) {
    const joined = isClosed(day) ? candidates.find(isJoined) : undefined;
    if (joined) return { files: [joined], by: 'sort' };
  }
  return null;
}

function toSort(
  candidates: readonly DataFile[],
  sizes: Sizes,
  { closed, alone }: { closed: boolean; alone: boolean },
): readonly DataFile[] | null {
  const small = candidates.filter((file) => !reaches(file, sizes.full));
  for (const [i, min] of classBounds.entries()) {
    const below = classBounds[i + 1] ?? Infinity;
    const some = bounded(
      small.filter(({ bytes }) => bytes >= min && bytes < below),
      sizes,
    );
    // What is full is not rewritten again, nor is what becomes of the last class to be.
    if (reaches(sizeOf(some), sizes.full) || (some.length >= enough && below < Infinity)) return some;
  }
  const rest = bounded(small, sizes);
  // What leaves files out is a full one, and would keep them from being merged.
  if (closed && (rest.length < small.length || worthMerging(rest))) return rest;
  if (!alone) return null;
  const old = candidates.find((file) => !isSorted(file) && (closed || reaches(file, sizes.full)));
  return old ? [old] : null;
}

function daysOf(files: readonly DataFile[]): Map<string, DataFile[]> {
  const days = new Map<string, DataFile[]>();
  for (const file of files) {
    const day = folderOf(file.path);
    const all = days.get(day);
    if (all) all.push(file);
    else days.set(day, [file]);
  }
  return days;
}

function newestOf(files: readonly DataFile[]): string {
  const days = new Set(files.map(({ path }) => folderOf(path)));
  return [...days].reduce((a, b) => (dayNumber(b) > dayNumber(a) ? b : a), '');
}

/** So that what becomes of a group that is smaller than usual is full. */
function sharedOut({ full, group }: Sizes, share: number): Sizes {
  const part = ({ bytes, rows }: Size) => ({ bytes: bytes * share, rows: rows * share });
  return { full: part(full), group: part(group) };
}

/** Whether a group of this share of the usual may be so large. */
export function fitsShare(table: TableName, files: readonly DataFile[], share: number): boolean {
  const { group } = sharedOut(table === 'logs' && files.some(isJoined) ? ofJoins : sizesOf(table), share);
  const { bytes, rows } = sizeOf(files);
  return bytes <= group.bytes && rows <= group.rows;
}

/** Whether these files are as much as a full one, where groups are of this share of the usual. */
export function fillsShare(table: TableName, files: readonly DataFile[], share: number): boolean {
  return reaches(sizeOf(files), sharedOut(sizesOf(table), share).full);
}

function sizesOf(table: TableName): Sizes {
  if (table === 'logs') return ofLogs;
  return table === 'spans' ? ofSpans : ofPoints;
}

function reaches({ bytes, rows }: Size, size: Size): boolean {
  return bytes >= size.bytes || rows >= size.rows;
}

function sizeOf(files: readonly DataFile[]): Size {
  return files.reduce((sum, { bytes, rows }) => ({ bytes: sum.bytes + bytes, rows: sum.rows + rows }), {
    bytes: 0,
    rows: 0,
  });
}

const leastIndexed = 4 * MiB;

/** Whether what becomes of a group is worth an index: what is rewritten soon is little, and read as it is. */
export function isIndexed(table: TableName, group: readonly DataFile[], nowMs: number): boolean {
  const day = dayNumber(folderOf(group[0]?.path ?? ''));
  const size = sizeOf(group);
  return day + dayMs <= nowMs || size.bytes >= leastIndexed || reaches(size, sizesOf(table).full);
}

/** Whether a file was joined, and waits to be sorted. */
export function isJoined({ path }: DataFile): boolean {
  return hasPrefix(path, joinedPrefix);
}

function isSorted(file: DataFile): boolean {
  return hasPrefix(file.path, compactedPrefix) && !isJoined(file);
}

function isOfCommit({ path }: DataFile): boolean {
  return ![compactedPrefix, flushedPrefix, rewrittenPrefix].some((prefix) => hasPrefix(path, prefix));
}

/** Not for the sake of a few late rows: the largest file is rewritten for others of a quarter of its size at least. */
function worthMerging(files: readonly DataFile[]): boolean {
  if (files.length < 2) return false;
  const total = sizeOf(files).bytes;
  const largest = Math.max(...files.map(({ bytes }) => bytes));
  return files.length >= enough || total - largest >= largest / 4;
}

function bounded(files: readonly DataFile[], { group }: Sizes): DataFile[] {
  const taken: DataFile[] = [];
  let [bytes, rows] = [0, 0];
  for (const file of files) {
    bytes += file.bytes;
    rows += file.rows;
    if (taken.length === groupFiles || bytes > group.bytes || rows > group.rows) break;
    taken.push(file);
  }
  return taken;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Of a folder `.../year=Y/month=M/day=D/`; -1 for any other. */
function dayNumber(folder: string): number {
  const [, year, month, day] = /year=(\d+)\/month=(\d+)\/day=(\d+)\/$/.exec(folder) ?? [];
  return day === undefined ? -1 : Date.UTC(Number(year), Number(month) - 1, Number(day));
}
