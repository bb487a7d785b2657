import type { DuckDBConnection } from '@duckdb/node-api';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import { LakeError, firstLine, isDataError, literal, timestampLiteral } from '../duckdb/index.js';
import type { Faults } from '../faults/index.js';
import { tableDef, type ColumnBatch, type TableName } from '../schema/index.js';
import { Histogram, type Registry } from '../telemetry/index.js';
import { dayFile, discardDayFile, insertStatement, prepareDayFolder, type DayFile } from './day-file.js';
import type { FileSync } from './durable.js';
import { daysOf, syncPath } from './durable.js';
import type { Feed } from './feed.js';
import type { InstanceHost } from './host.js';
import { assertOwned } from './ownership.js';
import { CommitError, type CommitResult, type StreamProgress } from './types.js';

const interruptGraceMs = 10_000;

export interface WriterOptions {
  readonly host: InstanceHost;
  readonly nodeId: string;
  readonly registry: Registry;
  readonly faults: Faults;
  /** Makes new Parquet files durable before COMMIT; null where the storage does that itself. */
  readonly files: FileSync | null;
  /** Where Parquet goes, with a trailing slash. */
  readonly dataPath: string;
  readonly dataIsLocal: boolean;
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
  #connection: { connection: DuckDBConnection; generation: number } | null = null;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;
  readonly #seconds: Histogram<'phase'>;

  constructor(private readonly options: WriterOptions) {
    this.#seconds = new Histogram({
      name: 'canardstack_lake_commit_seconds',
      help: 'Time of the phases of a commit: copying buffers, writing rows, writing watermarks, syncing files, COMMIT.',
      labelNames: ['phase'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [options.registry],
    });
    options.host.onReplace(() => void this.#serialised(async () => this.#drop()).catch(() => undefined));
  }

  /** Runs `work` on the writer connection when no commit runs, for statements that conflict with commits. */
  exclusive<T>(timeoutMs: number, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#serialised(async () => {
      assertOwned(this.options.ownership);
      const connection = await this.#connected();
      try {
        const result = await this.#bounded(connection, performance.now() + timeoutMs, () => work(connection));
        // Also what was read: a watermark in a catalog that is no longer ours says nothing.
        assertOwned(this.options.ownership);
        return result;
      } catch (error) {
        this.options.host.notice(error);
        throw error;
      }
    });
  }

  commit(batches: readonly ColumnBatch[], progress: readonly StreamProgress[]): Promise<CommitResult> {
    return this.#serialised(() => this.#commit(batches, progress));
  }

  watermarks(): Promise<Map<string, number>> {
    return this.exclusive(this.options.timeoutMs, (connection) => readWatermarks(connection, null));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    this.#drop();
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
    let connection: DuckDBConnection;
    let feed: Feed;
    try {
      checkProgress(progress);
      assertOwned(this.options.ownership);
      connection = await this.#connected();
      feed = await this.options.host.current.feed.load(batches);
    } catch (error) {
      throw asCommitError(error);
    }
    this.#observe('buffers', begun);
    try {
      const rows = feed.tables.reduce((sum, table) => sum + table.rows, 0);
      await this.#transaction(connection, batches, feed, progress, begun + this.options.timeoutMs);
      this.options.faults?.('lake.committed');
      return {
        rows,
        snapshotId: await lastSnapshot(connection),
        milliseconds: performance.now() - begun,
      };
    } finally {
      feed.close();
    }
  }

  async #transaction(
    connection: DuckDBConnection,
    batches: readonly ColumnBatch[],
    feed: Feed,
    progress: readonly StreamProgress[],
    deadline: number,
  ): Promise<void> {
    const run = (sql: string) => this.#bounded(connection, deadline, () => connection.run(sql));
    const written: DayFile[] = [];
    try {
      let at = performance.now();
      await run('BEGIN TRANSACTION');
      const streams = progress.map((entry) => entry.stream);
      const current = await this.#bounded(connection, deadline, () => readWatermarks(connection, streams));
      refuseRegress(progress, current, feed.tables.length > 0);
      for (const table of feed.tables) {
        const file = this.#dayFileOf(batches, table);
        if (file === null) {
          await this.#insert(run, table);
          continue;
        }
        written.push(file);
        if (this.options.dataIsLocal) await prepareDayFolder(file);
        const parquet = this.options.host.current.parquet?.connection ?? connection;
        await this.#bounded(parquet, deadline, () => parquet.run(file.write));
        await run(file.add);
      }
      at = this.#observe('rows', at);
      for (const statement of progressStatements(progress, current, this.options.nodeId))
        await run(statement);
      at = this.#observe('watermarks', at);
      await this.#syncFiles(batches, feed);
      this.#observe('sync', at);
    } catch (error) {
      await this.#abandon(connection, error);
      if (this.options.dataIsLocal) await Promise.all(written.map(discardDayFile));
      throw asCommitError(error);
    }
    this.options.faults?.('lake.before_commit');
    const at = performance.now();
    try {
      await run('COMMIT');
      // DuckDB makes its WAL anew after each checkpoint; the name must be as durable as the contents.
      if (this.options.catalogFolder !== null) await syncPath(this.options.catalogFolder, false);
      assertOwned(this.options.ownership);
    } catch (error) {
      await this.#abandon(connection, error);
      throw new CommitError('unknown', `the commit was not confirmed: ${firstLine(error)}`, { cause: error });
    }
    this.#observe('commit', at);
  }

  /** The file to write when the rows are many and all of one day; null leaves them to INSERT. */
  #dayFileOf(batches: readonly ColumnBatch[], table: Feed['tables'][number]): DayFile | null {
    if (table.rows < Math.max(1, this.options.dataInliningRowLimit)) return null;
    const days = daysOf(batches, table.table, timestampColumn(table.table));
    const [day] = days ?? [];
    if (day === undefined || days?.length !== 1) return null;
    return dayFile(this.options.dataPath, table.table, day, table.select);
  }

  async #insert(run: (sql: string) => Promise<unknown>, table: Feed['tables'][number]): Promise<void> {
    const limit = this.options.dataInliningRowLimit;
    const columns = tableDef(table.table).columns.map((column) => column.name);
    const insert = insertStatement(table.table, columns, table.select);
    // DuckLake 1.0 sorts rows that might be inlined whatever its sort_on_insert says; that costs half as much
    // again as writing the file.
    const inline = table.rows < limit;
    if (!inline) await run(inliningSql(0));
    await run(insert);
    if (!inline) await run(inliningSql(limit));
  }

  async #syncFiles(batches: readonly ColumnBatch[], feed: Feed): Promise<void> {
    const { files } = this.options;
    if (files === null) return;
    for (const { table } of feed.tables) {
      await files.table(table, daysOf(batches, table, timestampColumn(table)));
    }
    // Watermarks are files only when nothing is inlined.
    await files.table('canardstack_progress', null);
  }

  /** Ends a failed transaction. The connection goes with it: its settings or state may be off. */
  async #abandon(connection: DuckDBConnection, error: unknown): Promise<void> {
    this.options.host.notice(error);
    if (this.#connection?.connection !== connection) return;
    const deadline = performance.now() + interruptGraceMs;
    // Fails when no transaction is open any more, as after a failed COMMIT.
    await this.#bounded(connection, deadline, () => connection.run('ROLLBACK')).catch((failure: unknown) => {
      this.options.host.notice(failure);
    });
    if (this.#connection?.connection === connection) this.#drop();
  }

  /** Interrupts the connection at the deadline; leaves it behind when it doesn't even heed that. */
  async #bounded<T>(connection: DuckDBConnection, deadline: number, work: () => Promise<T>): Promise<T> {
    let interrupted = false;
    let giveUp: NodeJS.Timeout | undefined;
    const timer = setTimeout(
      () => {
        interrupted = true;
        connection.interrupt();
      },
      Math.max(1, deadline - performance.now()),
    );
    const working = work();
    const stuck = new Promise<never>((_, reject) => {
      giveUp = setTimeout(
        () => {
          // It is released when the statement ends after all; closing it earlier would pull memory from under it.
          if (this.#connection?.connection === connection) this.#connection = null;
          void working.catch(() => undefined).then(() => this.options.host.release(connection));
          reject(new LakeError('unavailable', 'the lake does not answer, not even to an interrupt'));
        },
        Math.max(1, deadline - performance.now()) + interruptGraceMs,
      );
    });
    try {
      return await Promise.race([working, stuck]);
    } catch (error) {
      if (!interrupted || error instanceof LakeError) throw error;
      throw new LakeError('unavailable', `the lake did not finish in time and was interrupted`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      clearTimeout(giveUp);
    }
  }

  async #connected(): Promise<DuckDBConnection> {
    const { host } = this.options;
    if (this.#connection && this.#connection.generation !== host.generation) this.#drop();
    if (!this.#connection) {
      const connection = await host.acquire();
      this.#connection = { connection, generation: host.generation };
    }
    return this.#connection.connection;
  }

  /** Gives the connection back, for instance because the instance is being replaced. */
  #drop(): void {
    if (this.#connection) this.options.host.release(this.#connection.connection);
    this.#connection = null;
  }

  #observe(phase: string, since: number): number {
    const now = performance.now();
    this.#seconds.observe({ phase }, (now - since) / 1000);
    return now;
  }
}

function inliningSql(rowLimit: number): string {
  return `SET SESSION ducklake_default_data_inlining_row_limit = ${rowLimit}`;
}

function timestampColumn(table: TableName): number {
  return tableDef(table).columns.findIndex((column) => column.name === 'timestamp');
}

function checkProgress(progress: readonly StreamProgress[]): void {
  const seen = new Set<string>();
  for (const { stream, position } of progress) {
    if (!Number.isSafeInteger(position) || position < 0 || seen.has(stream)) {
      throw new TypeError(`not a watermark: ${stream} at ${position}`);
    }
    seen.add(stream);
  }
}

async function readWatermarks(
  connection: DuckDBConnection,
  streams: readonly string[] | null,
): Promise<Map<string, number>> {
  if (streams?.length === 0) return new Map();
  const where = streams === null ? '' : `WHERE stream IN (${streams.map(literal).join(', ')})`;
  const reader = await connection.runAndReadAll(
    `SELECT stream, max(position) FROM lake.main.canardstack_progress ${where} GROUP BY stream`,
  );
  return new Map(reader.getRows().map(([stream, position]) => [String(stream), Number(position)]));
}

function refuseRegress(
  progress: readonly StreamProgress[],
  current: ReadonlyMap<string, number>,
  withRows: boolean,
): void {
  for (const { stream, position } of progress) {
    const committed = current.get(stream) ?? 0;
    if (position < committed) {
      throw new CommitError(
        'regressed',
        `stream ${stream} is committed to ${committed}, not back to ${position}`,
      );
    }
    if (withRows && position === committed) {
      throw new CommitError(
        'regressed',
        `stream ${stream} is at ${committed} already: its rows are committed`,
      );
    }
  }
}

/**
 * Known streams are updated, so that two processes that write for the same stream conflict at COMMIT and only
 * one of them gets through; an append would let both through.
 */
function progressStatements(
  progress: readonly StreamProgress[],
  current: ReadonlyMap<string, number>,
  nodeId: string,
): string[] {
  const now = timestampLiteral(Date.now());
  const known = progress.filter((entry) => current.has(entry.stream));
  const fresh = progress.filter((entry) => !current.has(entry.stream));
  const statements: string[] = [];
  if (known.length > 0) {
    const cases = known.map((entry) => `WHEN ${literal(entry.stream)} THEN ${literal(entry.position)}`);
    const names = known.map((entry) => literal(entry.stream));
    statements.push(
      `UPDATE lake.main.canardstack_progress SET position = CASE stream ${cases.join(' ')} END, ` +
        `node_id = ${literal(nodeId)}, updated_at = ${now} WHERE stream IN (${names.join(', ')})`,
    );
  }
  if (fresh.length > 0) {
    const rows = fresh.map(
      (entry) => `(${literal(entry.stream)}, ${literal(entry.position)}, ${literal(nodeId)}, ${now})`,
    );
    statements.push(
      `INSERT INTO lake.main.canardstack_progress (stream, position, node_id, updated_at) VALUES ${rows.join(', ')}`,
    );
  }
  return statements;
}

/** The snapshot of this connection's last commit; -1 when even that can't be told (the commit itself is safe). */
async function lastSnapshot(connection: DuckDBConnection): Promise<number> {
  try {
    const reader = await connection.runAndReadAll(`SELECT id FROM ducklake_last_committed_snapshot('lake')`);
    return Number(reader.getRows()[0]?.[0] ?? -1);
  } catch {
    return -1;
  }
}

/** Nothing of the transaction is in the lake: COMMIT was not sent. */
function asCommitError(error: unknown): CommitError {
  if (error instanceof CommitError) return error;
  const kind = error instanceof TypeError || isDataError(error) ? 'data' : 'unavailable';
  return new CommitError(kind, firstLine(error), { cause: error });
}
