import { wasReset } from '../../series/histograms/arithmetic.js';
import { noBuckets } from '../../series/histograms/buckets.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import type { SampleSeries } from '../../series/samples.js';
import type { LoadedSeries } from '../load/load.js';
import { children, type Expr, type VectorSelector } from '../syntax/ast.js';

const needsNone = new Set([
  'histogram_count',
  'histogram_sum',
  'histogram_avg',
  'timestamp',
  'start_timestamp',
  'absent',
]);
const needsThem = new Set([
  'histogram_quantile',
  'histogram_quantiles',
  'histogram_fraction',
  'histogram_stddev',
  'histogram_stdvar',
  'changes',
]);
const operatorsOnBuckets = new Set(['</', '>/', '==', '!=']);

/**
 * Native histograms of which only the count and the sum are asked for lose their buckets, and know of themselves
 * whether their counter began anew: as in Prometheus, whose remarks of such queries depend on it.
 */
export function withoutBuckets(loaded: LoadedSeries, expr: Expr): LoadedSeries {
  const anyNative = [...loaded.values()].some((all) => all.some(({ histograms }) => histograms));
  if (!anyNative) return loaded;
  const slim = new Map<VectorSelector, boolean>();
  mark(expr, undefined, slim);
  return new Map(
    [...loaded].map(([selector, all]) => [selector, slim.get(selector) ? all.map(slimmed) : all]),
  );
}

/** `decided`: what the nodes above say; those nearer to the selector are asked first, so far-away ones only refine. */
function mark(expr: Expr, decided: boolean | undefined, into: Map<VectorSelector, boolean>): void {
  if (expr.kind === 'selector') {
    into.set(expr, decided ?? false);
    return;
  }
  for (const child of children(expr)) mark(child, below(expr, decided), into);
}

function below(expr: Expr, above: boolean | undefined): boolean | undefined {
  switch (expr.kind) {
    case 'subquery':
      return false;
    case 'call':
      if (needsThem.has(expr.name)) return false;
      // A subquery above, or a function of buckets, has the last word.
      return needsNone.has(expr.name) ? above !== false : above;
    case 'aggregation':
      return expr.op === 'count_values' ? false : above;
    case 'binary':
      return operatorsOnBuckets.has(expr.op) ? false : above;
    default:
      return above;
  }
}

function slimmed(series: SampleSeries): SampleSeries {
  const { histograms, delta } = series;
  if (!histograms) return series;
  let before: Histogram | undefined;
  const slim = histograms.map((now): Histogram | undefined => {
    if (!now) return undefined;
    const reset = before && !delta && !now.gauge ? { reset: wasReset(now, before) } : {};
    before = now;
    return {
      ...now,
      ...reset,
      zeroThreshold: 0,
      zeroCount: 0,
      positive: noBuckets,
      negative: noBuckets,
      bounds: [],
    };
  });
  return { ...series, histograms: slim };
}
