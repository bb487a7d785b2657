import type { ColumnBatch, DecodeLimits, Payload, PayloadResult, Signal } from '../../schema/index.js';
import type { SharedBudget } from './budget.js';

/** Sent to a worker. Bodies in shared memory are read where they are, others are copied. */
export interface DecodeRequest {
  readonly id: number;
  readonly signal: Signal;
  readonly payloads: readonly Payload[];
  /** Decompressed bytes after which no further payload of the request is begun. */
  readonly budget: number;
  /** Memory for the batch, used if it is large enough. */
  readonly buffer: SharedArrayBuffer | null;
  /** How long the worker may wait for memory. */
  readonly waitMs: number;
}

export interface DecodeReply {
  readonly id: number;
  /** How many payloads were decoded, from the first on. */
  readonly taken: number;
  readonly results: readonly PayloadResult[];
  readonly batch: ColumnBatch;
  /** Pages of the memory budget that the batch takes, for the receiver to give back. */
  readonly pages: number;
}

/** The decoder itself failed. */
export interface DecodeFailure {
  readonly id: number;
  readonly error: string;
}

/** There was no memory to decode the first payload. */
interface DecodeShort {
  readonly id: number;
  readonly short: { readonly usedBytes: number; readonly limitBytes: number };
}

export type WorkerRequest = 'collect' | DecodeRequest;

export interface WorkerOptions {
  readonly limits: DecodeLimits;
  readonly budget: SharedBudget;
  /** Pages that this worker has taken. */
  readonly own: SharedArrayBuffer;
}

export type WorkerMessage = 'ready' | DecodeReply | DecodeFailure | DecodeShort;
