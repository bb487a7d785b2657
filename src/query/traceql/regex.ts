import { RE2JS } from 're2js';

const memoSize = 4096;

/**
 * RE2 in linear time, anchored at both ends, `.` matching newlines too: what DuckDB's `regexp_full_match`
 * gives for `(?s:pattern)`. Throws when the pattern is no RE2 expression.
 */
export class Matcher {
  readonly #pattern: RE2JS;
  /** Span names and attribute values repeat a lot. */
  readonly #memo = new Map<string, boolean>();

  constructor(pattern: string) {
    // First as it was written, for the message's sake and because only whole expressions may be wrapped.
    RE2JS.compile(pattern);
    this.#pattern = RE2JS.compile(dotAll(pattern));
  }

  matches(text: string): boolean {
    const known = this.#memo.get(text);
    if (known !== undefined) return known;
    const result = this.#pattern.matches(text);
    if (this.#memo.size < memoSize) this.#memo.set(text, result);
    return result;
  }
}

export function dotAll(pattern: string): string {
  return `(?s:${pattern})`;
}
