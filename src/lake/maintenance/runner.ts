import { firstLine, isPlaceForgotten } from '../../duckdb/index.js';
import { traced, type Telemetry } from '../../telemetry/index.js';
import type { CommitLock } from '../commit-lock.js';
import type { FileSync } from '../file-sync.js';
import type { InstanceHost } from '../host.js';
import type { MaintenanceRun } from '../types.js';
import type { Writer } from '../writer.js';
import type { MaintenanceLease, MaintenanceLock } from './lock.js';
import type { MaintenanceMetrics } from './metrics.js';
import { TaskRun } from './task.js';

export interface RunnerOptions {
  readonly host: InstanceHost;
  readonly writer: Writer;
  /** Makes the files that maintenance writes durable; its own, not the writer's. */
  readonly files: FileSync | null;
  readonly telemetry: Telemetry;
  readonly readOnly: boolean;
  /** One runner at a time among all nodes of the lake. */
  readonly lock: MaintenanceLock;
  readonly commitLock: CommitLock;
}

export type Outcome<T> =
  | { readonly status: 'ok'; readonly value: T }
  | { readonly status: 'busy' | 'paused' }
  | { readonly status: 'error'; readonly error: string };

const reopenWaitMs = 15_000;
const historyLength = 50;

/** Runs one task of maintenance at a time, in this process and among all nodes of the lake, and remembers how each ended. */
export class TaskRunner {
  #paused = false;
  #stopped = false;
  #current: { name: string; done: Promise<unknown>; abort: AbortController } | null = null;
  #failures = 0;
  #history: readonly MaintenanceRun[] = [];

  constructor(
    private readonly options: RunnerOptions,
    private readonly metrics: MaintenanceMetrics,
  ) {}

  get paused(): boolean {
    return this.#paused;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The name of the task that runs. */
  get running(): string | null {
    return this.#current?.name ?? null;
  }

  get consecutiveFailures(): number {
    return this.#failures;
  }

  /** Newest first. */
  get history(): readonly MaintenanceRun[] {
    return this.#history;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Starts nothing more, and resolves when what runs has ended, which is aborted. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#current?.abort.abort(new Error('the server is shutting down'));
    await this.#current?.done.catch(() => undefined);
  }

  /** Waits for nothing: what can't run now is told by the outcome. */
  async alone<T>(name: string, work: (task: TaskRun) => Promise<T>): Promise<Outcome<T>> {
    if (this.options.readOnly) return { status: 'error', error: 'the lake is open for reading only' };
    if (this.#stopped) return { status: 'error', error: 'the server is shutting down' };
    if (this.#paused) return { status: 'paused' };
    if (this.#current !== null) return { status: 'busy' };
    const abort = new AbortController();
    const begun = performance.now();
    const done = traced(this.options.telemetry.tracer, { name: `maintenance ${name}` }, () =>
      this.#asOnlyNode(abort.signal, work),
    );
    this.#current = { name, done, abort };
    try {
      const outcome = await done;
      if (outcome === null) return { status: 'busy' };
      const { value } = outcome;
      this.#failures = 0;
      this.#ended(name, begun);
      this.metrics.seconds.observe({ task: name }, (performance.now() - begun) / 1000);
      this.metrics.lastSuccess.set({ task: name }, Date.now() / 1000);
      return { status: 'ok', value };
    } catch (error) {
      const message = firstLine(error);
      this.#failures++;
      this.#ended(name, begun, message);
      this.options.host.notice(error);
      this.options.telemetry.log.error({ task: name, err: message }, 'maintenance failed');
      return { status: 'error', error: message };
    } finally {
      this.#current = null;
    }
  }

  /** `begun` by the monotonic clock. */
  #ended(task: string, begun: number, error?: string): void {
    const run: MaintenanceRun = {
      task,
      at: new Date().toISOString(),
      status: error === undefined ? 'ok' : 'error',
      milliseconds: Math.round(performance.now() - begun),
      ...(error === undefined ? {} : { error }),
    };
    this.#history = [run, ...this.#history].slice(0, historyLength);
  }

  /** Null when another node runs maintenance at the moment. */
  async #asOnlyNode<T>(
    signal: AbortSignal,
    work: (task: TaskRun) => Promise<T>,
  ): Promise<{ value: T } | null> {
    const lease = await this.#lease();
    if (lease === null) return null;
    try {
      const either = AbortSignal.any([signal, lease.lost]);
      try {
        return { value: await this.#withConnection(either, work) };
      } catch (error) {
        if (!isPlaceForgotten(error)) throw error;
        const { host } = this.options;
        host.notice(error);
        await host.reopened(reopenWaitMs);
        return { value: await this.#withConnection(either, work) };
      }
    } finally {
      await lease.release();
    }
  }

  /** A node that was idle notices only here that its catalog server was replaced; nothing is begun yet, so it asks again. */
  async #lease(): Promise<MaintenanceLease | null> {
    const { host, lock } = this.options;
    const { generation } = host;
    try {
      return await lock.tryAcquire();
    } catch (error) {
      host.notice(error);
      if (host.generation === generation && host.broken === null) throw error;
      await host.reopened(reopenWaitMs);
      return lock.tryAcquire();
    }
  }

  async #withConnection<T>(signal: AbortSignal, work: (task: TaskRun) => Promise<T>): Promise<T> {
    const { host, writer, files, commitLock } = this.options;
    const connection = await host.acquire();
    try {
      return await work(new TaskRun(connection, writer, commitLock, files, signal));
    } finally {
      host.release(connection);
    }
  }
}
