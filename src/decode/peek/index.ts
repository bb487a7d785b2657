import { Worker } from 'node:worker_threads';
import type { Payload, Signal } from '../../schema/index.js';

const timeoutMs = 10_000;
const heapMb = 512;

/**
 * The services that a payload names, told by a thread with little memory and time, since a process may have died of this
 * very payload; null when they can't be told.
 */
export function peekServices(
  signal: Signal,
  payload: Payload,
  maxBytes: number,
): Promise<readonly string[] | null> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { signal, payload, maxBytes },
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    const done = (services: readonly string[] | null) => {
      clearTimeout(timer);
      resolve(services);
      void worker.terminate();
    };
    const timer = setTimeout(() => done(null), timeoutMs);
    worker.on('message', done);
    worker.on('error', () => done(null));
    worker.on('exit', () => done(null));
  });
}
