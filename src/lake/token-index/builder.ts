import { Worker } from 'node:worker_threads';
import { within } from '../../timeout/index.js';
import type { BuildRequest } from './protocol.js';

/**
 * What an index is made of, in parts: texts of a row group by their tokens (of lines, or of the column that is named), values of a
 * column (line breaks between), and then how many rows it has.
 */
export type IndexPart =
  | { readonly text: string | null; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly column: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly rows: number };

const answerMs = 60_000;

/** Makes indexes in a thread of its own, as that takes processor time that requests need on this one. */
export class IndexBuilder {
  #worker: Worker | null = null;
  /** Of requests that were sent, in their order. */
  #waiting: { resolve: (index: Uint8Array | null) => void; reject: (error: Error) => void }[] = [];

  /** The index of a file that comes row group by row group. */
  async build(parts: AsyncIterable<IndexPart>): Promise<Buffer> {
    await this.#ask({ type: 'reset' });
    let before: Promise<unknown> = Promise.resolve();
    for await (const part of parts) {
      const now =
        'rows' in part
          ? this.#ask({ type: 'granule', rows: part.rows })
          : this.#ask(
              'text' in part
                ? { type: 'texts', column: part.text, bytes: part.bytes }
                : { type: 'values', column: part.column, bytes: part.bytes },
              [part.bytes.buffer],
            );
      // It is awaited later; until then its failure must not count as unhandled.
      now.catch(() => undefined);
      await before;
      before = now;
    }
    await before;
    return Buffer.from((await this.#ask({ type: 'end' })) ?? []);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#lost(new Error('the index is not made any more'));
    await worker?.terminate();
  }

  async #ask(request: BuildRequest, transfer: readonly ArrayBuffer[] = []): Promise<Uint8Array | null> {
    const worker = (this.#worker ??= this.#start());
    const answer = new Promise<Uint8Array | null>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(request, transfer);
    });
    return within(answerMs, answer, () => {
      const error = new Error('the thread that makes the index does not answer');
      void this.close();
      throw error;
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    worker.unref();
    const lost = (error: Error) => {
      if (this.#worker === worker) this.#lost(error);
    };
    worker.on('message', (index: Uint8Array | null) => this.#waiting.shift()?.resolve(index));
    worker.on('error', (error) => lost(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => lost(new Error('the thread that makes the index has ended')));
    return worker;
  }

  #lost(error: Error): void {
    this.#worker = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }
}
