import type { Buckets } from './buckets.js';

/** Buckets next to each other. `offset`: of the first span its index, of the others the gap before it. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** The buckets as Prometheus writes where they are. */
export function spansOf({ indexes }: Buckets): Span[] {
  const spans: { offset: number; length: number }[] = [];
  let next = 0;
  for (const index of indexes) {
    const last = spans.at(-1);
    if (last && index === next) last.length++;
    else spans.push({ offset: index - next, length: 1 });
    next = index + 1;
  }
  return spans;
}
