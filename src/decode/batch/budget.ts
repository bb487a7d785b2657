import type { DecodeLimits, RejectionReason } from '../../schema/index.js';
import { PayloadError } from '../errors.js';

/** One record would become more than a record may. One object for all of them: they may be many. */
export class RecordOverLimit extends Error {
  reason: RejectionReason = 'too_many_elements';
}

/** What a resource, scope or metric entry without any row costs of `maxRequestRowBytes`, for the time it takes. */
export const entryBytes = 512;

/**
 * What the payload under way and the record under way may still become. Everything that is repeated on the wire is
 * counted here before memory grows for it: an element takes as little as one byte there and many times that here.
 */
export class Budget {
  /** Bytes of text that the record may become. */
  recordBytes = 0;
  #limits: DecodeLimits | null = null;
  #strict = false;
  #shared = true;
  #elements = 0;
  #maxElements = 0;
  #records = 0;
  #rowBytes = 0;
  readonly #over = new RecordOverLimit();

  /** `strict`: a record over its limits refuses the whole payload. */
  begin(limits: DecodeLimits, strict: boolean): void {
    this.#limits = limits;
    this.#strict = strict;
    this.#records = 0;
    this.#rowBytes = limits.maxRequestRowBytes;
    this.recordBytes = limits.maxRecordBytes;
    this.#maxElements = limits.maxRecordElements;
    this.shared();
  }

  /** What follows belongs to one more record. Throws PayloadError when they are too many. */
  record(): void {
    this.#shared = false;
    this.#elements = 0;
    const { maxRequestRecords } = this.#limits!;
    if (++this.#records <= maxRequestRecords) return;
    throw new PayloadError(
      'too_large',
      `the request holds more than ${maxRequestRecords} records (CANARDSTACK_MAX_REQUEST_RECORDS)`,
    );
  }

  /** What follows is the same for several records: a resource, a scope, a metric. Over a limit it refuses the payload. */
  shared(): void {
    this.#shared = true;
    this.#elements = 0;
  }

  /** Throws RecordOverLimit, or PayloadError where no single record can be rejected. */
  element(): void {
    if (++this.#elements > this.#maxElements) this.#tooManyElements();
  }

  elements(count: number): void {
    this.#elements += count;
    if (this.#elements > this.#maxElements) this.#tooManyElements();
  }

  /** Throws PayloadError when the payload's rows take more than they may. */
  charge(bytes: number): void {
    this.#rowBytes -= bytes;
    if (this.#rowBytes >= 0) return;
    throw new PayloadError(
      'too_large',
      `the rows of the request take more than ${this.#limits!.maxRequestRowBytes} bytes (CANARDSTACK_MAX_REQUEST_ROW_BYTES)`,
    );
  }

  #tooManyElements(): never {
    const limit = `${this.#maxElements} (CANARDSTACK_MAX_RECORD_ELEMENTS)`;
    this.#fail('too_many_elements', `attributes and other repeated values are more than ${limit}`);
  }

  /** The text of the record, or of what is shared, is longer than `recordBytes`. */
  tooManyBytes(): never {
    const limit = `${this.recordBytes} bytes (CANARDSTACK_MAX_RECORD_BYTES)`;
    this.#fail('too_many_bytes', `text and attributes take more than ${limit}`);
  }

  #fail(reason: RejectionReason, why: string): never {
    if (this.#shared) throw new PayloadError('too_large', `of a resource, scope or metric: ${why}`);
    if (this.#strict) throw new PayloadError('too_large', `of a record: ${why}`);
    this.#over.reason = reason;
    this.#over.message = `too large: ${why}`;
    throw this.#over;
  }
}
