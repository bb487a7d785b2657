import type { ColumnBatch, DecodeLimits, Payload, PayloadResult, Signal } from '../../schema/index.js';

/** Sent to a worker. Bodies in shared memory are read where they are, others are copied. */
export interface DecodeRequest {
  readonly id: number;
  readonly signal: Signal;
  readonly payloads: readonly Payload[];
  /** Decompressed bytes after which no further payload of the request is begun. */
  readonly budget: number;
  /** Memory for the batch, used if it is large enough. */
  readonly slab: SharedArrayBuffer | null;
}

export interface DecodeReply {
  readonly id: number;
  /** How many payloads were decoded, from the first on. */
  readonly taken: number;
  readonly results: readonly PayloadResult[];
  readonly batch: ColumnBatch;
}

/** The decoder itself failed. */
export interface DecodeFailure {
  readonly id: number;
  readonly error: string;
}

export type WorkerRequest = 'collect' | DecodeRequest;

export interface WorkerOptions {
  readonly limits: DecodeLimits;
}

export type WorkerMessage = 'ready' | DecodeReply | DecodeFailure;
