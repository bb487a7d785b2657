import { goQuote } from '../text/go-quote.js';
import { hasNoLooseBytes } from '../text/loose-bytes.js';
import { plainDecimal } from '../text/numbers.js';
import { checkSize, type SeriesContext } from './context.js';
import { histogramText } from './histograms/json.js';
import { evaluationError } from './context.js';
import { Labels, metadataLabels } from './labels.js';
import { emptySeries, histogramAt, type StepSeries } from './series.js';
import { mean, Sum, variance } from './statistics.js';

/** `by (…)` or `without (…)`. */
export interface Grouping {
  readonly without: boolean;
  readonly labels: readonly string[];
}

/** Reduces the values of one group at one step. `values` may be reordered. */
export type Reduce = (values: Float64Array, step: number) => number;

const sumOf: Reduce = (values) => {
  const sum = new Sum(values[0]);
  for (let i = 1; i < values.length; i++) sum.add(values[i] ?? NaN);
  return sum.value;
};

export const reductions: ReadonlyMap<string, Reduce> = new Map<string, Reduce>([
  ['sum', sumOf],
  ['avg', (values) => mean(values.length, (i) => values[i] ?? NaN)],
  ['count', (values) => values.length],
  ['group', () => 1],
  [
    'min',
    (values) => values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  ],
  ['max', (values) => values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most))],
  ['stdvar', (values) => variance(values.length, (i) => values[i] ?? NaN)],
  ['stddev', (values) => Math.sqrt(variance(values.length, (i) => values[i] ?? NaN))],
]);

/** Series that aggregate into one with these labels. */
export interface SeriesGroup<S = StepSeries> {
  readonly labels: Labels;
  readonly members: S[];
}

/** The groups in the order of their first series. The metric name is never part of a group unless `by` lists it. */
export function groupSeries<S extends { readonly labels: Labels } = StepSeries>(
  series: Iterable<S>,
  grouping: Grouping | undefined,
): SeriesGroup<S>[] {
  const listed = new Set(grouping?.labels ?? []);
  if (listed.size === 0 && !grouping?.without) {
    const members = [...series];
    return members.length === 0 ? [] : [{ labels: Labels.empty, members }];
  }
  const dropped = new Set([...listed, ...metadataLabels]);
  const byKey = new Map<string, SeriesGroup<S>>();
  for (const one of series) {
    const labels = grouping?.without ? one.labels.without(dropped) : one.labels.only(listed);
    const known = byKey.get(labels.key);
    if (known) known.members.push(one);
    else byKey.set(labels.key, { labels, members: [one] });
  }
  return [...byKey.values()];
}

/** One series a group: at each step its members' values reduced to one. Throws QueryError `limit`. */
export async function aggregate(
  ctx: SeriesContext,
  groups: readonly SeriesGroup[],
  reduce: Reduce,
): Promise<StepSeries[]> {
  checkSize(ctx, groups.length);
  const out: StepSeries[] = [];
  const one = reduce === sumOf ? sumGroup : reduceGroup;
  for (const group of groups) out.push(await one(ctx, group, reduce));
  return out;
}

/** Steps between which other work may run. */
const stepsAtOnce = 16_384;

/** As `sumOf` of each step, series after series, as the values of each lie together. */
async function sumGroup(ctx: SeriesContext, { labels, members }: SeriesGroup): Promise<StepSeries> {
  const { count } = ctx.grid;
  const result = emptySeries(labels, count);
  const corrections = new Float64Array(count);
  for (const member of members) {
    for (let from = 0; from < count; from += stepsAtOnce) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      addSteps(result, corrections, member, from, Math.min(from + stepsAtOnce, count));
    }
  }
  const { values, present } = result;
  for (let k = 0; k < count; k++) if (present[k]) values[k] = (values[k] ?? 0) + (corrections[k] ?? 0);
  return result;
}

/** As `Sum.add` does. */
function addSteps(
  { values, present }: StepSeries,
  corrections: Float64Array,
  member: StepSeries,
  from: number,
  until: number,
): void {
  for (let k = from; k < until; k++) {
    if (!member.present[k]) continue;
    const value = member.values[k] ?? NaN;
    if (!present[k]) {
      values[k] = value;
      present[k] = 1;
      continue;
    }
    const sum = values[k] ?? NaN;
    const next = sum + value;
    if (!Number.isFinite(next)) corrections[k] = 0;
    else if (Math.abs(sum) >= Math.abs(value)) corrections[k] = (corrections[k] ?? 0) + (sum - next + value);
    else corrections[k] = (corrections[k] ?? 0) + (value - next + sum);
    values[k] = next;
  }
}

async function reduceGroup(
  ctx: SeriesContext,
  { labels, members }: SeriesGroup,
  reduce: Reduce,
): Promise<StepSeries> {
  const result = emptySeries(labels, ctx.grid.count);
  const values = new Float64Array(members.length);
  for (let k = 0; k < ctx.grid.count; k++) {
    if (members.length > 16) {
      if (ctx.yielder.due) await ctx.yielder.pause();
    } else {
      const pause = ctx.yielder.tick();
      if (pause) await pause;
    }
    let n = 0;
    for (const member of members) if (member.present[k]) values[n++] = member.values[k] ?? NaN;
    if (n === 0) continue;
    result.values[k] = reduce(values.subarray(0, n), k);
    result.present[k] = 1;
  }
  return result;
}

function countedValue(series: StepSeries, step: number): string {
  const histogram = histogramAt(series, step);
  return histogram ? histogramText(histogram) : plainDecimal(series.values[step] ?? NaN);
}

/**
 * count_values: a series for each value, which becomes the label of this name; a `without` that names this label puts
 * the values together again. Throws QueryError.
 */
export async function countValues(
  ctx: SeriesContext,
  label: string,
  series: readonly StepSeries[],
  grouping: Grouping | undefined,
): Promise<StepSeries[]> {
  if (label === '' || !hasNoLooseBytes(label)) throw evaluationError(`invalid label name ${goQuote(label)}`);
  const counted = new Map<string, StepSeries>();
  const dropsValue = grouping?.without === true && grouping.labels.includes(label);
  for (const { labels, members } of groupSeries(series, grouping)) {
    for (const member of members) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      for (let k = 0; k < ctx.grid.count; k++) {
        if (!member.present[k]) continue;
        const own = dropsValue ? labels : labels.with(label, countedValue(member, k));
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
