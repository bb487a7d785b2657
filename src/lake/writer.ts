import type { DuckDBConnection } from '@duckdb/node-api';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import { LakeError, firstLine, isDataError } from '../duckdb/index.js';
import { syncPath } from '../durable/index.js';
import type { Faults } from '../faults/index.js';
import { tableDef, type ColumnBatch, type TableName } from '../schema/index.js';
import type { Registry } from '../telemetry/index.js';
import type { CommitLock, HeldLock } from './commit-lock.js';
import { dayFile, ofDay, insertStatement, type DayFile } from './day-file.js';
import { daysOf, type FileSync } from './file-sync.js';
import type { LoadedBatches } from './table-function.js';
import type { InstanceHost } from './host.js';
import { inliningSql } from './inlining.js';
import type { PendingFiles } from './pending-files.js';
import type { FileStore } from './file-store.js';
import { keysOf, type AttributeKeys } from './files/keys-note.js';
import { writeDayFiles } from './files/write.js';
import { assertOwned } from './ownership.js';
import {
  checkProgress,
  progressStatements,
  readProgress,
  refuseForeign,
  refuseStale,
  type WriterIdentity,
} from './progress.js';
import { ConflictError, isConflict, retryConflicts } from './retry.js';
import { CommitError, type CommitResult, type StreamProgress } from './types.js';
import { WriterConnection } from './writer-connection.js';
import { writerMetrics, type WriterMetrics } from './writer-metrics.js';

/** DuckLake 1.0 makes SQL text of inlined rows, which DuckDB parses at about 2 MB/s. */
const maxInlinedBytes = 512 * 1024;
const settleTimeoutMs = 30_000;
/** A node that holds the lock longer hangs; commits then go on without it. */
const commitLockWaitMs = 5000;
const exclusiveLockWaitMs = 30_000;

export interface WriterOptions {
  readonly host: InstanceHost;
  readonly identity: WriterIdentity;
  /** Held from BEGIN to COMMIT. */
  readonly lock: CommitLock;
  readonly registry: Registry;
  readonly faults: Faults;
  /** Makes new Parquet files durable before COMMIT; null where the storage does that itself. */
  readonly files: FileSync | null;
  /** Where Parquet goes, with a trailing slash. */
  readonly dataPath: string;
  readonly fileStore: FileStore;
  readonly pending: PendingFiles;
  /** Tables with fewer rows than this in a commit stay in the catalog. */
  readonly dataInliningRowLimit: number;
  /** The folder of a local catalog file. */
  readonly catalogFolder: string | null;
  /** Bound of one commit; then it is interrupted. */
  readonly timeoutMs: number;
  /** The lease of a local catalog; what is done without it is not believed. */
  readonly ownership: Pick<CatalogOwnership, 'confirm'> | null;
}

/** The one connection that writes rows; everything on it is serialised. */
export class Writer {
  readonly #connection: WriterConnection;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;
  readonly #metrics: WriterMetrics;
  /** Where this process found its streams. */
  readonly #inherited = new Map<string, number>();

  constructor(private readonly options: WriterOptions) {
    this.#metrics = writerMetrics(options.registry);
    this.#connection = new WriterConnection(options.host);
    options.host.onReplace(
      () => void this.#serialised(async () => this.#connection.drop()).catch(() => undefined),
    );
  }

  /**
   * Runs `work` on the writer connection when no commit runs, on no node, for statements that conflict with commits.
   * Rejects with LakeError('unavailable') when other nodes don't let it in.
   */
  exclusive<T>(timeoutMs: number, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#serialised(async () => {
      const held = await this.options.lock.acquire(exclusiveLockWaitMs);
      if (held === null)
        throw new LakeError('unavailable', 'other nodes commit all the time (lock conflict)');
      try {
        return await this.#alone(timeoutMs, work);
      } finally {
        await held.release();
      }
    });
  }

  async #alone<T>(timeoutMs: number, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    assertOwned(this.options.ownership);
    const connection = await this.#connection.connected();
    try {
      const result = await this.#connection.bounded(connection, performance.now() + timeoutMs, () =>
        work(connection),
      );
      // Also what was read: a watermark in a catalog that is no longer ours says nothing.
      assertOwned(this.options.ownership);
      return result;
    } catch (error) {
      this.options.host.notice(error);
      throw error;
    }
  }

  commit(batches: readonly ColumnBatch[], progress: readonly StreamProgress[]): Promise<CommitResult> {
    return this.#serialised(() => this.#commit(batches, progress));
  }

  /** Throws CommitError('fenced') when another process writes streams of this node. */
  watermarks(): Promise<Map<string, number>> {
    return this.#serialised(async () => {
      const { identity, timeoutMs } = this.options;
      const found = await this.#alone(timeoutMs, (connection) => readProgress(connection, null));
      for (const [stream, watermark] of found) {
        if (!stream.startsWith(`${identity.nodeId}/`)) continue;
        refuseForeign(stream, watermark, identity, this.#inherited.get(stream));
        if (!this.#inherited.has(stream)) this.#inherited.set(stream, watermark.position);
      }
      return new Map([...found].map(([stream, { position }]) => [stream, position]));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    this.#connection.drop();
  }

  /** Starts nothing more; resolves when what was under way has ended, which is interrupted. */
  async abandon(): Promise<void> {
    this.#closed = true;
    if (this.options.host.broken === null) this.options.host.current.parquet?.connection.interrupt();
    await this.#tail;
  }

  #serialised<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(() => {
      if (this.#closed) throw new LakeError('closed', 'the lake is closed');
      return work();
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #commit(batches: readonly ColumnBatch[], progress: readonly StreamProgress[]): Promise<CommitResult> {
    const begun = performance.now();
    const deadline = begun + this.options.timeoutMs;
    const { generation } = this.options.host;
    let loaded: LoadedBatches;
    try {
      checkProgress(progress);
      assertOwned(this.options.ownership);
      await this.#connection.connected();
      loaded = await this.options.host.current.tableFunction.load(batches);
    } catch (error) {
      throw asCommitError(error);
    }
    this.#observe('buffers', begun);
    const files = new Map<TableName, string[]>();
    const targets = new Set<string>();
    const { pending } = this.options;
    const state = { commitSent: false };
    try {
      const days = daysOfTables(batches, loaded);
      await this.#writeFiles(batches, days, loaded, files, targets, progress, deadline);
      await retryConflicts(
        deadline,
        async (attempt) => {
          if (attempt > 1) this.#metrics.retries.inc();
          if (this.options.host.generation !== generation)
            throw new CommitError('unavailable', 'the lake was opened again meanwhile');
          await this.#locked(() => this.#transaction(days, loaded, files, progress, deadline, state));
        },
        () => this.#metrics.conflicts.inc(),
      );
      this.options.faults?.('lake.committed');
      loaded.free();
      this.#metrics.total.observe((performance.now() - begun) / 1000);
      await pending.committed([...targets]);
      await this.#settle(progress.map((entry) => entry.stream));
      return {
        rows: loaded.tables.reduce((sum, table) => sum + table.rows, 0),
        snapshotId: await lastSnapshot(this.#connection.current),
        milliseconds: performance.now() - begun,
      };
    } catch (error) {
      // Once a COMMIT was sent, only the catalog tells whether the files are the lake's.
      if (state.commitSent) pending.unknown([...targets]);
      else await pending.failed([...targets]);
      throw error;
    } finally {
      loaded.close();
    }
  }

  /** Large tables go to Parquet before the transaction: it is short then, and what is written stays for its retries. */
  async #writeFiles(
    batches: readonly ColumnBatch[],
    days: DaysOfTables,
    loaded: LoadedBatches,
    files: Map<TableName, string[]>,
    targets: Set<string>,
    progress: readonly StreamProgress[],
    deadline: number,
  ): Promise<void> {
    const streams = progress.map((entry) => entry.stream);
    const uploads: Promise<void>[] = [];
    let at = performance.now();
    try {
      for (const table of loaded.tables) {
        const ofDays = this.#dayFilesOf(days, table, progress, keysOf(batches, table.table));
        if (ofDays === null) continue;
        const connection =
          this.options.host.current.parquet?.connection ?? (await this.#connection.connected());
        const run = (sql: string) =>
          this.#connection.bounded(connection, deadline, () => connection.run(sql));
        const adds = await writeDayFiles(this.options, run, ofDays, table.rows, streams, targets, uploads);
        files.set(table.table, adds);
      }
      await Promise.all(uploads);
      at = this.#observe('files', at);
      await this.#syncFiles(days);
      this.#observe('sync', at);
    } catch (error) {
      // A file that arrives later could not be discarded any more.
      await Promise.allSettled(uploads);
      this.options.host.notice(error);
      throw asCommitError(error);
    }
  }

  /** Deletes what earlier, failed commits left; `streams` were just committed. */
  async #settle(streams: readonly string[]): Promise<void> {
    const connection = this.#connection.current;
    if (this.options.pending.size === 0 || connection === null) return;
    await this.#connection
      .bounded(connection, performance.now() + settleTimeoutMs, () =>
        this.options.pending.settle(connection, streams),
      )
      .catch((error: unknown) => this.options.host.notice(error));
  }

  /** One node after the other; a lock that is not to be had is no reason to lose a commit. */
  async #locked(work: () => Promise<void>): Promise<void> {
    const at = performance.now();
    let held: HeldLock | null;
    try {
      held = await this.options.lock.acquire(commitLockWaitMs);
    } catch (error) {
      throw asCommitError(error);
    }
    this.#observe('lock', at);
    if (held === null) this.#metrics.unlocked.inc();
    try {
      await work();
    } finally {
      await held?.release();
    }
  }

  async #transaction(
    days: DaysOfTables,
    loaded: LoadedBatches,
    files: ReadonlyMap<TableName, readonly string[]>,
    progress: readonly StreamProgress[],
    deadline: number,
    state: { commitSent: boolean },
  ): Promise<void> {
    const { identity } = this.options;
    const connection = await this.#connection.connected().catch((error: unknown) => {
      throw asCommitError(error);
    });
    const run = (sql: string) => this.#connection.bounded(connection, deadline, () => connection.run(sql));
    try {
      let at = performance.now();
      await run('BEGIN TRANSACTION');
      const streams = progress.map((entry) => entry.stream);
      const current = await this.#connection.bounded(connection, deadline, () =>
        readProgress(connection, streams),
      );
      refuseStale(progress, current, loaded.tables.length > 0, identity, this.#inherited);
      for (const table of loaded.tables) {
        const adds = files.get(table.table);
        if (adds === undefined) await this.#insert(run, table);
        else for (const add of adds) await run(add);
      }
      at = this.#observe('rows', at);
      for (const statement of progressStatements(progress, current, identity)) await run(statement);
      at = this.#observe('watermarks', at);
      await this.#syncFiles(days);
      this.#observe('sync', at);
    } catch (error) {
      await this.#connection.abandon(connection, error);
      throw isConflict(error) ? conflict(error) : asCommitError(error);
    }
    this.options.faults?.('lake.before_commit');
    const at = performance.now();
    try {
      state.commitSent = true;
      await run('COMMIT');
      // DuckDB makes its WAL anew after each checkpoint; the name must be as durable as the contents.
      if (this.options.catalogFolder !== null) await syncPath(this.options.catalogFolder);
      assertOwned(this.options.ownership);
    } catch (error) {
      await this.#connection.abandon(connection, error);
      if (isConflict(error)) throw conflict(error);
      throw new CommitError('unknown', `the commit was not confirmed: ${firstLine(error)}`, { cause: error });
    }
    this.#observe('commit', at);
  }

  /** The files to write, one for each day, when the rows are many and the days are not; null leaves them to INSERT. */
  #dayFilesOf(
    daysOfTables: DaysOfTables,
    table: LoadedBatches['tables'][number],
    progress: readonly StreamProgress[],
    keys: AttributeKeys,
  ): DayFile[] | null {
    if (table.rows === 0 || this.#inlined(table)) return null;
    const days = daysOfTables.get(table.table) ?? [];
    if (days.length === 0) return null;
    const ordered = table.ordered();
    const all = ordered ?? table.select;
    return days.map((day) => {
      const select = days.length === 1 ? all : ofDay(all, day);
      return dayFile(this.options.dataPath, table.table, day, select, progress, keys, ordered !== null);
    });
  }

  #inlined({ rows, textBytes, exactAsText }: LoadedBatches['tables'][number]): boolean {
    return rows < this.options.dataInliningRowLimit && textBytes() <= maxInlinedBytes && exactAsText();
  }

  async #insert(
    run: (sql: string) => Promise<unknown>,
    table: LoadedBatches['tables'][number],
  ): Promise<void> {
    const limit = this.options.dataInliningRowLimit;
    const columns = tableDef(table.table).columns.map((column) => column.name);
    const insert = insertStatement(table.table, columns, table.select);
    // DuckLake 1.0 sorts rows that might be inlined whatever its sort_on_insert says; that costs half as much
    // again as writing the file.
    const inline = this.#inlined(table);
    if (!inline) await run(inliningSql(0));
    await run(insert);
    if (!inline) await run(inliningSql(limit));
  }

  async #syncFiles(days: DaysOfTables): Promise<void> {
    const { files } = this.options;
    if (files === null) return;
    for (const [table, each] of days) await files.table(table, each);
    // Watermarks are files only when nothing is inlined.
    await files.table('canardstack_progress', null);
  }

  #observe(phase: string, since: number): number {
    const now = performance.now();
    this.#metrics.seconds.observe({ phase }, (now - since) / 1000);
    return now;
  }
}

/** Midnights UTC (ms) of the rows of each table; null when they are too many to list. */
type DaysOfTables = ReadonlyMap<TableName, number[] | null>;

function daysOfTables(batches: readonly ColumnBatch[], loaded: LoadedBatches): DaysOfTables {
  return new Map(
    loaded.tables.map(({ table }) => {
      const timestamp = tableDef(table).columns.findIndex((column) => column.name === 'timestamp');
      return [table, daysOf(batches, table, timestamp)];
    }),
  );
}

/** The snapshot of this connection's last commit; -1 when even that can't be told (the commit itself is safe). */
async function lastSnapshot(connection: DuckDBConnection | null): Promise<number> {
  if (connection === null) return -1;
  try {
    const reader = await connection.runAndReadAll(`SELECT id FROM ducklake_last_committed_snapshot('lake')`);
    return Number(reader.getRows()[0]?.[0] ?? -1);
  } catch {
    return -1;
  }
}

function conflict(error: unknown): ConflictError {
  return new ConflictError(`another transaction came first: ${firstLine(error)}`, { cause: error });
}

/** Nothing of the transaction is in the lake: COMMIT was not sent. */
function asCommitError(error: unknown): CommitError {
  if (error instanceof CommitError) return error;
  const kind = error instanceof TypeError || isDataError(error) ? 'data' : 'unavailable';
  return new CommitError(kind, firstLine(error), { cause: error });
}
