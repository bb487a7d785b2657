import type { DuckDBConnection } from '@duckdb/node-api';
import { LakeError } from '../duckdb/index.js';
import { within } from '../timeout/index.js';
import type { InstanceHost } from './host.js';

const interruptGraceMs = 10_000;

/** The writer's one connection: made when needed, given back when its instance is replaced or its state is in doubt. */
export class WriterConnection {
  #connection: { connection: DuckDBConnection; generation: number } | null = null;

  constructor(private readonly host: InstanceHost) {}

  get current(): DuckDBConnection | null {
    return this.#connection?.connection ?? null;
  }

  /** Ends a failed transaction. The connection goes with it: its settings or state may be off. */
  async abandon(connection: DuckDBConnection, error: unknown): Promise<void> {
    this.host.notice(error);
    if (this.#connection?.connection !== connection) return;
    const deadline = performance.now() + interruptGraceMs;
    // Fails when no transaction is open any more, as after a failed COMMIT.
    await this.bounded(connection, deadline, () => connection.run('ROLLBACK')).catch((failure: unknown) => {
      this.host.notice(failure);
    });
    if (this.#connection?.connection === connection) this.drop();
  }

  /** Interrupts the connection at the deadline; leaves it behind when it doesn't even heed that. */
  async bounded<T>(connection: DuckDBConnection, deadline: number, work: () => Promise<T>): Promise<T> {
    const working = work();
    return within(Math.max(1, deadline - performance.now()), working, async () => {
      connection.interrupt();
      try {
        return await within(interruptGraceMs, working, () => this.#leave(connection, working));
      } catch (error) {
        if (error instanceof LakeError) throw error;
        throw new LakeError('unavailable', `the lake did not finish in time and was interrupted`, {
          cause: error,
        });
      }
    });
  }

  /** It is released when the statement ends after all; closing it earlier would pull memory from under it. */
  #leave(connection: DuckDBConnection, working: Promise<unknown>): never {
    if (this.#connection?.connection === connection) this.#connection = null;
    void working.catch(() => undefined).then(() => this.host.release(connection));
    throw new LakeError('unavailable', 'the lake does not answer, not even to an interrupt');
  }

  async connected(): Promise<DuckDBConnection> {
    const { host } = this;
    if (this.#connection && this.#connection.generation !== host.generation) this.drop();
    if (!this.#connection) {
      const connection = await host.acquire();
      this.#connection = { connection, generation: host.generation };
    }
    return this.#connection.connection;
  }

  /** Gives the connection back, for instance because the instance is being replaced. */
  drop(): void {
    if (this.#connection) this.host.release(this.#connection.connection);
    this.#connection = null;
  }
}
