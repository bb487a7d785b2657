import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstLine, literal } from '../duckdb/index.js';
import type { Logger } from '../telemetry/index.js';
import type { CommitLock } from './commit-lock.js';
import type { InstanceHost } from './host.js';
import { renewed, type MaintenanceLock } from './maintenance/lock.js';

/** A holder that is paused or gone keeps the lock no longer than this. */
const commitHoldMs = 15_000;
const maintenanceHoldMs = 60_000;
/** By then a lost holder's lock has run out; commits without it would only collide, and cost the server more. */
const leastWaitMs = commitHoldMs + 5000;
const pollMs = 20;
const longestPollMs = 150;

/**
 * Named locks in the memory of the catalog server (`gate.main.locks`, made when it starts), one row each, by the
 * server's clock. Taking one is one statement, hence atomic; a server that starts anew has forgotten them.
 */
class ServerLock {
  readonly #holder = randomUUID();

  constructor(
    private readonly host: InstanceHost,
    private readonly name: string,
    private readonly holdMs: number,
  ) {}

  /** Takes or renews it. False when another holds it. */
  async take(): Promise<boolean> {
    const until = `epoch_ms(now()) + ${this.holdMs}`;
    // One that has longer to run than any lock was taken before the server's clock went back.
    const rows = await this.#run(
      `INSERT INTO gate.main.locks VALUES (${literal(this.name)}, ${literal(this.#holder)}, ${until}) ` +
        `ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until ` +
        `WHERE until < epoch_ms(now()) OR until > epoch_ms(now()) + ${maintenanceHoldMs} ` +
        `OR holder = ${literal(this.#holder)} RETURNING holder`,
    );
    return rows > 0;
  }

  async give(): Promise<void> {
    await this.#run(
      `DELETE FROM gate.main.locks WHERE name = ${literal(this.name)} AND holder = ${literal(this.#holder)}`,
    );
  }

  async #run(sql: string): Promise<number> {
    const connection = await this.host.acquire(false, true);
    try {
      const reader = await connection.runAndReadAll(
        `CALL quack_query_by_name('__ducklake_metadata_lake', ${literal(sql)})`,
      );
      return reader.currentRowCount;
    } catch (error) {
      // Two that take it at once: one of them has it.
      if (/conflict|constraint/i.test(firstLine(error))) return 0;
      throw this.host.notice(error) ?? error;
    } finally {
      this.host.release(connection);
    }
  }
}

/** Lets the nodes of a catalog server commit one after the other, in no order. */
export function quackCommitLock(host: InstanceHost, log: Logger): CommitLock {
  return {
    async acquire(waitMs) {
      const lock = new ServerLock(host, 'commit', commitHoldMs);
      const boundMs = Math.max(waitMs, leastWaitMs);
      const deadline = performance.now() + boundMs;
      for (let polls = 0; !(await lock.take()); polls++) {
        if (performance.now() >= deadline) {
          log.warn({ waitMs: boundMs }, 'another node holds the commit lock for long, going on without it');
          return null;
        }
        // Each look is a round trip that the server pays for.
        await sleep(Math.min(longestPollMs, pollMs * 1.2 ** polls) * (0.5 + Math.random()));
      }
      return { release: () => lock.give().catch(() => undefined) };
    },
  };
}

export function quackMaintenanceLock(host: InstanceHost, log: Logger): MaintenanceLock {
  return {
    async tryAcquire() {
      const lock = new ServerLock(host, 'maintenance', maintenanceHoldMs);
      if (!(await lock.take())) return null;
      const renew = async () => {
        if (!(await lock.take())) throw new Error('another node has it');
      };
      return renewed(log, 'the maintenance lock is lost', renew, () => lock.give().catch(() => undefined));
    },
  };
}
