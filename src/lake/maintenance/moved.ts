/** Marks the files that compaction has written. */
export const compactedPrefix = 'canardstack-compacted-';

/** Of these, marks those that have the row groups of files of commits as they were, one file after the other; all others are sorted. */
export const joinedPrefix = `${compactedPrefix}joined-`;

/** Marks the files that hold rows which were inlined before. */
export const flushedPrefix = 'canardstack-flushed-';

/** Of the files that DuckLake writes: flushed and rewritten rows, which keep their snapshots, and few commits. */
export const rewrittenPrefix = 'ducklake-';

/** Whether compaction has written it, and tells of it what else is read of its rows. */
export function isSorted(path: string): boolean {
  return hasPrefix(path, compactedPrefix) && !hasPrefix(path, joinedPrefix);
}

export function hasPrefix(path: string, prefix: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(prefix);
}
