import type { DuckDBConnection } from '@duckdb/node-api';
import { LakeError, literal, messageOf } from '../duckdb/index.js';
import type { Logger } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import type { CommitLock } from './commit-lock.js';
import type { InstanceHost } from './host.js';
import { renewed, type MaintenanceLock } from './maintenance/lock.js';

/** First key of canardstack's advisory locks, which are the database's: one lake in one database. */
const lockClass = 0x63616e61;
const commitKey = 1;
const maintenanceKey = 2;

/**
 * PostgreSQL ends the session of a node that holds the commit lock and does nothing for so long, for instance because
 * it is paused. Then others commit; what the paused one still sends conflicts with them.
 */
const idleCommitMs = 15_000;
const idleMaintenanceMs = 60_000;
const answerMs = 20_000;

/**
 * A PostgreSQL transaction of its own that holds one advisory lock. It is DuckDB's, through the connection that
 * DuckLake has, so host, password and TLS are set in one place; nothing else runs in it. (Taken within the
 * committing transaction the lock would be of no use: that one's snapshot is from before the wait.)
 */
class LockSession {
  private constructor(
    private readonly host: InstanceHost,
    private readonly connection: DuckDBConnection,
  ) {}

  /** `null`: not to be had. The transaction is open only while the lock is held. */
  static async open(
    host: InstanceHost,
    settings: readonly string[],
    lock: (session: LockSession) => Promise<boolean>,
  ): Promise<LockSession | null> {
    // Each session that hangs holds a thread: while one does, the server is taken for away.
    if (LockSession.#hanging.has(host)) throw notAnswering();
    const session = new LockSession(host, await host.acquire());
    try {
      await session.#within(answerMs, async () => {
        await session.connection.run('BEGIN TRANSACTION');
        for (const setting of settings) await session.execute(`SET LOCAL ${setting}`);
      });
      if (await lock(session)) return session;
    } catch (error) {
      await session.end();
      throw error;
    }
    await session.end();
    return null;
  }

  async execute(sql: string): Promise<void> {
    await this.connection.run(`CALL postgres_execute('__ducklake_metadata_lake', ${literal(sql)})`);
  }

  /** First value of the first row. */
  async value(sql: string, timeoutMs = answerMs): Promise<unknown> {
    return this.#within(timeoutMs, async () => {
      const reader = await this.connection.runAndReadAll(
        `FROM postgres_query('__ducklake_metadata_lake', ${literal(sql)})`,
      );
      return reader.getRows()[0]?.[0];
    });
  }

  /** Gives the lock back. */
  async end(): Promise<void> {
    await this.#within(answerMs, () => this.connection.run('ROLLBACK')).catch(() => undefined);
    if (!this.#stuck) this.host.release(this.connection);
  }

  static readonly #hanging = new WeakSet<InstanceHost>();
  #stuck = false;

  async #within<T>(ms: number, work: () => Promise<T>): Promise<T> {
    if (this.#stuck) throw notAnswering();
    const running = work();
    return within(ms, running, () => {
      // A connection is closed only when nothing runs on it any more.
      this.#stuck = true;
      this.connection.interrupt();
      LockSession.#hanging.add(this.host);
      void running
        .catch(() => undefined)
        .then(() => {
          LockSession.#hanging.delete(this.host);
          this.host.release(this.connection);
        });
      throw notAnswering();
    });
  }
}

function notAnswering(): LakeError {
  return new LakeError('unavailable', 'PostgreSQL does not answer');
}

/** The lock of all committing nodes: those that wait get it in the order in which they came. */
export function postgresCommitLock(host: InstanceHost, log: Logger): CommitLock {
  return {
    async acquire(waitMs) {
      const settings = [
        `lock_timeout = ${Math.max(1, Math.ceil(waitMs))}`,
        `statement_timeout = ${Math.ceil(waitMs) + 5000}`,
        `idle_in_transaction_session_timeout = ${idleCommitMs}`,
      ];
      const session = await LockSession.open(host, settings, async (opening) => {
        try {
          await opening.value(
            `SELECT 1 FROM pg_advisory_xact_lock(${lockClass}, ${commitKey})`,
            waitMs + answerMs,
          );
          return true;
        } catch (error) {
          // 55P03, lock_not_available; the text is that of an English server, others are told by the setting's name.
          if (/lock.timeout|55P03/i.test(messageOf(error))) return false;
          throw error;
        }
      });
      if (session === null) {
        log.warn({ waitMs }, 'another node holds the commit lock for long, going on without it');
        return null;
      }
      return { release: () => session.end() };
    },
  };
}

export function postgresMaintenanceLock(host: InstanceHost, log: Logger): MaintenanceLock {
  return {
    async tryAcquire() {
      const settings = [
        `idle_in_transaction_session_timeout = ${idleMaintenanceMs}`,
        `statement_timeout = ${answerMs}`,
      ];
      const session = await LockSession.open(host, settings, async (opening) => {
        const got = await opening.value(`SELECT pg_try_advisory_xact_lock(${lockClass}, ${maintenanceKey})`);
        return got === true;
      });
      if (session === null) return null;
      const renew = async () => {
        await session.value('SELECT 1');
      };
      return renewed(log, 'the maintenance lock is lost: its session ended', renew, () => session.end());
    },
  };
}
