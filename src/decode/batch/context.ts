import type { IdField, Payload } from '../../schema/index.js';
import type { AttributeText } from '../wire/attributes.js';
import type { ColumnWriter } from './column-writer.js';
import { RecordOverLimit, type Budget } from './budget.js';
import { Rejections } from './rejections.js';
import { isBefore, toWords } from './time.js';

/** What decoding a payload needs besides its bytes. */
export class PayloadContext {
  readonly rejections: Rejections;
  receivedLo = 0;
  receivedHi = 0;
  /** Metrics have Prometheus' own names, to be kept as they are. */
  prometheusNames = false;
  /** What the payload's points are, for protocols whose answers tell. */
  readonly points = { samples: 0, histograms: 0, exemplars: 0 };
  #minLo = 0;
  #minHi = 0;
  #maxLo = 0;
  #maxHi = 0;
  #tooOld = '';
  #tooNew = '';

  constructor(
    readonly writer: ColumnWriter,
    readonly attributes: AttributeText,
    readonly budget: Budget,
    noun: string,
  ) {
    this.rejections = new Rejections(noun);
  }

  begin(payload: Payload, prometheusNames = false): void {
    this.rejections.reset();
    this.prometheusNames = prometheusNames;
    this.points.samples = this.points.histograms = this.points.exemplars = 0;
    ({ lo: this.receivedLo, hi: this.receivedHi } = toWords(payload.receivedAtNs));
    ({ lo: this.#minLo, hi: this.#minHi } = toWords(payload.minTimeNs));
    ({ lo: this.#maxLo, hi: this.#maxHi } = toWords(payload.maxTimeNs));
    this.#tooOld = isoTime(payload.minTimeNs);
    this.#tooNew = isoTime(payload.maxTimeNs);
  }

  /** Begins a record; gives where its text begins in the arena. */
  beginRecord(): number {
    this.budget.record();
    this.rejections.record++;
    return this.writer.arena.begin();
  }

  /** Counts a rejection for a record over its limits; throws anything else again. */
  rejectOverLimit(error: unknown): void {
    if (!(error instanceof RecordOverLimit)) throw error;
    this.rejections.add(error.reason, error.message);
  }

  /** Counts a rejection when the time lies before what is accepted. `field` is its name for the client. */
  isTooOld(lo: number, hi: number, field: string): boolean {
    if (!isBefore(lo, hi, this.#minLo, this.#minHi)) return false;
    this.rejections.add(
      'too_old',
      `too old: ${field} before ${this.#tooOld}; limit CANARDSTACK_ACCEPT_LATE_SECS`,
    );
    return true;
  }

  isTooNew(lo: number, hi: number, field: string): boolean {
    if (!isBefore(this.#maxLo, this.#maxHi, lo, hi)) return false;
    this.rejections.add(
      'too_far_ahead',
      `too far ahead: ${field} after ${this.#tooNew}; limit CANARDSTACK_ACCEPT_FUTURE_SECS`,
    );
    return true;
  }

  /**
   * False for an optional identifier that has neither `size` bytes nor none. Its record is kept without it, as
   * logs.proto has it for trace_id and span_id; counted.
   */
  isGoodId(length: number, size: number, field: IdField): boolean {
    if (length === size || length === 0) return true;
    this.rejections.drop(field);
    return false;
  }

  /** Counts a rejection when an identifier that must be there is not, or is all zeros. */
  isMissingId(pos: number, length: number, size: number, field: string): boolean {
    if (length === size && !this.writer.isZero(pos, size)) return false;
    this.rejections.add('malformed', `malformed: ${field} must be ${size} bytes, not all zero`);
    return true;
  }
}

function isoTime(ns: bigint): string {
  const ms = Number(ns / 1_000_000n);
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ns} ns`;
}
