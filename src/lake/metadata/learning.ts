import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { tableDef, type TableName } from '../../schema/index.js';
import { within } from '../../timeout/index.js';
import type { BackgroundHost } from '../background.js';
import { CatalogFiles } from '../direct/catalog-files.js';
import { attributesOf, factsMadeBy, timeColumns } from '../direct/contents.js';
import type { DirectFiles } from '../direct/files.js';
import type { TraceIds } from '../direct/trace-ids.js';
import { traceIds, type FileDigests, type ReadDigest } from '../file-digest/index.js';
import type { LiveFiles } from '../files/live-files.js';
import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';
import type { RunSql } from '../run-sql.js';
import { beginAt, changesSince, type CatalogPlace } from './changes.js';
import type { Filling } from './filling.js';
import { idOf, type Kept } from './kept.js';
import { kindsOf, type MetadataKind } from './layout.js';
import { follow, liveFiles, someDeleted } from './snapshots.js';
import { madeBy } from './stage.js';

export interface LearningOptions {
  readonly host: BackgroundHost;
  readonly place: CatalogPlace;
  readonly digests: FileDigests;
  /** A folder in which DuckDB may read; it may not be there yet. */
  readonly scratch: () => string;
  readonly filling: Filling;
  readonly direct: DirectFiles;
  readonly traceIds: TraceIds;
  readonly failed: (error: unknown) => void;
}

/** Files at once; of more the newest come first. */
const mostAtOnce = 128;
/** A question goes on without what is not there by then. */
const longestWaitMs = 2000;

/**
 * Takes what data files tell of themselves (`file-digest`) into the caches, so that their rows need not be read for it: of a table's files
 * as they are when it is first asked about, and of those that compaction writes later.
 */
export class Learning {
  #learning: Promise<unknown> = Promise.resolve();
  readonly #closing = new AbortController();
  /** Tells which of a table's files have all of its columns. */
  #catalogFiles = new CatalogFiles();
  #generation = -1;

  constructor(private readonly options: LearningOptions) {}

  /** Resolves when the files that tables have now are looked at, or after a bounded time for all of them. */
  async first(kept: Kept, tables: readonly TableName[]): Promise<void> {
    const open = tables.filter((table) => kept.learned.get(table) !== 'done');
    if (open.length === 0) return;
    const begun = open.map((table) => {
      const learned = kept.learned.get(table);
      if (learned instanceof Promise) return learned;
      const first = this.#first(kept, table).then(() => void kept.learned.set(table, 'done'));
      kept.learned.set(table, first);
      return first;
    });
    await within(longestWaitMs, Promise.all(begun), () => undefined);
  }

  /** Looks at files that have come since; null when there are none. */
  next(kept: Kept, table: TableName, live: LiveFiles): Promise<void> | null {
    if (this.#unlooked(kept, live).length === 0) return null;
    return this.#alone(kept, (run, connection) => this.#learn(kept, table, live, run, connection));
  }

  async settled(): Promise<void> {
    await this.#learning;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#learning;
  }

  #first(kept: Kept, table: TableName): Promise<void> {
    return this.#alone(kept, async (run, connection) => {
      const live = await this.#live(kept, table, run).finally(() => run('ROLLBACK').catch(() => undefined));
      await this.#learn(kept, table, live, run, connection);
    });
  }

  /** Begins a transaction. */
  async #live(kept: Kept, table: TableName, run: RunSql): Promise<LiveFiles> {
    const snapshot = follow(kept, await beginAt(kept.checked, this.options.place, run));
    return liveFiles(kept, this.options.place, table, snapshot, run);
  }

  /** One after the other, on a connection of its own. What fails is left to those who read the rows. */
  #alone(kept: Kept, work: (run: RunSql, connection: DuckDBConnection) => Promise<void>): Promise<void> {
    const learning = this.#learning.then(async () => {
      const { host } = this.options;
      if (this.#closing.signal.aborted || kept.generation !== host.generation) return;
      const connection = await host.acquire();
      try {
        await work(async (sql) => (await connection.runAndReadAll(sql)).getRows(), connection);
      } finally {
        host.release(connection);
      }
    });
    const settled = learning.catch((error: unknown) => this.options.failed(error));
    this.#learning = settled;
    return settled;
  }

  /** The newest first. Only compaction's files have a digest. */
  #unlooked(kept: Kept, { sizes, touched }: LiveFiles): string[] {
    return [...sizes.keys()]
      .filter((path) => hasPrefix(path, compactedPrefix) && !touched.has(path) && !kept.looked.has(path))
      .reverse();
  }

  async #learn(
    kept: Kept,
    table: TableName,
    live: LiveFiles,
    run: RunSql,
    connection: DuckDBConnection,
  ): Promise<void> {
    const id = idOf(kept, table);
    const unlooked = this.#unlooked(kept, live);
    if (id === undefined || unlooked.length === 0) return;
    // Of before the look: a deletion that comes during it makes it old.
    const snapshot = follow(kept, await changesSince(kept.checked, this.options.place, run));
    // They tell of rows that are deleted too.
    const some = await someDeleted(kept, table, id, snapshot, run);
    while (unlooked.length > 0 && !this.#closing.signal.aborted) {
      const paths = unlooked.splice(0, mostAtOnce);
      const sizes = new Map(some ? [] : paths.map((path) => [path, live.sizes.get(path) ?? 0]));
      const { found: told, left } = await this.options.digests.read(sizes, this.#closing.signal);
      unlooked.unshift(...left);
      const later = new Set(left);
      for (const path of paths) if (!later.has(path)) kept.looked.add(path);
      if (told.size > 0) await this.#take(kept, { table, id, live, snapshot, told }, run, connection);
    }
    if (kept.looked.size > 4 * live.sizes.size + 1000) this.#forget(kept);
  }

  async #take(
    kept: Kept,
    { table, id, live, snapshot, told }: Told & { readonly id: string; readonly live: LiveFiles },
    run: RunSql,
    connection: DuckDBConnection,
  ): Promise<void> {
    if (table === 'spans') {
      for (const [path, { digest }] of told) {
        const section = digest.sections.get(traceIds.name);
        if (section?.madeBy !== traceIds.madeBy || this.options.traceIds.full) continue;
        this.options.traceIds.learn(path, new Uint32Array(Uint8Array.from(section.content).buffer));
      }
    }
    if (timeColumns.has(table)) await this.#takeColumns({ table, snapshot, told }, id, live, run);
    for (const kind of kindsOf(table))
      await this.#takeSets(kept, kind, { table, snapshot, told }, connection);
  }

  async #takeColumns(
    { table, snapshot, told }: Told,
    id: string,
    live: LiveFiles,
    run: RunSql,
  ): Promise<void> {
    if (this.#generation !== this.options.host.generation) {
      this.#catalogFiles = new CatalogFiles();
      this.#generation = this.options.host.generation;
    }
    // Of all, as it forgets the others.
    const known = await this.#catalogFiles.of(table, id, [...live.sizes.keys()], run);
    for (const [path, { digest, footerAt }] of told) {
      const { firstRow, rows } = known.get(path) ?? {};
      const { madeBy: by, times, columns, mixed } = digest;
      const whole = tableDef(table).columns.every(({ name }) => columns.includes(name));
      if (firstRow === undefined || rows === undefined || times === null || !whole || by !== factsMadeBy)
        continue;
      const [first, last] = [BigInt(times[0]), BigInt(times[1])];
      const attributes = attributesOf(columns, new Set(mixed));
      this.options.direct.learn(table, path, {
        snapshot,
        file: { path, firstRow, rows, first, last, footerAt, attributes },
      });
    }
  }

  async #takeSets(
    kept: Kept,
    kind: MetadataKind,
    { snapshot, told }: Told,
    connection: DuckDBConnection,
  ): Promise<void> {
    const by = madeBy(kind);
    const folder = join(this.options.scratch(), `digests-${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    try {
      const staged: { path: string; entries: number; stage: string }[] = [];
      for (const [path, { digest }] of told) {
        const section = digest.sections.get(kind);
        if (section?.madeBy !== by || kept.files.get(kind)?.has(path)) continue;
        const stage = join(folder, basename(path));
        await writeFile(stage, section.content);
        staged.push({ path, entries: section.entries, stage });
      }
      if (staged.length > 0) await this.options.filling.learn(kept, connection, kind, snapshot, staged);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #forget(kept: Kept): void {
    const alive = new Set([...kept.live.values()].flatMap(({ files }) => [...files.sizes.keys()]));
    for (const path of kept.looked) if (!alive.has(path)) kept.looked.delete(path);
  }
}

interface Told {
  readonly table: TableName;
  readonly snapshot: bigint;
  readonly told: ReadonlyMap<string, ReadDigest>;
}
