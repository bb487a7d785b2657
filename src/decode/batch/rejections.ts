import type { RejectionCounts, RejectionReason } from '../../schema/index.js';

/** Counts the records of one payload that are not kept and says why (OTLP partial success). */
export class Rejections {
  count = 0;
  readonly #sentences = new Map<string, number>();
  #counts: Partial<Record<RejectionReason, number>> = {};

  constructor(private readonly noun: string) {}

  /** `sentence` follows the number and the noun: "too old: …". */
  add(reason: RejectionReason, sentence: string): void {
    this.count++;
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
    this.#sentences.set(sentence, (this.#sentences.get(sentence) ?? 0) + 1);
  }

  reset(): void {
    if (this.count === 0) return;
    this.count = 0;
    this.#counts = {};
    this.#sentences.clear();
  }

  /** By reason; the object is not changed any more. */
  get counts(): RejectionCounts {
    return this.#counts;
  }

  sentence(): string {
    return [...this.#sentences]
      .map(([reason, count]) => `${count} ${this.noun}${count === 1 ? '' : 's'} ${reason}`)
      .join('; ');
  }
}
