import { setTimeout } from 'node:timers/promises';
import type { LiveFiles } from '../files/live-files.js';
import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';
import type { Reads } from '../recent/read.js';
import { mostRowsAtOnce, RecentLearner, type RecentTable } from '../recent/table.js';
import type { RunSql } from '../run-sql.js';
import type { CatalogSight } from './catalog-sight.js';
import type { Kept } from './kept.js';
import { layoutOf, type MetadataKind } from './layout.js';
import { fewSmallFiles, smallBytes } from './view.js';

export interface RecentsOptions {
  readonly sight: CatalogSight;
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
        const snapshot = await this.options.sight.begin(kept, look === 0, reads.run);
        // Another question has seen a newer one meanwhile.
        if (kept.checked !== null && snapshot < kept.checked) continue;
        const tables = await this.#tables(kept, kinds, snapshot, reads);
        if (tables !== 'newer') return tables;
      } finally {
        // What has ended does so with its session.
        await this.options.sight.end(reads.run).catch(() => undefined);
      }
    }
    return null;
  }

  async #tables(
    kept: Kept,
    kinds: readonly MetadataKind[],
    snapshot: bigint,
    reads: QuestionReads,
  ): Promise<ReadonlyMap<MetadataKind, LiveFiles> | 'newer' | null> {
    const all = new Map<MetadataKind, LiveFiles>();
    const budget = { rows: mostRowsAtOnce };
    for (const kind of kinds) {
      const { table } = layoutOf(kind);
      let learner = kept.recent.get(kind);
      if (learner === undefined) kept.recent.set(kind, (learner = new RecentLearner(kind)));
      const known = kept.live.get(table);
      const isLearnt = known?.snapshot === snapshot && learner.table?.live === known.files;
      const seen = isLearnt
        ? null
        : await this.options.sight.table(kept, table, snapshot, learner.upTo, reads.run);
      if (seen === 'newer') return seen;
      const live = seen?.live ?? (isLearnt ? known.files : null);
      if (live === null) return null;
      all.set(kind, live);
      this.options.seen(kept, kind, live);
      if (seen === null || learner.table?.live === live) continue;
      const renamed = await seen.hasRenamed();
      const inlined = async (since: bigint | null) =>
        renamed ? null : kept.inlinedRows.sources(table, live.inlinedTables, snapshot, reads.run, since);
      const paths = renamed ? [] : this.#straight(kept, kind, live, learner);
      const straight = paths.length > 0 && (await seen.hasDeletions()) ? [] : paths;
      // What is left by the others.
      const maxBytes = this.options.maxBytes - this.bytes(kept) + learner.bytes;
      await learner.learn({ live, straight, fresh: seen.fresh, inlined, snapshot, maxBytes, budget, reads });
    }
    return all;
  }

  /** Data files that the metadata cache does not know yet, or that are too many small ones: those to read by themselves, where no row of them is deleted. */
  #straight(kept: Kept, kind: MetadataKind, live: LiveFiles, learner: RecentLearner): string[] {
    const known = kept.files.get(kind);
    const smallest = this.options.smallestSampleFile ?? smallBytes;
    const small = [...live.sizes].filter(([path, bytes]) => bytes < smallest && known?.has(path));
    return [...live.sizes].flatMap(([path, bytes]) => {
      if (live.touched.has(path)) return [];
      // What compaction wrote tells of itself.
      if (!known?.has(path)) return hasPrefix(path, compactedPrefix) ? [] : [path];
      const apart = bytes < smallest && (small.length > fewSmallFiles || learner.has(path));
      return apart ? [path] : [];
    });
  }
}
