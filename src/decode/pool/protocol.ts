import type { ColumnBatch, Payload, PayloadResult, Signal } from '../../schema/index.js';

/** Sent to a worker; the bodies' buffers move along. */
export interface DecodeRequest {
  readonly id: number;
  readonly signal: Signal;
  readonly payloads: readonly Payload[];
  /** Decompressed bytes after which no further payload of the request is begun. */
  readonly budget: number;
}

export interface DecodeReply {
  readonly id: number;
  /** How many payloads were decoded, from the first on. */
  readonly taken: number;
  readonly results: readonly PayloadResult[];
  readonly batch: ColumnBatch;
  /** The bodies of all payloads, handed back. */
  readonly bodies: readonly Uint8Array<ArrayBuffer>[];
}

/** The decoder itself failed; the bodies are handed back all the same. */
export interface DecodeFailure {
  readonly id: number;
  readonly error: string;
}

export interface WorkerOptions {
  readonly maxDecodedBodyBytes: number;
}

export type WorkerMessage = 'ready' | DecodeReply | DecodeFailure;
