import { warnQuantiles } from '../../series/aggregate.js';
import { metricName, type Labels } from '../../series/labels.js';
import { anyPresent, emptySeries, mergeEqual, vector, type StepSeries } from '../../series/series.js';
import { plainDecimal } from '../../text/numbers.js';
import { define, type Entry, type FunctionContext } from './function.js';

/** Cumulative counts by upper bound, rising, of one histogram at one step. */
interface Buckets {
  readonly bounds: number[];
  readonly counts: number[];
}

interface Group {
  readonly labels: Labels;
  readonly buckets: { readonly bound: number; readonly series: StepSeries }[];
}

const le: ReadonlySet<string> = new Set(['le']);
/** Relative difference up to which a falling count is taken for floating-point noise. */
const tolerance = 1e-12;

/** Puts the `le` series of each classic histogram together and reduces them to one value a step. */
async function overBuckets(
  ctx: FunctionContext,
  series: readonly StepSeries[],
  reduce: (buckets: Buckets, step: number) => number,
): Promise<StepSeries[]> {
  const groups = new Map<string, Group>();
  for (const one of series) {
    const bound = upperBound(one.labels.get('le'));
    if (bound === undefined) {
      ctx.warnings.add(`a series of ${JSON.stringify(one.labels.get(metricName))} has no usable le label`);
      continue;
    }
    const labels = one.labels.without(le);
    const group = groups.get(labels.key) ?? { labels, buckets: [] };
    group.buckets.push({ bound, series: one });
    groups.set(labels.key, group);
  }
  const out: StepSeries[] = [];
  for (const { labels, buckets } of groups.values()) {
    buckets.sort((a, b) => a.bound - b.bound);
    const result = emptySeries(labels.withoutName(), ctx.grid.count);
    for (let k = 0; k < ctx.grid.count; k++) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const bounds: number[] = [];
      const counts: number[] = [];
      for (const { bound, series: one } of buckets) {
        if (!one.present[k]) continue;
        const value = one.values[k] ?? NaN;
        // Bounds written in two ways (0.5 and 0.50) are one bucket.
        if (bounds.at(-1) === bound) counts[counts.length - 1] = (counts.at(-1) ?? 0) + value;
        else {
          bounds.push(bound);
          counts.push(value);
        }
      }
      if (bounds.length === 0) continue;
      result.values[k] = reduce({ bounds, counts }, k);
      result.present[k] = 1;
    }
    if (anyPresent(result)) out.push(result);
  }
  return mergeEqual(out);
}

function upperBound(text: string): number | undefined {
  if (/^\+?inf$/i.test(text)) return Infinity;
  if (/^-inf$/i.test(text)) return -Infinity;
  const value = text.trim() === '' ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** Whether counts do not fall; makes them so. */
function ensureMonotonic(counts: number[]): void {
  let before = counts[0] ?? 0;
  for (let i = 1; i < counts.length; i++) {
    const count = counts[i] ?? 0;
    if (
      count < before ||
      Math.abs(count - before) < tolerance * Math.min(Math.abs(count) + Math.abs(before), Number.MAX_VALUE)
    ) {
      counts[i] = before;
    } else before = count;
  }
}

/** histogram_quantile of classic buckets: linear within a bucket; the lowest starts at 0 when its bound is positive. */
function bucketQuantile(q: number, { bounds, counts }: Buckets): number {
  if (Number.isNaN(q)) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const last = bounds.length - 1;
  if (bounds[last] !== Infinity || last < 1) return NaN;
  ensureMonotonic(counts);
  const observations = counts[last] ?? 0;
  if (observations === 0 || Number.isNaN(observations)) return NaN;
  const rank = q * observations;
  let at = counts.findIndex((count) => count >= rank);
  if (at < 0 || at > last) at = last;
  if (at === last) return bounds[last - 1] ?? NaN;
  const upper = bounds[at] ?? NaN;
  if (at === 0 && upper <= 0) return upper;
  const lower = at === 0 ? 0 : (bounds[at - 1] ?? NaN);
  const below = at === 0 ? 0 : (counts[at - 1] ?? NaN);
  return lower + (upper - lower) * ((rank - below) / ((counts[at] ?? NaN) - below));
}

/** histogram_fraction of classic buckets: the share of observations between two values. */
function bucketFraction(lower: number, upper: number, { bounds, counts }: Buckets): number {
  const last = bounds.length - 1;
  if (bounds[last] !== Infinity) return NaN;
  const total = counts[last] ?? NaN;
  if (total === 0 || Number.isNaN(total) || Number.isNaN(lower) || Number.isNaN(upper)) return NaN;
  if (lower >= upper) return 0;
  const rank = (value: number) => Math.min(total, rankOf(value, bounds, counts));
  return (rank(upper) - rank(lower)) / total;
}

/** Observations below the value, linear within its bucket. */
function rankOf(value: number, bounds: readonly number[], counts: readonly number[]): number {
  for (let i = 0; i < bounds.length; i++) {
    const low = i > 0 ? (bounds[i - 1] ?? NaN) : (bounds[0] ?? 0) <= 0 ? -Infinity : 0;
    const below = i > 0 ? (counts[i - 1] ?? 0) : 0;
    const high = bounds[i] ?? NaN;
    const count = counts[i] ?? 0;
    if (low >= value) return below;
    if (high <= value) continue;
    if (low === -Infinity) return count;
    if (high === Infinity) return below;
    return below + ((count - below) * (value - low)) / (high - low);
  }
  return counts.at(-1) ?? 0;
}

/** Native histograms are never loaded as such, so nothing is left of any vector. */
function nothing(name: string): Entry {
  return define(name, ['vector'], async (_ctx, args) => {
    await args.vector(0);
    return vector([]);
  });
}

/** Functions of histograms: of the classic buckets of one, in series with an `le` label. */
export const histogramFunctions: readonly Entry[] = [
  nothing('histogram_avg'),
  nothing('histogram_count'),
  nothing('histogram_stddev'),
  nothing('histogram_stdvar'),
  nothing('histogram_sum'),
  define('histogram_fraction', ['scalar', 'scalar', 'vector'], async (ctx, args) => {
    const [lower, upper] = [await args.scalar(0), await args.scalar(1)];
    return vector(
      await overBuckets(ctx, await args.vector(2), (buckets, k) =>
        bucketFraction(lower[k] ?? NaN, upper[k] ?? NaN, buckets),
      ),
    );
  }),
  define('histogram_quantile', ['scalar', 'vector'], async (ctx, args) => {
    const quantiles = await args.scalar(0);
    warnQuantiles(ctx, quantiles);
    return vector(
      await overBuckets(ctx, await args.vector(1), (buckets, k) =>
        bucketQuantile(quantiles[k] ?? NaN, buckets),
      ),
    );
  }),
  define(
    'histogram_quantiles',
    ['vector', 'string', 'scalar'],
    async (ctx, args) => {
      const [series, label] = [await args.vector(0), await args.text(1)];
      const out: StepSeries[] = [];
      for (let i = 2; i < args.count; i++) {
        const quantiles = await args.scalar(i);
        warnQuantiles(ctx, quantiles);
        const values = await overBuckets(ctx, series, (buckets, k) =>
          bucketQuantile(quantiles[k] ?? NaN, buckets),
        );
        const name = plainDecimal(quantiles[0] ?? NaN);
        out.push(...values.map((one) => ({ ...one, labels: one.labels.with(label, name) })));
      }
      return vector(mergeEqual(out));
    },
    { repeated: true },
  ),
];
