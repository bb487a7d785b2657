import { withoutLooseBytes } from '../../text/loose-bytes.js';
import { QueryError } from '../../../lake/query-error.js';
import { checkSeries } from '../../series/context.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import { Labels } from '../../series/labels.js';
import { atSteps, type ResultSeries } from '../../series/render.js';
import { anyPresent, type StepSeries } from '../../series/series.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { load, type LoadedSeries } from '../load/load.js';
import { typeOf } from '../plan/check.js';
import { plan } from '../plan/plan.js';
import { gridOf, type QueryTimes } from '../plan/times.js';
import { unwrap, type Expr, type MatrixSelector, type Subquery } from '../syntax/ast.js';
import type { EvalContext } from './context.js';
import { evaluate } from './evaluate.js';
import { QueryNotes } from './notes.js';
import { withBounds } from '../functions/extended.js';
import type { SampleCounts } from './sample-counts.js';
import { rangeVector } from './range-vector.js';
import { withoutBuckets } from './without-buckets.js';

export type QueryResult =
  | (Told & { readonly type: 'matrix' | 'vector'; readonly series: readonly ResultSeries[] })
  | (Told & { readonly type: 'scalar'; readonly time: number; readonly value: number })
  | (Told & { readonly type: 'string'; readonly time: number; readonly text: string });

interface Told {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** How many samples were read. */
  readonly samples: number;
}

/**
 * Loads what the expression selects and evaluates it at all times at once. An instant query has step 0; `source` is the
 * query's text, for positions in what is told of it; `counts` takes the samples of each step.
 */
export async function execute(
  ctx: QueryContext,
  expr: Expr,
  times: QueryTimes,
  source = '',
  counts?: SampleCounts,
): Promise<QueryResult> {
  const yielder = new Yielder(ctx.signal);
  const loaded = withoutBuckets(await load(ctx, yielder, plan(expr, times)), expr);
  const notes = new QueryNotes(source);
  const maxValues = ctx.limits.maxSamples;
  const evalCtx: EvalContext = { grid: gridOf(times), times, loaded, yielder, maxValues, notes, counts };
  const instant = times.step === 0;
  if (typeOf(expr) === 'matrix') {
    if (!instant)
      throw new QueryError(
        'bad_data',
        'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
      );
    const series = await rawSamples(evalCtx, unwrap(expr) as MatrixSelector | Subquery);
    return { type: 'matrix', series, ...told(notes, loaded) };
  }
  const value = await evaluate(evalCtx, expr);
  if (value.type === 'string') {
    if (!instant)
      throw new QueryError(
        'bad_data',
        'invalid parameter "query": invalid expression type "string" for range query, must be Scalar or instant Vector',
      );
    return { type: 'string', time: times.start, text: withoutLooseBytes(value.text), ...told(notes, loaded) };
  }
  if (value.type === 'scalar' && instant) {
    return { type: 'scalar', time: times.start, value: value.values[0] ?? NaN, ...told(notes, loaded) };
  }
  const series = value.type === 'scalar' ? [scalarSeries(value.values)] : value.series.filter(anyPresent);
  checkSeries(series.length, ctx.limits.maxSeries);
  const results = series.map((one) => atSteps(one, evalCtx.grid));
  if (!instant) results.sort((a, b) => a.labels.compare(b.labels));
  return { type: instant ? 'vector' : 'matrix', series: results, ...told(notes, loaded) };
}

function told({ warnings, infos }: QueryNotes, loaded: LoadedSeries): Told {
  let samples = 0;
  for (const series of new Set(loaded.values())) for (const { times } of series) samples += times.length;
  return { warnings, infos, samples };
}

function scalarSeries(values: Float64Array): StepSeries {
  return { labels: Labels.empty, values, present: new Uint8Array(values.length).fill(1) };
}

/** The samples in the window of a range selector, as they are. */
async function rawSamples(ctx: EvalContext, expr: MatrixSelector | Subquery): Promise<ResultSeries[]> {
  const { series, grid, rangeMs, beyond } = await rangeVector(ctx, expr, evaluate);
  const shown = beyond
    ? series.map((one) => withBounds(one, grid.start - rangeMs, grid.start, beyond))
    : series;
  const first = beyond ? grid.start - rangeMs - 1 : grid.start - rangeMs;
  return shown
    .map(({ labels, times, values, histograms }) => {
      const inside = [...times.keys()].filter(
        (i) => (times[i] ?? 0) > first && (times[i] ?? 0) <= grid.start,
      );
      const floats = inside.filter((i) => !histograms?.[i]);
      const points = {
        times: floats.map((i) => times[i] ?? 0),
        values: floats.map((i) => values[i] ?? NaN),
        histograms: inside.flatMap((i): [number, Histogram][] => {
          const histogram = histograms?.[i];
          return histogram ? [[times[i] ?? 0, histogram]] : [];
        }),
      };
      return { labels, points };
    })
    .filter(({ points }) => points.times.length + points.histograms.length > 0)
    .map(({ labels, points }): ResultSeries => ({ labels, points: () => points }));
}
