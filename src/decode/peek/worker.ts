/** Entry point of the thread that looks into one payload. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Payload } from '../../schema/index.js';
import { loadZstd } from '../wire/zstd.js';
import { servicesOf } from './services.js';

const { payload, maxBytes } = workerData as { payload: Payload; maxBytes: number };
await loadZstd();
parentPort?.postMessage(servicesOf(payload, maxBytes));
