/** Marks the files that compaction has written, which are sorted and have Bloom filters. */
export const compactedPrefix = 'canardstack-compacted-';

/** Marks the files that hold rows which were inlined before. */
export const flushedPrefix = 'canardstack-flushed-';

/** Of the files that DuckLake writes: flushed and rewritten rows, which keep their snapshots, and few commits. */
export const rewrittenPrefix = 'ducklake-';

export function hasPrefix(path: string, prefix: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(prefix);
}
