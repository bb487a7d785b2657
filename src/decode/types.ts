import type { ColumnBatch, Payload, PayloadResult, Signal } from '../schema/index.js';

export interface DecodedGroup {
  /** The payloads that went in, in order. */
  readonly payloads: readonly Payload[];
  /** One a payload, in order. */
  readonly results: readonly PayloadResult[];
  /** The rows of all good payloads, in order. */
  readonly batch: ColumnBatch;
}

/**
 * Payloads decoded again, from the first on: as `DecodedGroup`, but their rows may come in several batches, in order.
 * Fewer results than payloads: the rest is to be asked for again.
 */
export interface ReplayedPayloads {
  readonly results: readonly PayloadResult[];
  readonly batches: readonly ColumnBatch[];
}

/** Decodes in worker threads. Rejects with DecodeQueueFullError or DecodeMemoryError when there is no room. */
export interface Decoder {
  decode(signal: Signal, payloads: readonly Payload[], maxBytes?: number): Promise<ReplayedPayloads>;
  /** Takes a batch's memory back once nobody reads it any more. */
  recycle(batch: ColumnBatch): void;
}
