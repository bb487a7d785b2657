import { checkSize } from '../../series/context.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import { fractionOf, quantileOf, varianceOf, type Judged } from '../../series/histograms/statistics.js';
import type { Labels } from '../../series/labels.js';
import {
  anyPresent,
  emptySeries,
  floatsOnly,
  histogramAt,
  mapHistograms,
  mergeEqual,
  vector,
  type StepSeries,
} from '../../series/series.js';
import { shortG } from '../../text/numbers.js';
import { bucketFraction, bucketQuantile, leBound, type Buckets } from './classic-buckets.js';
import { Falls } from './falls.js';
import { define, type Entry, type FunctionContext } from './function.js';
import { Remarks } from './remarks.js';

interface Group {
  readonly labels: Labels;
  readonly buckets: { readonly bound: number; readonly series: StepSeries }[];
}

const le: ReadonlySet<string> = new Set(['le']);

/** How a function reduces a histogram of either form to one value a step. */
interface Reduction {
  readonly classic: (buckets: Buckets, step: number) => number;
  readonly native: (histogram: Histogram, step: number) => Judged;
}

/** Classic histograms (series with an `le` label, put together) and native ones, each reduced to one value a step. */
async function overHistograms(
  ctx: FunctionContext,
  series: readonly StepSeries[],
  remarks: Remarks,
  reduce: Reduction,
): Promise<StepSeries[]> {
  const groups = classicGroups(series, remarks);
  const native = series.filter(({ histograms }) => histograms);
  const conflicts = new Map<string, StepSeries>();
  for (const one of native) if (groups.has(one.labels.key)) conflicts.set(one.labels.key, one);
  const out: StepSeries[] = [];
  for (const one of native) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    const group = groups.get(one.labels.key);
    const result = mapHistograms(one, (histogram, k) => {
      if (group?.buckets.some((bucket) => bucket.series.present[k])) {
        remarks.classicAndNative();
        return undefined;
      }
      const { value, remark } = reduce.native(histogram, k);
      if (remark) remarks.nan(remark);
      return value;
    });
    if (anyPresent(result)) out.push(result);
  }
  for (const [key, { labels, buckets }] of groups) {
    const other = conflicts.get(key);
    buckets.sort((a, b) => a.bound - b.bound);
    const result = emptySeries(labels.withoutName(), ctx.grid.count);
    for (let k = 0; k < ctx.grid.count; k++) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const found = bucketsAt(buckets, k);
      if (found.bounds.length === 0 || (other && histogramAt(other, k))) continue;
      result.values[k] = reduce.classic(found, k);
      result.present[k] = 1;
    }
    if (anyPresent(result)) out.push(result);
  }
  return mergeEqual(out);
}

function classicGroups(series: readonly StepSeries[], remarks: Remarks): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const each of series) {
    const one = floatsOnly(each);
    if (!anyPresent(one)) continue;
    const bound = leBound(one.labels.get('le'));
    if (bound === undefined) {
      remarks.badBucket(one.labels);
      continue;
    }
    const labels = one.labels.without(le);
    const group = groups.get(labels.key) ?? { labels, buckets: [] };
    group.buckets.push({ bound, series: one });
    groups.set(labels.key, group);
  }
  return groups;
}

function bucketsAt(all: Group['buckets'], step: number): Buckets {
  const bounds: number[] = [];
  const counts: number[] = [];
  for (const { bound, series } of all) {
    if (!series.present[step]) continue;
    const value = series.values[step] ?? NaN;
    // Bounds written in two ways (0.5 and 0.50) are one bucket.
    if (bounds.at(-1) === bound) counts[counts.length - 1] = (counts.at(-1) ?? 0) + value;
    else {
      bounds.push(bound);
      counts.push(value);
    }
  }
  return { bounds, counts };
}

/** Quantiles of either form; `at` is the position of the argument with the histograms. */
function quantiles(
  ctx: FunctionContext,
  series: readonly StepSeries[],
  values: Float64Array,
  at: number,
  falls: Falls,
): Promise<StepSeries[]> {
  falls.nextQuantile();
  return overHistograms(ctx, series, new Remarks(ctx.notes, at), {
    classic: (buckets, k) => bucketQuantile(values[k] ?? NaN, buckets, (fall) => falls.add(k, fall)),
    native: (histogram, k) => quantileOf(histogram, values[k] ?? NaN),
  });
}

/** A number as OpenMetrics has it in labels: with a point, so that 1 is `1.0`. */
function openMetricsNumber(value: number): string {
  const text = shortG(value === 0 ? 0 : value);
  return Number.isFinite(value) && !/[.e]/.test(text) ? `${text}.0` : text;
}

/** Quantiles of one series, told apart by the label with the quantile that was asked for at each step. */
function byQuantile(
  series: StepSeries,
  label: string,
  asked: Float64Array,
  names: ReadonlyMap<number, string>,
): StepSeries[] {
  const steps = new Map<string, number[]>();
  asked.forEach((q, k) => {
    if (!series.present[k]) return;
    const name = names.get(q) ?? '';
    const known = steps.get(name);
    if (known) known.push(k);
    else steps.set(name, [k]);
  });
  return [...steps].map(([name, at]) => {
    const part = { ...series, labels: series.labels.with(label, name) };
    if (steps.size === 1) return part;
    const present = new Uint8Array(asked.length);
    for (const k of at) present[k] = 1;
    return { ...part, present };
  });
}

/** A figure of each native histogram; numbers are left out. */
function figure(name: string, of: (histogram: Histogram) => number): Entry {
  return define(name, ['vector'], async (_ctx, args) => {
    const series = await args.vector(0);
    return vector(mergeEqual(series.map((one) => mapHistograms(one, of)).filter(anyPresent)));
  });
}

/** Functions of histograms: of native ones, and of the classic buckets of one, in series with an `le` label. */
export const histogramFunctions: readonly Entry[] = [
  figure('histogram_avg', ({ sum, count }) => sum / count),
  figure('histogram_count', ({ count }) => count),
  figure('histogram_stddev', (histogram) => Math.sqrt(varianceOf(histogram))),
  figure('histogram_stdvar', varianceOf),
  figure('histogram_sum', ({ sum }) => sum),
  define('histogram_fraction', ['scalar', 'scalar', 'vector'], async (ctx, args) => {
    const [lower, upper] = [await args.scalar(0), await args.scalar(1)];
    const bounds = (k: number) => [lower[k] ?? NaN, upper[k] ?? NaN] as const;
    return vector(
      await overHistograms(ctx, await args.vector(2), new Remarks(ctx.notes, args.position(2)), {
        classic: (buckets, k) => bucketFraction(...bounds(k), buckets),
        native: (histogram, k) => fractionOf(histogram, ...bounds(k)),
      }),
    );
  }),
  define('histogram_quantile', ['scalar', 'vector'], async (ctx, args) => {
    const values = await args.scalar(0);
    const series = await args.vector(1);
    // After what the argument tells: of equal remarks the last one's position is shown.
    new Remarks(ctx.notes, args.position(0)).quantiles(values);
    const falls = new Falls();
    const found = await quantiles(ctx, series, values, args.position(1), falls);
    falls.tell(ctx, args.position(1));
    return vector(found);
  }),
  define(
    'histogram_quantiles',
    ['vector', 'string', 'scalar'],
    async (ctx, args) => {
      const [series, label] = [await args.vector(0), await args.text(1)];
      const out: StepSeries[] = [];
      const falls = new Falls();
      for (let i = 2; i < args.count; i++) {
        const values = await args.scalar(i);
        new Remarks(ctx.notes, args.position(i)).quantiles(values);
        const found = await quantiles(ctx, series, values, args.position(0), falls);
        const names = new Map(Array.from(new Set(values), (q) => [q, openMetricsNumber(q)]));
        for (const one of found) {
          out.push(...byQuantile(one, label, values, names));
          checkSize(ctx, out.length);
        }
      }
      falls.tell(ctx, args.position(0));
      return vector(mergeEqual(out));
    },
    { repeated: true, most: 12 },
  ),
];
