import { QueryError } from '../../../lake/query-error.js';
import type { QueryContext } from '../../server/guard.js';
import type { EvalContext } from './context.js';
import { evaluate } from './evaluate.js';
import { anyPresent, type StepSeries } from '../../series/series.js';
import { rangeVector } from '../../series/windows.js';
import { Labels } from '../../series/labels.js';
import { load, tooManySeries } from '../load/load.js';
import { Pacer } from '../../series/yielder.js';
import { typeOf } from '../syntax/check.js';
import { unwrap, type Expr, type MatrixSelector, type Subquery } from '../syntax/ast.js';
import { gridOf, plan, type QueryTimes } from '../plan/plan.js';

/** Values of one series at `times` (unix milliseconds). */
export interface ResultSeries {
  readonly labels: Labels;
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

export type QueryResult =
  | {
      readonly type: 'matrix' | 'vector';
      readonly series: readonly ResultSeries[];
      readonly warnings: readonly string[];
    }
  | {
      readonly type: 'scalar';
      readonly time: number;
      readonly value: number;
      readonly warnings: readonly string[];
    }
  | {
      readonly type: 'string';
      readonly time: number;
      readonly text: string;
      readonly warnings: readonly string[];
    };

/** Loads what the expression selects and evaluates it at all times at once. An instant query has step 0. */
export async function execute(ctx: QueryContext, expr: Expr, times: QueryTimes): Promise<QueryResult> {
  if (times.end - times.start > ctx.limits.maxRangeMs) {
    throw new QueryError('limit', `the time range is longer than ${ctx.limits.maxRangeMs / 1000} s`);
  }
  const pacer = new Pacer(ctx.signal);
  const loaded = await load(ctx, pacer, plan(expr, times));
  const warnings = new Set<string>();
  const maxValues = ctx.limits.maxSamples;
  const evalCtx: EvalContext = { grid: gridOf(times), times, loaded, pacer, maxValues, warnings };
  const instant = times.step === 0;
  if (typeOf(expr) === 'matrix') {
    if (!instant)
      throw new QueryError(
        'bad_data',
        'invalid expression type "range vector" for range query, must be scalar or instant vector',
      );
    const series = await rawSamples(evalCtx, unwrap(expr) as MatrixSelector | Subquery);
    return { type: 'matrix', series, warnings: [...warnings] };
  }
  const value = await evaluate(evalCtx, expr);
  if (value.type === 'string') {
    if (!instant)
      throw new QueryError(
        'bad_data',
        'invalid expression type "string" for range query, must be scalar or instant vector',
      );
    return { type: 'string', time: times.start, text: value.text, warnings: [...warnings] };
  }
  if (value.type === 'scalar' && instant) {
    return { type: 'scalar', time: times.start, value: value.values[0] ?? NaN, warnings: [...warnings] };
  }
  const series = value.type === 'scalar' ? [scalarSeries(value.values)] : value.series.filter(anyPresent);
  if (series.length > ctx.limits.maxSeries) throw tooManySeries(ctx.limits.maxSeries);
  const results: ResultSeries[] = [];
  for (const one of series) {
    if (pacer.due) await pacer.pause();
    results.push(atPresentSteps(one, evalCtx));
  }
  if (!instant) results.sort((a, b) => a.labels.compare(b.labels));
  return { type: instant ? 'vector' : 'matrix', series: results, warnings: [...warnings] };
}

function scalarSeries(values: Float64Array): StepSeries {
  return { labels: Labels.empty, values, present: new Uint8Array(values.length).fill(1) };
}

function atPresentSteps({ labels, values, present }: StepSeries, { grid }: EvalContext): ResultSeries {
  let count = 0;
  const outTimes = new Float64Array(values.length);
  const outValues = new Float64Array(values.length);
  for (let k = 0; k < values.length; k++) {
    if (!present[k]) continue;
    outTimes[count] = grid.start + k * grid.step;
    outValues[count++] = values[k] ?? NaN;
  }
  return { labels, times: outTimes.subarray(0, count), values: outValues.subarray(0, count) };
}

/** The samples in the window of a range selector, as they are. */
async function rawSamples(ctx: EvalContext, expr: MatrixSelector | Subquery): Promise<ResultSeries[]> {
  const { series, grid, rangeMs } = await rangeVector(ctx, expr);
  return series
    .map(({ labels, times, values }): ResultSeries => {
      const inside = [...times.keys()].filter(
        (i) => (times[i] ?? 0) > grid.start - rangeMs && (times[i] ?? 0) <= grid.start,
      );
      return { labels, times: inside.map((i) => times[i] ?? 0), values: inside.map((i) => values[i] ?? NaN) };
    })
    .filter((one) => one.times.length > 0);
}
