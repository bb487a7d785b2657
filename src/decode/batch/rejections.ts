import type {
  DroppedIds,
  IdField,
  RejectedRecords,
  RejectionCounts,
  RejectionReason,
} from '../../schema/index.js';

/** Kinds of rejection that are told apart for one payload. */
const mostKinds = 20;

/** Counts the records of one payload that are not kept and says why (OTLP partial success). */
export class Rejections {
  count = 0;
  /** The number of the record under way, from 1; 0 when none is. */
  record = 0;
  /** The numbers of the records that were rejected, rising. */
  at: number[] = [];
  readonly #sentences = new Map<string, number>();
  #counts: Partial<Record<RejectionReason, number>> = {};
  /** Those whose resource has not ended yet, by reason. */
  #open = new Map<RejectionReason, { count: number; example: string }>();
  #placed = new Map<string, RejectedRecords>();
  #dropped: Partial<Record<IdField, number>> | null = null;

  constructor(private readonly noun: string) {}

  /** `sentence` follows the number and the noun: "too old: …". */
  add(reason: RejectionReason, sentence: string): void {
    this.count++;
    if (this.record > 0) this.at.push(this.record);
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
    this.#sentences.set(sentence, (this.#sentences.get(sentence) ?? 0) + 1);
    const open = this.#open.get(reason);
    if (open) open.count++;
    else this.#open.set(reason, { count: 1, example: sentence });
  }

  /** Whether `place` has something to do. */
  get unplaced(): boolean {
    return this.#open.size > 0;
  }

  /** Those since the last call are of a resource with that service. */
  place(service: string): void {
    for (const [reason, { count, example }] of this.#open) {
      const kind = `${reason} ${service}`;
      const known = this.#placed.get(kind);
      if (!known && this.#placed.size >= mostKinds) continue;
      this.#placed.set(kind, { service, reason, count: count + (known?.count ?? 0), example });
    }
    this.#open.clear();
  }

  /** Counts a malformed optional identifier that its record is kept without. */
  drop(field: IdField): void {
    this.#dropped ??= {};
    this.#dropped[field] = (this.#dropped[field] ?? 0) + 1;
  }

  reset(): void {
    this.#dropped = null;
    this.record = 0;
    this.at = [];
    if (this.count === 0) return;
    this.count = 0;
    this.#counts = {};
    this.#sentences.clear();
    this.#open.clear();
    this.#placed.clear();
  }

  /** By service and reason; of very many kinds some are missing. */
  get records(): RejectedRecords[] {
    return [...this.#placed.values()];
  }

  /** By reason; the object is not changed any more. */
  get counts(): RejectionCounts {
    return this.#counts;
  }

  /** The malformed identifiers that were left out, or null for none; not changed any more. */
  get droppedIds(): DroppedIds | null {
    return this.#dropped;
  }

  sentence(): string {
    return [...this.#sentences]
      .map(([reason, count]) => `${count} ${this.noun}${count === 1 ? '' : 's'} ${reason}`)
      .join('; ');
  }

  /** Says which identifiers were left out; '' for none. */
  droppedSentence(): string {
    return Object.entries(this.#dropped ?? {})
      .map(([field, count]) => `${count} malformed ${leftOut[field as IdField]} left out`)
      .join('; ');
  }
}

const leftOut: Record<IdField, string> = {
  trace_id: 'trace_id',
  span_id: 'span_id',
  parent_span_id: 'parent_span_id',
  exemplar: 'trace_id or span_id of exemplars',
  link: 'trace_id or span_id of links, with the link,',
};
