import { QueryError } from '../../../../lake/query-error.js';
import { Labels, plainDecimal } from '../../../series/labels.js';
import { unwrap, type Call, type Expr, type MatrixSelector, type Subquery } from '../../syntax/ast.js';
import { warnQuantiles } from '../../../series/aggregate.js';
import { rank } from '../../../series/rank.js';
import { timeAt, type EvalContext } from '../context.js';
import { evaluate, evaluateScalar, evaluateVector } from '../evaluate.js';
import { select } from '../select.js';
import {
  emptySeries,
  mapValues,
  mergeEqual,
  vector,
  type StepSeries,
  type Value,
} from '../../../series/series.js';
import { overWindows, rangeVector } from '../../../series/windows.js';
import { absent } from '../../../series/absent.js';
import { bucketFraction, bucketQuantile, overBuckets } from './histogram.js';
import { labelJoin, labelReplace } from '../../../series/label-replace.js';
import { dateFunctions, mathFunctions, roundTo } from './math.js';
import { rangeFunctions } from './range.js';
import { byLabels } from './sort.js';

type Handler = (ctx: EvalContext, args: Arguments) => Promise<Value>;

/** The arguments of one call, evaluated when asked for. */
class Arguments {
  constructor(
    private readonly ctx: EvalContext,
    readonly exprs: readonly Expr[],
  ) {}

  vector(i: number): Promise<readonly StepSeries[]> {
    return evaluateVector(this.ctx, this.#expr(i));
  }

  scalar(i: number): Promise<Float64Array> {
    return evaluateScalar(this.ctx, this.#expr(i));
  }

  async strings(from: number): Promise<string[]> {
    const values = await Promise.all(this.exprs.slice(from).map((expr) => evaluate(this.ctx, expr)));
    return values.map((value) => (value.type === 'string' ? value.text : ''));
  }

  #expr(i: number): Expr {
    const expr = this.exprs[i];
    if (!expr) throw new Error('an argument is missing');
    return expr;
  }
}

function scalarOf(compute: (ctx: EvalContext, step: number) => number): Handler {
  return async (ctx) => {
    const values = new Float64Array(ctx.grid.count);
    for (let k = 0; k < values.length; k++) values[k] = compute(ctx, k);
    return { type: 'scalar', values };
  };
}

function clamped(least: number | null, most: number | null): Handler {
  return async (ctx, args) => {
    const none = new Float64Array(ctx.grid.count);
    const low = least === null ? none.fill(-Infinity) : await args.scalar(least);
    const high = most === null ? new Float64Array(ctx.grid.count).fill(Infinity) : await args.scalar(most);
    const inBounds = (await args.vector(0)).map((series) => ({
      ...series,
      present: series.present.map((set, k) => ((high[k] ?? NaN) < (low[k] ?? NaN) ? 0 : set)),
    }));
    return vector(
      await mapValues(ctx.pacer, inBounds, (value, k) =>
        Math.max(low[k] ?? NaN, Math.min(high[k] ?? NaN, value)),
      ),
    );
  };
}

/** Native histograms are never loaded as such, so nothing is left of any vector. */
const nothing: Handler = async (_ctx, args) => {
  await args.vector(0);
  return vector([]);
};

function sorted(op: 'topk' | 'bottomk'): Handler {
  return async (_ctx, args) =>
    vector([...(await args.vector(0))].sort((a, b) => rank(op, a.values[0] ?? NaN, b.values[0] ?? NaN)));
}

function sortedByLabel(direction: 1 | -1): Handler {
  return async (_ctx, args) =>
    vector([...(await args.vector(0))].sort(byLabels(await args.strings(1), direction)));
}

const handlers: Readonly<Record<string, Handler>> = {
  absent: async (ctx, args) => vector(absent(ctx, args.exprs[0], await args.vector(0))),
  clamp: clamped(1, 2),
  clamp_max: clamped(null, 1),
  clamp_min: clamped(1, null),
  end: scalarOf((ctx) => ctx.times.end / 1000),
  histogram_avg: nothing,
  histogram_count: nothing,
  histogram_stddev: nothing,
  histogram_stdvar: nothing,
  histogram_sum: nothing,
  histogram_fraction: async (ctx, args) => {
    const [lower, upper] = [await args.scalar(0), await args.scalar(1)];
    const reduce = (buckets: Parameters<typeof bucketFraction>[2], k: number) =>
      bucketFraction(lower[k] ?? NaN, upper[k] ?? NaN, buckets);
    return vector(await overBuckets(ctx, await args.vector(2), reduce));
  },
  histogram_quantile: async (ctx, args) => {
    const quantiles = await args.scalar(0);
    warnQuantiles(ctx, quantiles);
    return vector(
      await overBuckets(ctx, await args.vector(1), (buckets, k) =>
        bucketQuantile(quantiles[k] ?? NaN, buckets),
      ),
    );
  },
  histogram_quantiles: async (ctx, args) => {
    const series = await args.vector(0);
    const label = await evaluate(ctx, args.exprs[1] as Expr);
    const out: StepSeries[] = [];
    for (let i = 2; i < args.exprs.length; i++) {
      const quantiles = await args.scalar(i);
      warnQuantiles(ctx, quantiles);
      const values = await overBuckets(ctx, series, (buckets, k) =>
        bucketQuantile(quantiles[k] ?? NaN, buckets),
      );
      const name = label.type === 'string' ? label.text : '';
      out.push(
        ...values.map((one) => ({
          ...one,
          labels: one.labels.with(name, plainDecimal(quantiles[0] ?? NaN)),
        })),
      );
    }
    return vector(mergeEqual(out));
  },
  label_join: async (_ctx, args) => vector(labelJoin(await args.vector(0), await args.strings(1))),
  label_replace: async (_ctx, args) => vector(labelReplace(await args.vector(0), await args.strings(1))),
  pi: scalarOf(() => Math.PI),
  range: scalarOf((ctx) => (ctx.times.end - ctx.times.start) / 1000),
  round: async (ctx, args) => {
    const multiple = args.exprs.length > 1 ? await args.scalar(1) : undefined;
    return vector(
      await mapValues(ctx.pacer, await args.vector(0), (value, k) => roundTo(value, multiple?.[k] ?? 1)),
    );
  },
  scalar: async (ctx, args) => {
    const series = await args.vector(0);
    const values = new Float64Array(ctx.grid.count).fill(NaN);
    for (let k = 0; k < values.length; k++) {
      if (ctx.pacer.due) await ctx.pacer.pause();
      const present = series.filter((one) => one.present[k]);
      if (present.length === 1) values[k] = present[0]?.values[k] ?? NaN;
    }
    return { type: 'scalar', values };
  },
  sort: sorted('bottomk'),
  sort_desc: sorted('topk'),
  sort_by_label: sortedByLabel(1),
  sort_by_label_desc: sortedByLabel(-1),
  start: scalarOf((ctx) => ctx.times.start / 1000),
  step: scalarOf((ctx) => ctx.times.step / 1000),
  time: scalarOf((ctx, k) => timeAt(ctx, k) / 1000),
  timestamp: async (ctx, args) => {
    const inner = args.exprs[0] ? unwrap(args.exprs[0]) : undefined;
    // Of a selector it is the time of the sample, of anything else the time of evaluation.
    if (inner?.kind === 'selector')
      return vector(await mapValues(ctx.pacer, await select(ctx, inner, 'time'), (value) => value));
    return vector(await mapValues(ctx.pacer, await args.vector(0), (_value, k) => timeAt(ctx, k) / 1000));
  },
  vector: async (ctx, args) => {
    const series = emptySeries(Labels.empty, ctx.grid.count);
    series.values.set(await args.scalar(0));
    series.present.fill(1);
    return vector([series]);
  },
};

export async function call(ctx: EvalContext, expr: Call): Promise<Value> {
  const args = new Arguments(ctx, expr.args);
  const handler = handlers[expr.name];
  if (handler) return handler(ctx, args);
  const math = mathFunctions[expr.name];
  if (math) return vector(await mapValues(ctx.pacer, await args.vector(0), math));
  const date = dateFunctions[expr.name];
  if (date) {
    const series = expr.args.length > 0 ? await args.vector(0) : [evaluationTimes(ctx)];
    return vector(await mapValues(ctx.pacer, series, date));
  }
  if (expr.name === 'absent_over_time' || rangeFunctions[expr.name]) return ranged(ctx, expr, args);
  throw new QueryError('unsupported', `the function ${expr.name} is not supported`);
}

async function ranged(ctx: EvalContext, expr: Call, args: Arguments): Promise<Value> {
  const at = expr.name === 'quantile_over_time' ? 1 : 0;
  const operand = unwrap(expr.args[at] as Expr) as MatrixSelector | Subquery;
  const range = await rangeVector(ctx, operand);
  const definition = rangeFunctions[expr.name];
  if (!definition) {
    const present = await overWindows(ctx, range, () => () => 1, 'keep');
    return vector(absent(ctx, operand, present));
  }
  const scalars = new Map<number, Float64Array>();
  for (let i = 0; i < expr.args.length; i++) if (i !== at) scalars.set(i, await args.scalar(i));
  if (expr.name === 'quantile_over_time') warnQuantiles(ctx, scalars.get(0) ?? new Float64Array());
  const kernel = definition.kernel((argument, step) => scalars.get(argument)?.[step] ?? NaN);
  return vector(await overWindows(ctx, range, kernel, definition.keepsName ? 'keep' : 'drop'));
}

function evaluationTimes(ctx: EvalContext): StepSeries {
  const series = emptySeries(Labels.empty, ctx.grid.count);
  for (let k = 0; k < ctx.grid.count; k++) series.values[k] = timeAt(ctx, k) / 1000;
  series.present.fill(1);
  return series;
}
