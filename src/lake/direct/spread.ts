import type { LiveFiles } from '../files/live-files.js';
import type { FileSpan, RowsRequest } from '../session.js';
import type { RowRange } from '../token-index/index.js';
import type { DirectFile } from './files.js';

/** About what a row group of log records takes. */
export const groupRows = 20_480;
const groupBytes = 1_500_000;
/** What opening a file takes at least, of reading a row group. */
const leastGroups = 1 / 16;

/** As `ReadSession.spread` tells. `found`: of some files the only rows that may be wanted. */
export function spreadOf(
  { from, until }: RowsRequest,
  { sizes, touched }: LiveFiles,
  directFile: (path: string) => DirectFile | null,
  found: ReadonlyMap<string, readonly RowRange[]>,
): FileSpan[] {
  return [...sizes].flatMap(([path, bytes]) => {
    const file = touched.has(path) ? null : directFile(path);
    if (file === null || file.last < from || file.first >= until) return [];
    const rows = found.get(path)?.reduce((sum, range) => sum + range.until - range.from, 0);
    if (rows === 0) return [];
    const parts = rows === undefined ? bytes / groupBytes : rows / groupRows;
    // A file of a commit is most often a small part of one.
    const groups = parts < 1 && file.footerAt === null ? Math.max(parts, leastGroups) : Math.ceil(parts);
    return [{ first: file.first, last: file.last, groups, bytes }];
  });
}
