import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LakeError, firstLine, isFatal } from '../duckdb/index.js';
import type { Logger } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import { CommitWatch } from './commit-watch.js';
import type { LakeInstance } from './instance.js';

const drainMs = 30_000;
/** A statement that had not begun when its connection was interrupted begins all the same. */
const interruptEveryMs = 250;

/**
 * Hands out connections to the current DuckDB instance. After a fatal error (DuckDB invalidates the whole
 * database) it closes the instance once every connection came back, and opens a new one; meanwhile callers
 * get LakeError('unavailable'). Two instances never hold the same catalog file.
 */
export class InstanceHost {
  #instance: LakeInstance | null;
  readonly #live = new Set<DuckDBConnection>();
  #returned: (() => void) | null = null;
  #broken: string | null = null;
  #closed = false;
  #reopening: Promise<void> | null = null;
  #generation = 0;
  readonly #listeners: (() => void)[] = [];
  readonly #closing = new AbortController();
  readonly commits = new CommitWatch();

  constructor(
    instance: LakeInstance,
    private readonly open: () => Promise<LakeInstance>,
    private readonly log: Logger,
  ) {
    this.#instance = instance;
  }

  /** Grows with each new instance; a connection of an older one must be released. */
  get generation(): number {
    return this.#generation;
  }

  /** Why there is no usable instance, or null. */
  get broken(): string | null {
    return this.#broken;
  }

  get current(): LakeInstance {
    if (this.#closed) throw new LakeError('closed', 'the lake is closed');
    if (this.#instance === null || this.#broken !== null) {
      throw new LakeError(
        'unavailable',
        `the lake is being opened again after: ${this.#broken ?? 'a failure'}`,
      );
    }
    return this.#instance;
  }

  /** `listener` gives idle connections back when the instance is about to be replaced or closed. */
  onReplace(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** `reads`: nothing is to be committed by it. `bare`: names stand in full in its statements. */
  async acquire(reads = false, bare = false): Promise<DuckDBConnection> {
    const instance = this.current;
    try {
      const connection = this.commits.watched(await instance.connect(bare), reads);
      this.#live.add(connection);
      return connection;
    } catch (error) {
      throw this.notice(error) ?? error;
    }
  }

  /** Works on a connection of its own, and notices the error that it ends with. */
  async using<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.acquire();
    try {
      return await work(connection);
    } catch (error) {
      this.notice(error);
      throw error;
    } finally {
      this.release(connection);
    }
  }

  /** Closes a connection. No query may run on it any more. */
  release(connection: DuckDBConnection): void {
    if (!this.#live.delete(connection)) return;
    connection.closeSync();
    if (this.#live.size === 0) this.#returned?.();
  }

  /**
   * Looks at an error; when it means that the instance is done for, or that its catalog server is away, starts opening
   * a new one. Gives the error that tells so, else null.
   */
  notice(error: unknown): LakeError | null {
    const away = this.#instance?.away(error) ?? null;
    if (away === null && !isFatal(error)) return null;
    void this.replace(away ?? firstLine(error));
    return new LakeError('unavailable', away ?? 'the lake is being opened again', { cause: error });
  }

  /** Replaces the instance. Resolves when a new one serves; callers needn't wait for it. */
  replace(reason: string): Promise<void> {
    this.#broken ??= reason;
    this.#reopening ??= this.#reopen(reason).finally(() => (this.#reopening = null));
    return this.#reopening;
  }

  /** Resolves when an instance serves again, or after `ms`. */
  async reopened(ms: number): Promise<void> {
    if (this.#reopening === null) return;
    await within(ms, this.#reopening, () => undefined);
  }

  async #reopen(reason: string): Promise<void> {
    this.log.error({ reason }, 'the lake must be opened again');
    this.#generation++;
    for (let failures = 0; !this.#closed; failures++) {
      try {
        await this.#drain();
        const old = this.#instance;
        this.#instance = null;
        await old?.close();
        this.#instance = await this.open();
        this.#broken = null;
        this.log.info('the lake is open again');
        return;
      } catch (error) {
        this.#broken = firstLine(error);
        this.log.error({ err: this.#broken }, 'the lake could not be opened again, will retry');
        const pause = Math.min(3000, 250 * 2 ** failures);
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  /** Interrupts what runs on connections that were handed out. */
  interrupt(): void {
    for (const connection of this.#live) connection.interrupt();
  }

  /** Waits until every connection came back; interrupts what runs. Throws when one doesn't in time. */
  async #drain(): Promise<void> {
    for (const listener of this.#listeners) listener();
    const returned = new Promise<void>((resolve) => (this.#returned = resolve));
    const deadline = performance.now() + drainMs;
    while (this.#live.size > 0 && performance.now() < deadline) {
      this.interrupt();
      await within(interruptEveryMs, returned, () => undefined);
    }
    this.#returned = null;
    if (this.#live.size > 0) throw new LakeError('unavailable', `${this.#live.size} queries do not end`);
  }

  /** False when a query does not end, so that the catalog stays open. */
  async close(): Promise<boolean> {
    if (this.#closed) return this.#instance === null;
    this.#closed = true;
    this.#closing.abort();
    await this.#reopening;
    try {
      await this.#drain();
    } catch (error) {
      // Closing it under a running query would crash; the operating system takes the lock back.
      this.log.error({ err: firstLine(error) }, 'the lake is left open at shutdown');
      return false;
    }
    await this.#instance?.close();
    this.#instance = null;
    return true;
  }
}
