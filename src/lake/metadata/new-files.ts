import type { CatalogFile } from '../files/live-files.js';
import { isSorted } from '../maintenance/moved.js';

const msNs = 1_000_000n;

/**
 * How long files have been there. A file of a commit, or of some that were joined, is not worth reading at once, as compaction soon replaces it: then only
 * the files of a minute are read by each query, and most of what came in is read for the cache once.
 */
export class NewFiles {
  /** Milliseconds on the monotonic clock. */
  #seen: ReadonlyMap<string, number> | null = null;

  constructor(private readonly waitMs: number) {}

  /** All that there are now. Those of the first call are as old as their last row, as far as `told` tells of it. */
  note(paths: readonly string[], told: ReadonlyMap<string, Pick<CatalogFile, 'last'>> = new Map()): void {
    const before = this.#seen;
    const [now, wallNow] = [performance.now(), Date.now()];
    const first = (path: string): number => {
      const last = told.get(path)?.last;
      const age = last === undefined ? Infinity : wallNow - Number(last / msNs);
      return now - Math.max(0, age);
    };
    this.#seen = new Map(
      paths.map((path) => [path, before === null ? first(path) : (before.get(path) ?? now)]),
    );
  }

  /** Milliseconds until the file is to be read; 0 when it may be. `times`: it waits so many times as long. */
  waits(path: string, times = 1): number {
    if (isSorted(path)) return 0;
    const seen = this.#seen?.get(path);
    return seen === undefined ? 0 : Math.max(0, seen + times * this.waitMs - performance.now());
  }
}
