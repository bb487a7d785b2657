import { setTimeout } from 'node:timers/promises';
import { lakeMetadata } from '../files/known-files.js';
import type { LiveFiles } from '../files/live-files.js';
import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';
import type { Reads } from '../recent/read.js';
import { mostRowsAtOnce, RecentLearner, type RecentTable } from '../recent/table.js';
import type { RunSql } from '../run-sql.js';
import { beginCatalog, type CatalogPlace } from './changes.js';
import { idOf, type Kept } from './kept.js';
import { layoutOf, type MetadataKind } from './layout.js';
import { follow, liveInCatalog, someDeleted } from './snapshots.js';
import { fewSmallFiles, smallBytes } from './view.js';

export interface RecentsOptions {
  readonly place: CatalogPlace;
  /** Of all tables. */
  readonly maxBytes: number;
  readonly smallestSampleFile?: number | undefined;
  /** Is told the files that a table has now. */
  readonly seen: (kept: Kept, kind: MetadataKind, live: LiveFiles) => void;
}

/** A question's own connection, on which no transaction runs. */
export interface QuestionReads extends Reads {
  readonly run: RunSql;
}

/** Commits may come beside a look, hardly so often in turn. */
const looks = 5;
/** A question that can't begin to learn by then reads the table. */
const longestWaitMs = 1000;

/**
 * Learns what the last commits brought, each once: from the catalog's own tables and the data files, as whatever names a table of the
 * lake has DuckLake read all about it of the new snapshot.
 */
export class Recents {
  /** Of each kind, resolves when those before have learnt. */
  readonly #turns = new Map<MetadataKind, Promise<unknown>>();

  constructor(private readonly options: RecentsOptions) {}

  /** The recent rows of these files, where they are known. */
  of(kept: Kept, kind: MetadataKind, live: LiveFiles): RecentTable | null {
    const table = kept.recent.get(kind)?.table ?? null;
    return table?.live === live ? table : null;
  }

  bytes(kept: Kept | null): number {
    return [...(kept?.recent.values() ?? [])].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The files of the newest snapshot, whose recent rows are known then as far as they can be; null where that can't be had so. Of a kind, one after the other. */
  learn(
    kept: Kept,
    kinds: readonly MetadataKind[],
    reads: QuestionReads,
  ): Promise<ReadonlyMap<MetadataKind, LiveFiles> | null> {
    const before = Promise.all(kinds.map((kind) => this.#turns.get(kind) ?? Promise.resolve()));
    const learning = this.#inTurn(before, () => this.#learn(kept, kinds, reads));
    const done = Promise.allSettled([before, learning]);
    for (const kind of kinds) this.#turns.set(kind, done);
    return learning;
  }

  async #inTurn<T>(before: Promise<unknown>, learn: () => Promise<T>): Promise<T | null> {
    const ended = new AbortController();
    const late = setTimeout(longestWaitMs, 'late', { signal: ended.signal }).catch(() => null);
    const came = await Promise.race([before, late]);
    ended.abort();
    return came === 'late' ? null : learn();
  }

  async #learn(
    kept: Kept,
    kinds: readonly MetadataKind[],
    reads: QuestionReads,
  ): Promise<ReadonlyMap<MetadataKind, LiveFiles> | null> {
    for (let look = 0; look < looks; look++) {
      try {
        const snapshot = follow(kept, await beginCatalog(kept.checked, this.options.place, reads.run));
        // Another question has seen a newer one meanwhile.
        if (kept.checked !== null && snapshot < kept.checked) continue;
        return await this.#tables(kept, kinds, snapshot, reads);
      } finally {
        // What has ended does so with its session.
        await reads.run('ROLLBACK').catch(() => undefined);
      }
    }
    return null;
  }

  async #tables(
    kept: Kept,
    kinds: readonly MetadataKind[],
    snapshot: bigint,
    reads: QuestionReads,
  ): Promise<ReadonlyMap<MetadataKind, LiveFiles> | null> {
    const all = new Map<MetadataKind, LiveFiles>();
    const budget = { rows: mostRowsAtOnce };
    for (const kind of kinds) {
      const { table } = layoutOf(kind);
      const live = await liveInCatalog(kept, this.options.place, table, snapshot, reads.run);
      if (live === null) return null;
      all.set(kind, live);
      this.options.seen(kept, kind, live);
      let learner = kept.recent.get(kind);
      if (learner === undefined) kept.recent.set(kind, (learner = new RecentLearner(kind)));
      if (learner.table?.live === live) continue;
      const id = idOf(kept, table);
      const renamed = id === undefined || (await columnsEnded(id, reads.run));
      const inlined = async (since: bigint | null) =>
        renamed ? null : kept.inlinedRows.sources(table, live.inlinedTables, snapshot, reads.run, since);
      const straight = renamed ? [] : await this.#straight(kept, kind, live, snapshot, learner, reads.run);
      // What is left by the others.
      const maxBytes = this.options.maxBytes - this.bytes(kept) + learner.bytes;
      await learner.learn({ live, straight, inlined, snapshot, maxBytes, budget, reads });
    }
    return all;
  }

  /** Data files that the metadata cache does not know yet, or that are too many small ones, if they may be read by themselves. */
  async #straight(
    kept: Kept,
    kind: MetadataKind,
    live: LiveFiles,
    snapshot: bigint,
    learner: RecentLearner,
    run: RunSql,
  ): Promise<string[]> {
    const known = kept.files.get(kind);
    const smallest = this.options.smallestSampleFile ?? smallBytes;
    const small = [...live.sizes].filter(([path, bytes]) => bytes < smallest && known?.has(path));
    const paths = [...live.sizes].flatMap(([path, bytes]) => {
      if (live.touched.has(path)) return [];
      // What compaction wrote tells of itself.
      if (!known?.has(path)) return hasPrefix(path, compactedPrefix) ? [] : [path];
      const apart = bytes < smallest && (small.length > fewSmallFiles || learner.has(path));
      return apart ? [path] : [];
    });
    const id = idOf(kept, layoutOf(kind).table);
    if (paths.length === 0 || id === undefined) return [];
    if (await someDeleted(kept, layoutOf(kind).table, id, snapshot, run)) return [];
    return paths;
  }
}

/** Whether its table ever had a column that it has no longer, or with another name or type: then names in files and in the catalog may mean others. */
async function columnsEnded(id: string, run: RunSql): Promise<boolean> {
  const [[count] = []] = await run(
    `SELECT count(*) FROM ${lakeMetadata}.ducklake_column WHERE table_id = ${id} AND end_snapshot IS NOT NULL`,
  );
  return Number(count) > 0;
}
