import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';

/**
 * How long files have been there. A file of a commit is not worth reading at once, as compaction soon replaces it: then only
 * the files of a minute are read by each query, and most of what came in is read for the cache once.
 */
export class NewFiles {
  /** Milliseconds on the monotonic clock. */
  #seen: ReadonlyMap<string, number> | null = null;

  constructor(private readonly waitMs: number) {}

  /** All that there are now. Those of the first call are not new. */
  note(paths: readonly string[]): void {
    const before = this.#seen;
    const now = before === null ? -this.waitMs : performance.now();
    this.#seen = new Map(paths.map((path) => [path, before?.get(path) ?? now]));
  }

  /** Milliseconds until the file is to be read; 0 when it may be. */
  waits(path: string): number {
    if (hasPrefix(path, compactedPrefix)) return 0;
    const seen = this.#seen?.get(path);
    return seen === undefined ? 0 : Math.max(0, seen + this.waitMs - performance.now());
  }
}
