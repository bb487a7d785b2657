import type { LiveFiles } from '../files/live-files.js';
import type { FileSpan, RowsRequest } from '../session.js';
import type { RowRange } from '../token-index/index.js';
import type { DirectFile } from './files.js';

/** About what a row group of log records takes. */
export const groupRows = 20_480;
const groupBytes = 1_500_000;

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
    const groups = Math.ceil(rows === undefined ? bytes / groupBytes : rows / groupRows);
    return groups === 0 ? [] : [{ first: file.first, last: file.last, groups, bytes }];
  });
}
