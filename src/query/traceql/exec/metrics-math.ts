import { checkSize, type SeriesContext } from '../../series/context.js';
import { text, type Value } from '../model/value.js';
import type { MetricsOp } from '../syntax/ast.js';
import { calculate } from '../syntax/metrics.js';
import { labelsOf, type MetricSeries } from './metric-series.js';
import type { Label } from './metrics-options.js';

type Operand = readonly MetricSeries[] | number;

/**
 * Series that have the same labels, their names aside; a series without labels stands for all. An interval in which one has
 * nothing counts as 0, as in Tempo, and what is divided by 0 is no sample.
 */
export function combine(ctx: SeriesContext, op: MetricsOp, left: Operand, right: Operand): MetricSeries[] {
  if (typeof left === 'number' || typeof right === 'number') {
    const [series, number] = typeof left === 'number' ? [right, left] : [left, right];
    if (typeof series === 'number' || typeof number !== 'number')
      throw new Error('two numbers are no series');
    return series.map((one) => {
      const apply = (value: number) =>
        typeof left === 'number' ? calculate(op, number, value) : calculate(op, value, number);
      return withValues(one, (k) => (one.present[k] ? apply(one.values[k] ?? NaN) : NaN));
    });
  }
  const [ours, theirs] = [byNamelessKey(left), byNamelessKey(right)];
  const target = theirs.has('') ? ours : theirs;
  checkSize(ctx, target.size);
  return [...target.keys()].flatMap((key) => {
    const [a, b] = [ours.get(key) ?? ours.get(''), theirs.get(key) ?? theirs.get('')];
    if (!a || !b) return [];
    const value = (series: MetricSeries, k: number) => (series.present[k] ? (series.values[k] ?? NaN) : 0);
    const shown = joined(op, a.shown, b.shown);
    const exemplars = [...a.exemplars, ...b.exemplars];
    const named = { ...a, shown, labels: labelsOf(shown), exemplars };
    return [withValues(named, (k) => calculate(op, value(a, k), value(b, k)))];
  });
}

function withValues(series: MetricSeries, at: (step: number) => number): MetricSeries {
  const values = series.values.map((_, k) => at(k));
  return { ...series, values, present: Uint8Array.from(values, (value) => (Number.isNaN(value) ? 0 : 1)) };
}

const name = '__name__';

/** The key '' is of the series without labels. */
function byNamelessKey(series: readonly MetricSeries[]): Map<string, MetricSeries> {
  return new Map(
    series.map((one) => {
      const rest = one.shown.filter(([label]) => label !== name);
      return [rest.length === 0 ? '' : labelsOf(rest).key, one];
    }),
  );
}

/** The labels of both; the name tells the operation, when both have one. */
function joined(op: MetricsOp, left: readonly Label[], right: readonly Label[]): Label[] {
  const labels = new Map<string, Value>([...right, ...left].filter(([label]) => label !== name));
  const [a, b] = [left, right].map((side) => side.find(([label]) => label === name)?.[1]);
  const both = a?.type === 'string' && b?.type === 'string' ? text(`(${a.value} ${op} ${b.value})`) : null;
  return [...(both ? [[name, both] as const] : []), ...labels];
}
