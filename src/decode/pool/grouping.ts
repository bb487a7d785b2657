import type { Payload, Signal } from '../../schema/index.js';
import { DecodeMemoryError, DecodeWorkerError } from '../errors.js';
import type { DecodedGroup } from '../types.js';
import type { DecodePool, Job, JobSource } from './pool.js';
import type { DecodeReply } from './protocol.js';

const maxGroupPayloads = 64;
const maxGroupBytes = 4 * 1024 * 1024;
/** Keeps the answers to a group's clients from waiting for far too much decompressed data. */
const groupBudgetBytes = 16 * 1024 * 1024;

interface Entry<R> {
  readonly payload: Payload;
  readonly bytes: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Decodes payloads as they arrive. While all workers are busy, payloads of one signal gather into the next
 * group, so that under load one message to a worker carries many small requests.
 */
export class GroupingDecoder<R> implements JobSource {
  readonly #queues = new Map<Signal, Entry<R>[]>();

  /**
   * `sink` takes each decoded group further and gives one result a payload, in order. It may be called for a
   * group while it still works on others of the same signal.
   */
  constructor(
    private readonly pool: DecodePool,
    private readonly sink: (signal: Signal, group: DecodedGroup) => Promise<R[]>,
  ) {
    pool.addSource(this);
  }

  /**
   * The sink's result for the payload, whose body is the decoder's from now on. Rejects with
   * DecodeQueueFullError when too many bytes wait, with DecodeWorkerError when decoding failed, or with the
   * sink's error.
   */
  submit(signal: Signal, payload: Payload): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.pool.admit(signal, payload);
      const entry = { payload, bytes: payload.body.byteLength, resolve, reject };
      const queue = this.#queues.get(signal);
      if (queue) queue.push(entry);
      else this.#queues.set(signal, [entry]);
      this.pool.poke();
    });
  }

  next(): Job | null {
    for (const [signal, queue] of this.#queues) {
      if (queue.length === 0) continue;
      // The signal served goes to the end, so that none starves.
      this.#queues.delete(signal);
      this.#queues.set(signal, queue);
      return this.#job(signal, queue);
    }
    return null;
  }

  #job(signal: Signal, queue: Entry<R>[]): Job {
    let count = 0;
    let bytes = 0;
    while (count < queue.length && count < maxGroupPayloads) {
      bytes += queue[count]!.bytes;
      if (count > 0 && bytes > maxGroupBytes) break;
      count++;
    }
    const entries = queue.splice(0, count);
    return {
      signal,
      payloads: entries.map((entry) => entry.payload),
      budget: groupBudgetBytes,
      done: (reply) => void this.#done(signal, entries, reply),
      failed: (error) => {
        // Memory was short for the first one; for the others there may be some.
        const lost = error instanceof DecodeMemoryError ? entries.splice(0, 1) : entries.splice(0);
        this.#queues.get(signal)?.unshift(...entries);
        this.#release(lost);
        for (const entry of lost) entry.reject(error);
      },
    };
  }

  async #done(signal: Signal, entries: readonly Entry<R>[], reply: DecodeReply): Promise<void> {
    const taken = entries.slice(0, reply.taken);
    if (reply.taken < entries.length) {
      const rest = entries.slice(reply.taken);
      this.#queues.get(signal)?.unshift(...rest);
    }
    this.#release(taken);
    try {
      const payloads = taken.map((entry) => entry.payload);
      const results = await this.sink(signal, { payloads, results: reply.results, batch: reply.batch });
      for (const [i, entry] of taken.entries()) {
        if (i < results.length) entry.resolve(results[i] as R);
        else entry.reject(new DecodeWorkerError('a payload of a decoded group has no result'));
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      for (const entry of taken) entry.reject(failure);
    } finally {
      this.pool.budget.give(reply.pages);
    }
  }

  #release(entries: readonly Entry<R>[]): void {
    this.pool.release(entries.reduce((sum, entry) => sum + entry.bytes, 0));
  }
}
