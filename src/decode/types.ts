import type { ColumnBatch, Payload, PayloadResult, Signal } from '../schema/index.js';

export interface DecodedGroup {
  /** The payloads that went in, in order, with their bodies handed back. */
  readonly payloads: readonly Payload[];
  /** One a payload, in order. */
  readonly results: readonly PayloadResult[];
  /** The rows of all good payloads, in order. */
  readonly batch: ColumnBatch;
}

/** Decodes in worker threads. Rejects with DecodeQueueFullError when too many bytes wait. */
export interface Decoder {
  decode(signal: Signal, payloads: readonly Payload[]): Promise<DecodedGroup>;
}
