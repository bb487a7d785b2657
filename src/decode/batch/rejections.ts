/** Counts the records of one payload that are not kept and says why (OTLP partial success). */
export class Rejections {
  count = 0;
  readonly #reasons = new Map<string, number>();

  constructor(private readonly noun: string) {}

  /** `reason` follows the number and the noun: "too old: …". */
  add(reason: string): void {
    this.count++;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  reset(): void {
    this.count = 0;
    this.#reasons.clear();
  }

  sentence(): string {
    return [...this.#reasons]
      .map(([reason, count]) => `${count} ${this.noun}${count === 1 ? '' : 's'} ${reason}`)
      .join('; ');
  }
}
