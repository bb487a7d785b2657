import { Worker } from 'node:worker_threads';
import type { DecodeLimits } from '../../schema/index.js';
import { DecodeMemoryError, DecodeWorkerError } from '../errors.js';
import type { DecodeBudget } from './budget.js';
import type { DecodeReply, DecodeRequest, WorkerMessage, WorkerOptions, WorkerRequest } from './protocol.js';

interface Task {
  readonly id: number;
  readonly resolve: (reply: DecodeReply) => void;
  readonly reject: (error: DecodeMemoryError | DecodeWorkerError) => void;
  readonly timer: NodeJS.Timeout;
}

export interface DecodeThreadOptions {
  readonly limits: DecodeLimits;
  readonly budget: DecodeBudget;
  readonly taskTimeoutMs: number;
  readonly onRestart: (reason: string) => void;
}

/**
 * One worker thread, and one task at a time. A thread that ends or hangs rejects its task; the next task starts
 * a new one.
 */
export class DecodeThread {
  #worker: Worker | null = null;
  #ready: Promise<void> | null = null;
  #task: Task | null = null;
  #nextId = 1;
  #closed = false;

  constructor(private readonly options: DecodeThreadOptions) {}

  /** Resolves when the thread takes tasks. */
  start(): Promise<void> {
    this.#ready ??= new Promise<void>((resolve, reject) => {
      const own = new SharedArrayBuffer(4);
      const workerData: WorkerOptions = {
        limits: this.options.limits,
        budget: this.options.budget.shared,
        own,
      };
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
      this.#worker = worker;
      worker.unref();
      let reason = '';
      worker.on('message', (message: WorkerMessage) => {
        if (message === 'ready') resolve();
        else this.#settle(message);
      });
      worker.on('messageerror', () => this.#abandon('a result could not be read'));
      worker.on('error', (error) => (reason = error.message));
      worker.on('exit', (code) => {
        this.options.budget.give(Atomics.exchange(new Int32Array(own), 0, 0));
        const why = reason === '' ? `it ended with exit code ${code}` : reason;
        reject(new DecodeWorkerError(`a decode worker did not start: ${why}`));
        if (this.#worker === worker) this.#lost(`a decode worker failed: ${why}`);
      });
    });
    return this.#ready;
  }

  /** Has the thread give back shared memory that nobody uses any more. */
  collect(): void {
    this.#worker?.postMessage('collect' satisfies WorkerRequest);
  }

  async run(request: Omit<DecodeRequest, 'id'>): Promise<DecodeReply> {
    const worker = await this.#started();
    return new Promise<DecodeReply>((resolve, reject) => {
      const id = this.#nextId++;
      const timer = setTimeout(
        () => this.#abandon(`a group took longer than ${this.options.taskTimeoutMs} ms to decode`),
        this.options.taskTimeoutMs,
      );
      this.#task = { id, resolve, reject, timer };
      worker.ref();
      try {
        worker.postMessage({ id, ...request } satisfies DecodeRequest);
      } catch (error) {
        this.#finish()?.reject(
          new DecodeWorkerError('a group could not be sent to its worker', { cause: error }),
        );
      }
    });
  }

  async #started(): Promise<Worker> {
    try {
      await this.start();
    } catch (error) {
      this.#ready = null;
      throw error;
    }
    if (!this.#worker || this.#closed) throw new DecodeWorkerError('the decoder is closed');
    return this.#worker;
  }

  #settle(message: Exclude<WorkerMessage, 'ready'>): void {
    if (this.#task?.id !== message.id) {
      // Nobody waits for it any more, so nobody else gives its memory back.
      if ('pages' in message) this.options.budget.give(message.pages);
      return;
    }
    const task = this.#finish();
    if ('short' in message) {
      task?.reject(new DecodeMemoryError(message.short.usedBytes, message.short.limitBytes));
    } else if ('error' in message) task?.reject(new DecodeWorkerError(`decoding failed: ${message.error}`));
    else task?.resolve(message);
  }

  #finish(): Task | null {
    const task = this.#task;
    this.#task = null;
    if (task) clearTimeout(task.timer);
    this.#worker?.unref();
    return task;
  }

  #abandon(reason: string): void {
    const worker = this.#worker;
    this.#lost(reason);
    void worker?.terminate();
  }

  #lost(reason: string): void {
    this.#worker = null;
    this.#ready = null;
    if (!this.#closed) this.options.onRestart(reason);
    this.#finish()?.reject(new DecodeWorkerError(reason));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#finish()?.reject(new DecodeWorkerError('the decoder is closed'));
    await worker?.terminate();
  }
}
