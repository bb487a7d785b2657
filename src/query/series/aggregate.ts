import type { Labels } from './labels.js';
import { metricName, plainDecimal } from './labels.js';
import type { Aggregation, Grouping } from '../promql/syntax/ast.js';
import { QueryError } from '../../lake/query-error.js';
import { checkSize, type EvalContext } from '../promql/exec/context.js';
import { evaluate, evaluateScalar, evaluateVector } from '../promql/exec/evaluate.js';
import { mean, quantile, Sum, variance } from './statistics.js';
import { choose } from './rank.js';
import { emptySeries, type StepSeries } from './series.js';

/** Reduces the values of one group at one step. `values` may be reordered. */
type Reduce = (values: Float64Array, step: number) => number;

const reductions: Readonly<Record<string, Reduce>> = {
  sum: (values) => {
    const sum = new Sum(values[0]);
    for (let i = 1; i < values.length; i++) sum.add(values[i] ?? NaN);
    return sum.value;
  },
  avg: (values) => mean(values.length, (i) => values[i] ?? NaN),
  count: (values) => values.length,
  group: () => 1,
  min: (values) => values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  max: (values) => values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  stdvar: (values) => variance(values.length, (i) => values[i] ?? NaN),
  stddev: (values) => Math.sqrt(variance(values.length, (i) => values[i] ?? NaN)),
};

export interface SeriesGroup {
  readonly labels: Labels;
  readonly members: StepSeries[];
}

export function groupSeries(series: readonly StepSeries[], grouping: Grouping | undefined): SeriesGroup[] {
  const listed = new Set(grouping?.labels ?? []);
  const dropped = new Set([...listed, metricName]);
  const byKey = new Map<string, SeriesGroup>();
  for (const one of series) {
    const labels = grouping?.without ? one.labels.without(dropped) : one.labels.only(listed);
    const known = byKey.get(labels.key);
    if (known) known.members.push(one);
    else byKey.set(labels.key, { labels, members: [one] });
  }
  return [...byKey.values()];
}

export async function aggregate(ctx: EvalContext, expr: Aggregation): Promise<StepSeries[]> {
  const series = await evaluateVector(ctx, expr.expr);
  const groups = groupSeries(series, expr.grouping);
  if (expr.op === 'topk' || expr.op === 'bottomk' || expr.op === 'limitk') {
    const counts = expr.param ? await evaluateScalar(ctx, expr.param) : new Float64Array();
    return choose(ctx, expr.op, counts, series, groups);
  }
  if (expr.op === 'count_values') {
    const label = expr.param ? await evaluate(ctx, expr.param) : undefined;
    return countValues(ctx, label?.type === 'string' ? label.text : '', groups);
  }
  const quantiles = expr.op === 'quantile' && expr.param ? await evaluateScalar(ctx, expr.param) : undefined;
  if (quantiles) warnQuantiles(ctx, quantiles);
  const reduce: Reduce | undefined = quantiles
    ? (values, step) => quantile(quantiles[step] ?? NaN, values)
    : reductions[expr.op];
  if (!reduce) throw new QueryError('unsupported', `the aggregation ${expr.op} is not supported`);
  checkSize(ctx, groups.length);
  const out: StepSeries[] = [];
  for (const group of groups) out.push(await reduceGroup(ctx, group, reduce));
  return out;
}

export function warnQuantiles(ctx: EvalContext, quantiles: Float64Array): void {
  const bad = quantiles.find((q) => !(q >= 0 && q <= 1));
  if (bad !== undefined) ctx.warnings.add(`quantile value should be between 0 and 1, got ${bad}`);
}

async function reduceGroup(
  ctx: EvalContext,
  { labels, members }: SeriesGroup,
  reduce: Reduce,
): Promise<StepSeries> {
  const result = emptySeries(labels, ctx.grid.count);
  const values = new Float64Array(members.length);
  for (let k = 0; k < ctx.grid.count; k++) {
    if (ctx.pacer.due) await ctx.pacer.pause();
    let n = 0;
    for (const member of members) if (member.present[k]) values[n++] = member.values[k] ?? NaN;
    if (n === 0) continue;
    result.values[k] = reduce(values.subarray(0, n), k);
    result.present[k] = 1;
  }
  return result;
}

async function countValues(
  ctx: EvalContext,
  label: string,
  groups: readonly SeriesGroup[],
): Promise<StepSeries[]> {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label)) {
    throw new QueryError('bad_data', `invalid label name in count_values(): ${JSON.stringify(label)}`);
  }
  const counted = new Map<string, StepSeries>();
  for (const { labels, members } of groups) {
    for (const member of members) {
      if (ctx.pacer.due) await ctx.pacer.pause();
      for (let k = 0; k < ctx.grid.count; k++) {
        if (!member.present[k]) continue;
        const own = labels.with(label, plainDecimal(member.values[k] ?? NaN));
        let series = counted.get(own.key);
        if (!series) {
          series = emptySeries(own, ctx.grid.count);
          counted.set(own.key, series);
          checkSize(ctx, counted.size);
        }
        series.values[k] = (series.values[k] ?? 0) + 1;
        series.present[k] = 1;
      }
    }
  }
  return [...counted.values()];
}
