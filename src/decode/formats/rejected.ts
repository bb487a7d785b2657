import type { DecodeLimits, RejectionReason } from '../../schema/index.js';
import { PayloadError } from '../errors.js';

/** Counts the records of a payload, those rejected and those not; beyond the limit it throws PayloadError. */
export class RecordCount {
  readonly rejected: { readonly reason: RejectionReason; readonly sentence: string }[] = [];
  #records = 0;

  constructor(private readonly limits: DecodeLimits) {}

  /** One more is about to be read. */
  record(): void {
    const { maxRequestRecords } = this.limits;
    if (++this.#records <= maxRequestRecords) return;
    throw new PayloadError(
      'too_large',
      `the request holds more than ${maxRequestRecords} records (CANARDSTACK_MAX_REQUEST_RECORDS)`,
    );
  }

  /** One is not kept. */
  reject(reason: RejectionReason, sentence: string): void {
    this.record();
    this.rejected.push({ reason, sentence });
  }
}
