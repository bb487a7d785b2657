import type { BufferPool, KeptRecords, Payload, PayloadErrorCode, Signal } from '../schema/index.js';

/** Why a payload was refused although nothing is wrong with it; the reference's reason codes. */
export type RefusalReason =
  | 'raw_spool_full'
  | 'queue_full'
  | 'freshness_budget_exceeded'
  | 'raw_spool_unavailable'
  | 'dependency_unhealthy'
  | 'shutting_down';

export type IntakeResult =
  /** Durable: an fsync that covers the payload has returned. */
  | (KeptRecords & { readonly kind: 'accepted' })
  /** Nothing was kept; the same payload may be accepted later. */
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      readonly message: string;
      readonly retryAfterSeconds: number;
    }
  /** Nothing was kept and never will be. */
  | { readonly kind: 'invalid'; readonly code: PayloadErrorCode; readonly message: string };

/** Where the wire hands payloads over. The body's memory is the intake's from then on. */
export interface Intake {
  /** Where bodies get their memory from. */
  readonly buffers: BufferPool;
  /** What would be refused now whatever the payload, so that the wire can refuse before reading a body. */
  refusal(): Extract<IntakeResult, { kind: 'refused' }> | null;
  submit(signal: Signal, payload: Payload): Promise<IntakeResult>;
}
