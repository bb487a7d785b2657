/** Entry point of a decode worker thread. */
import { parentPort, workerData, type TransferListItem } from 'node:worker_threads';
import type { Signal } from '../../schema/index.js';
import { BatchDecoder } from '../batch/decoder.js';
import { DecodeMemoryError } from '../errors.js';
import { loadZstd } from '../wire/zstd.js';
import { ThreadMemory } from './budget.js';
import { collect } from './collect.js';
import type { DecodeFailure, DecodeReply, WorkerMessage, WorkerOptions, WorkerRequest } from './protocol.js';

const options = workerData as WorkerOptions;
const memory = new ThreadMemory(options.budget, options.own);
const decoders = new Map<Signal, BatchDecoder>();

function decoderOf(signal: Signal): BatchDecoder {
  const decoder = decoders.get(signal) ?? new BatchDecoder(signal, options.limits, memory);
  decoders.set(signal, decoder);
  return decoder;
}

function send(message: WorkerMessage, transfer: readonly TransferListItem[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function receive(request: WorkerRequest): void {
  if (request === 'collect') return collect();
  const { id, signal, payloads, budget, buffer, waitMs } = request;
  memory.begin(waitMs);
  try {
    const decoded = decoderOf(signal).decode(payloads, budget, buffer);
    const used = decoded.batch.arena.buffer;
    const reply: DecodeReply = { id, ...decoded, pages: memory.end(used.byteLength) };
    // Buffers are shared, other memory is moved.
    send(reply, used instanceof ArrayBuffer ? [used] : []);
  } catch (error) {
    memory.end(0);
    if (error instanceof DecodeMemoryError) {
      const { usedBytes, limitBytes } = error;
      return send({ id, short: { usedBytes, limitBytes } });
    }
    // Its state may be in disorder after a failure that it did not foresee.
    decoders.delete(signal);
    const failure: DecodeFailure = { id, error: error instanceof Error ? error.message : String(error) };
    send(failure);
  }
}

async function start(): Promise<void> {
  await loadZstd();
  parentPort?.on('message', receive);
  send('ready');
}

void start();
