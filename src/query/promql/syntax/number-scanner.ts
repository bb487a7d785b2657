/** Reads a number or a duration as Prometheus' scanner does: not all that it takes is one. */
export class NumberScanner {
  constructor(
    private readonly source: string,
    /** Where it is. */
    public at: number,
  ) {}

  /** Whether it is a number, not necessarily a valid one; what was looked at counts as read in any case. */
  number(): boolean {
    const from = this.at;
    const isHex = this.#take(/0/y) && this.#take(/[xX]/y);
    if (isHex) this.#take(/_/y);
    const [one, many] = isHex ? [/[\da-fA-F]/y, /[\da-fA-F]+/y] : [/\d/y, /\d+/y];
    this.#take(/\./y);
    this.#take(one);
    let [dots, exponents] = [0, 0];
    for (;;) {
      if (this.#is(/\./y) && dots > 0) {
        this.#take(/\./y);
        return false;
      }
      if (this.#is(/[eE]/y) && exponents > 0) {
        this.#take(/[eE]/y);
        return false;
      }
      if (this.#take(/\./y)) {
        dots++;
        if (this.#take(/[_.]/y) || isHex) return false;
      } else if (this.#take(/[eE]/y)) {
        exponents++;
        this.#take(/[+-]/y);
        if (this.#take(/[._eE]/y) || this.at >= this.source.length) return false;
      } else if (this.#take(/_/y)) {
        if (this.#take(/[._eE]/y) || this.at >= this.source.length) return false;
      } else if (!this.#take(many)) break;
    }
    return this.at > from && !this.#is(/\w/y);
  }

  /** Units behind a number, with more numbers and units. */
  duration(): boolean {
    if (!this.#take(/[smhdwy]s?/y)) return false;
    while (this.#take(/\d+/y)) if (!this.#take(/[smhdw]s?/y)) return false;
    return !this.#take(/\w/y);
  }

  #is(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.source);
  }

  #take(pattern: RegExp): boolean {
    if (!this.#is(pattern)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}
