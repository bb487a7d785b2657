import { Worker } from 'node:worker_threads';
import { LeaseLostError } from './errors.js';
import type { LeaseClock } from './clock.js';
import type { LeaseRecord } from './record.js';
import type { RenewalData, RenewalOrder, RenewalReport } from './renewal.js';

const stopMs = 5000;

/** The main thread's side of the worker that renews a lease. */
export class Renewer {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #lost: string | null = null;
  #stopped = false;
  readonly #listeners: ((reason: string) => void)[] = [];

  constructor(
    catalog: string,
    record: LeaseRecord,
    private readonly clock: LeaseClock,
    failed: (reason: string) => void,
  ) {
    const workerData: RenewalData = { catalog, record, clock: clock.shared };
    this.#worker = new Worker(new URL('./renewal.js', import.meta.url), { workerData, name: 'lease' });
    this.#worker.on('message', (report: RenewalReport) => {
      if (report.kind === 'done') this.#waiting.shift()?.resolve();
      else if (report.kind === 'failed') failed(report.reason);
      else this.lose(report.reason);
    });
    this.#worker.on('error', (error) => this.lose(`it is not renewed any more: ${error.message}`));
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    // After the listeners: one for messages takes it back.
    this.#worker.unref();
    void this.#ended.then(() => {
      if (!this.#stopped) this.lose('it is not renewed any more');
    });
  }

  get lost(): string | null {
    return this.#lost;
  }

  onLost(listener: (reason: string) => void): void {
    if (this.#lost === null) this.#listeners.push(listener);
    else queueMicrotask(() => listener(this.#lost ?? ''));
  }

  lose(reason: string): void {
    if (this.#lost !== null || this.#stopped) return;
    this.#lost = reason;
    this.clock.end();
    for (const { reject } of this.#waiting.splice(0)) reject(new LeaseLostError(reason));
    for (const listener of this.#listeners.splice(0)) listener(reason);
  }

  /** Writes the record with these fields; resolves when it is durable, rejects with LeaseLostError. */
  async write(fields: Pick<LeaseRecord, 'state' | 'file'>): Promise<void> {
    if (this.#lost !== null) throw new LeaseLostError(this.#lost);
    this.#worker.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push({ resolve, reject });
        this.#order(fields);
      });
    } finally {
      this.#worker.unref();
    }
  }

  /** Ends the worker. Later calls change nothing. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#worker.ref();
    this.#order(null);
    const timer = setTimeout(() => void this.#worker.terminate(), stopMs);
    await this.#ended.finally(() => clearTimeout(timer));
  }

  #order(order: RenewalOrder): void {
    this.#worker.postMessage(order);
  }
}
