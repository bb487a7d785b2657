/** Entry point of the thread that looks into one payload. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Payload, Signal } from '../../schema/index.js';
import { loadZstd } from '../wire/zstd.js';
import { servicesOf } from './services.js';

const { signal, payload, maxBytes } = workerData as { signal: Signal; payload: Payload; maxBytes: number };

async function look(): Promise<void> {
  await loadZstd();
  parentPort?.postMessage(servicesOf(signal, payload, maxBytes));
}

void look();
