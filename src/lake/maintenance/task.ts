import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, LakeError, messageOf } from '../../duckdb/index.js';
import type { CommitLock } from '../commit-lock.js';
import type { Writer } from '../writer.js';
import type { FileSync } from '../file-sync.js';
import { isConflict, isSchemaForgotten } from '../retry.js';

const attempts = 6;
/** Then a rewrite keeps commits waiting: those of a busy lake would come between again and again. */
const attemptsBesideCommits = 3;
/** Bound of one maintenance statement on its own connection. */
const statementTimeoutMs = 15 * 60_000;
/** Then a COMMIT collides perhaps, and is tried again. */
const commitLockWaitMs = 5000;
/** Bound of one maintenance statement that keeps commits waiting. */
const exclusiveTimeoutMs = 60_000;

/** The connection of one maintenance run: bounds each statement, retries conflicts, stops at `signal`. */
export class TaskRun {
  constructor(
    readonly connection: DuckDBConnection,
    private readonly writer: Writer,
    private readonly lock: CommitLock,
    private readonly files: FileSync | null,
    readonly signal: AbortSignal,
  ) {}

  /** A statement beside commits; conflicts with them are retried with growing pauses. */
  async run(sql: string): Promise<void> {
    await this.retried(() => this.bounded(this.connection, () => this.connection.run(sql)));
  }

  /**
   * Statements that write Parquet files of `table`, in one transaction: these are durable before the catalog names them.
   * Beside commits, and between two of them when those don't let it through.
   */
  async rewriting(table: string, statements: readonly string[], beforeCommit = () => {}): Promise<void> {
    const committing = (commit: () => Promise<unknown>) => () => {
      beforeCommit();
      return commit();
    };
    const beside = committing(() => this.commit(this.connection));
    try {
      await this.retried(
        () => this.bounded(this.connection, () => this.#synced(this.connection, table, statements, beside)),
        attemptsBesideCommits,
      );
    } catch (error) {
      if (!collided(error)) throw error;
      await this.exclusive((connection) =>
        this.#synced(
          connection,
          table,
          statements,
          committing(() => connection.run('COMMIT')),
        ),
      );
    }
  }

  /** Statements of that kind, each in a transaction of its own, between two commits on the writer's connection. */
  async rewritingExclusively(table: string, statements: readonly string[]): Promise<void> {
    await this.exclusive(async (connection) => {
      for (const statement of statements) {
        await this.#synced(connection, table, [statement], () => connection.run('COMMIT'));
      }
    });
  }

  /** COMMIT when no other node commits, so that it needs not be tried again; not within `exclusive`. */
  async commit(connection: DuckDBConnection): Promise<void> {
    const held = await this.lock.acquire(commitLockWaitMs);
    try {
      await connection.run('COMMIT');
    } finally {
      await held?.release();
    }
  }

  /** Leaves the machine to others; rejects when the run is to stop. */
  async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.signal });
  }

  /** For transactions of one's own: before their COMMIT, after what wrote files of `table`. */
  async syncFiles(table: string): Promise<void> {
    await this.files?.table(table, null);
  }

  async #synced(
    connection: DuckDBConnection,
    table: string,
    statements: readonly string[],
    commit: () => Promise<unknown>,
  ): Promise<void> {
    const work = async () => {
      for (const statement of statements) await connection.run(statement);
      await this.syncFiles(table);
    };
    await inTransaction(connection, work, commit);
  }

  /** Rows of a query, column-major names dropped: `rows[r][c]`. */
  async rows(sql: string): Promise<unknown[][]> {
    return this.retried(() =>
      this.bounded(
        this.connection,
        async () => (await this.connection.runAndReadAll(sql)).getRows() as unknown[][],
      ),
    );
  }

  /** Between two commits, on the writer's connection: for statements that would always conflict with them. */
  async exclusive<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.retried(() => this.writer.exclusive(exclusiveTimeoutMs, work));
  }

  async retried<T>(work: () => Promise<T>, most = attempts): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      this.signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (attempt === most || !collided(error)) throw error;
        await sleep(50 * 2 ** attempt * (0.5 + Math.random()), undefined, { signal: this.signal });
      }
    }
  }

  /** Interrupts `connection` when `work` on it takes too long, or the run is to stop. */
  async bounded<T>(connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
    let late = false;
    const interrupt = () => connection.interrupt();
    const timer = setTimeout(() => {
      late = true;
      interrupt();
    }, statementTimeoutMs);
    this.signal.addEventListener('abort', interrupt, { once: true });
    try {
      return await work();
    } catch (error) {
      this.signal.throwIfAborted();
      if (!late) throw error;
      throw new LakeError('unavailable', 'a maintenance statement took too long and was interrupted');
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', interrupt);
    }
  }
}

function collided(error: unknown): boolean {
  return isConflict(error) || isSchemaForgotten(error) || /conflict/i.test(messageOf(error));
}
