import type { CommitWatch } from '../commit-watch.js';
import type { RunSql } from '../run-sql.js';
import { changesSince, type CatalogPlace } from './changes.js';
import type { Kept } from './kept.js';
import { follow } from './snapshots.js';

/** Of which instance a query has looked for the newest snapshot. */
export interface Look {
  generation: number | null;
}

export interface Looked {
  readonly place: CatalogPlace;
  /** Sees all commits to the catalog; absent where there are others. */
  readonly commits?: Pick<CommitWatch, 'mark'> | undefined;
}

/** The newest snapshot, without a transaction. A query that has looked for it takes what was seen last, which is no older. */
export async function newestSnapshot(
  kept: Kept,
  { place, commits }: Looked,
  run: RunSql,
  look: Look,
): Promise<bigint> {
  if (look.generation === kept.generation && kept.checked !== null) return kept.checked;
  const mark = commits?.mark ?? null;
  let snapshot = kept.checked;
  if (snapshot === null || mark === null || kept.quietSince !== mark) {
    snapshot = follow(kept, await changesSince(kept.checked, place, run));
    // What begins by an older one has to look again: this look knew none, and another that began earlier ended first.
    if (kept.checked === null || kept.checked < snapshot) return snapshot;
    // Otherwise something may have been committed beside the look.
    if (mark !== null && commits?.mark === mark) kept.quietSince = mark;
  }
  look.generation = kept.generation;
  return snapshot;
}
