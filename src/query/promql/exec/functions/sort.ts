import type { StepSeries } from '../../../series/series.js';

const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'variant', caseFirst: 'upper' });

/** Natural order (`pod-2` before `pod-10`) of the given labels, then of all labels. */
export function byLabels(
  names: readonly string[],
  direction: 1 | -1,
): (a: StepSeries, b: StepSeries) => number {
  return (a, b) => {
    for (const name of names) {
      const order = natural.compare(a.labels.get(name), b.labels.get(name));
      if (order !== 0) return order * direction;
    }
    return a.labels.compare(b.labels) * direction;
  };
}
