import type { TableName } from '../../../schema/index.js';
import { compactedPrefix, hasPrefix } from '../moved.js';

/** A live data file of a table. */
export interface DataFile {
  /** As the catalog names it. */
  readonly path: string;
  readonly bytes: number;
}

const MiB = 1024 * 1024;

interface Sizes {
  /** A file of at least this size is not merged with others any more. */
  readonly full: number;
  /** Bytes that are rewritten at once: memory, disk for the sort, and how long commits wait for the swap. */
  readonly group: number;
}

const usual: Sizes = { full: 24 * MiB, group: 64 * MiB };
/**
 * A span takes so little that files of the usual size have 70 row groups: of a question about one trace or a few minutes, half would be to read
 * their footer, and to pass over the others for each column.
 */
const ofSpans: Sizes = { full: 12 * MiB, group: 28 * MiB };
const groupFiles = 200;

/**
 * Sizes are classes of a log-structured merge: a row is rewritten about once for each class its file passes, not once
 * for each run of maintenance.
 */
const classBounds = [0, MiB, 4 * MiB];
const enough = 4;

/**
 * The files of one day that are to be rewritten as one next, or null. `files` come in the order of their commits;
 * those in `skip` are left alone.
 *
 * A day that rows no longer come for (there is a later one) is merged whatever its sizes, as long as what is rewritten
 * is worth it, and files that DuckLake or a commit wrote are rewritten alone in the end.
 */
export function nextGroup(
  table: TableName,
  files: readonly DataFile[],
  skip: ReadonlySet<string> = new Set(),
): readonly DataFile[] | null {
  const sizes = table === 'spans' ? ofSpans : usual;
  const days = new Map<string, DataFile[]>();
  for (const file of files) {
    const day = folderOf(file.path);
    days.set(day, [...(days.get(day) ?? []), file]);
  }
  const newest = [...days.keys()].reduce((a, b) => (dayNumber(b) > dayNumber(a) ? b : a), '');
  for (const [day, all] of days) {
    const candidates = all.filter(({ path }) => !skip.has(path));
    for (const [i, min] of classBounds.entries()) {
      const below = classBounds[i + 1] ?? sizes.full;
      const some = bounded(
        candidates.filter(({ bytes }) => bytes >= min && bytes < below),
        sizes,
      );
      if (some.length >= enough) return some;
    }
    const closed = day !== newest;
    const small = bounded(
      candidates.filter(({ bytes }) => bytes < sizes.full),
      sizes,
    );
    if (closed && worthMerging(small)) return small;
    const old = candidates.find((file) => !isCompacted(file) && (closed || file.bytes >= sizes.full));
    if (old) return [old];
  }
  return null;
}

const leastIndexed = 4 * MiB;
const dayMs = 86_400_000;

/** Whether what becomes of a group is worth an index: what is rewritten soon is little, and read as it is. */
export function isIndexed(group: readonly DataFile[], nowMs: number): boolean {
  const day = dayNumber(folderOf(group[0]?.path ?? ''));
  return day + dayMs <= nowMs || group.reduce((sum, { bytes }) => sum + bytes, 0) >= leastIndexed;
}

function isCompacted({ path }: DataFile): boolean {
  return hasPrefix(path, compactedPrefix);
}

/** Not for the sake of a few late rows: the largest file is rewritten for others of a quarter of its size at least. */
function worthMerging(files: readonly DataFile[]): boolean {
  if (files.length < 2) return false;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const largest = Math.max(...files.map(({ bytes }) => bytes));
  return files.length >= enough || total - largest >= largest / 4;
}

function bounded(files: readonly DataFile[], { group }: Sizes): DataFile[] {
  const taken: DataFile[] = [];
  let total = 0;
  for (const file of files) {
    if (taken.length === groupFiles || total + file.bytes > group) break;
    taken.push(file);
    total += file.bytes;
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
