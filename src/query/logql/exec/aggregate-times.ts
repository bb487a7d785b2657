import { linesUntil, timesOf, type LineTimes, type SharedTimes } from '../../../lake/line-times/unit.js';
import type { LineTimesView } from '../../../lake/session.js';
import { and } from '../../sql/fragment.js';
import { projectionOf, type Projection } from '../../sql/projections.js';
import { isBesideItsAlias, pipelineLabels } from '../model/labels.js';
import { isOfStreams, labelSql, onlyKey, ownSql } from '../model/names.js';
import { selectorSql } from '../plan/pipeline.js';
import { rangeAggregation } from '../range/index.js';
import type { Stage } from '../stages/index.js';
import { aggregateInSql } from './aggregate-in-sql.js';
import type { MetricContext } from './context.js';
import { timesOfFiles, type AlikeLines } from './file-times.js';
import { PartialSeries } from './partial-series.js';
import type { RangeQuery } from './range-query.js';
import type { Buckets } from './windows.js';

const msNs = 1_000_000;
/** Of all windows; beyond it the rows are counted. */
const mostBuckets = 1_000_000;
/** Counts of one file, of all its series; where there would be more the rows are counted, as most of them are 0 then. */
const mostCounts = 4_000_000;

/**
 * Counts lines by time from what is in memory of when each label set has some; those that are not in memory are read. Undefined for what
 * that does not tell: other labels than those of streams, but for one attribute, and windows that do not begin and end with a millisecond.
 */
export async function aggregateTimes(
  query: RangeQuery,
  ctx: MetricContext,
): Promise<PartialSeries | undefined> {
  const { expr, grouping, stages, aggregator, window, origin } = query;
  if (rangeAggregation(expr.op).sumOf !== 'records' || expr.unwrap || !stages.every(changesNothing))
    return undefined;
  const windows = inMilliseconds(origin, query.buckets, ctx.steps.count);
  const names = grouping?.without === false ? grouping.labels : undefined;
  if (!windows || !names) return undefined;
  const { matchers } = expr.log;
  const ofStreams = names.filter((name) => isOfStreams([name], [], ctx.keys));
  if (names.length - ofStreams.length > 1 || !isOfStreams([], matchers, ctx.keys)) return undefined;
  const attribute = names.find((name) => !ofStreams.includes(name));
  const key = attribute === undefined ? undefined : onlyKey(attribute, ctx.keys);
  if (attribute !== undefined && key === undefined) return undefined;

  const { from, until } = window;
  const request = { from, until, ...(key !== undefined && { key }) };
  let view = await ctx.session.lineTimes?.(request);
  if (!view) return undefined;
  const valueOf = (name: string) =>
    isBesideItsAlias(name, names) ? ownSql(name, ctx.keys) : labelSql(name, ctx.keys);
  const where = and(selectorSql(matchers, ctx.keys));
  const columns = ofStreams.map((name) => `coalesce(${valueOf(name)}, '')`);
  const asked = { columns: names.map(valueOf), where };
  const commits = view.commits.length === 0 ? [] : await timesOfFiles(ctx.session, asked, view.commits);
  if (commits === null) view = await ctx.session.lineTimes?.({ ...request, noCommits: true });
  if (!view) return undefined;
  const sets = await projected(view, columns, where, ctx);
  if (!sets) return undefined;
  const { rest } = view;
  const { records, kept, bytes } = ctx.stats;
  // Which series are the greatest, only all rows together tell.
  const found =
    rest === null
      ? new PartialSeries(query, ctx.maxValues)
      : await aggregateInSql({ ...query, ...query.over(ctx.keys.inRows(rest, key)), wanted: undefined }, ctx);
  if (!found) return undefined;
  const add = (values: readonly string[], counts: Iterable<readonly [bucket: number, count: number]>) => {
    let series: ReturnType<PartialSeries['series']> | undefined;
    for (const [bucket, count] of counts) {
      if (count === 0) continue;
      series ??= found.grouped(
        names,
        values.map((value) => (value === '' ? undefined : value)),
      );
      ctx.stats.records += count;
      ctx.stats.kept += count;
      found.merge(series, bucket, aggregator.fromSql([count]));
    }
  };
  for (const lines of commits ?? []) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    add(lines.values, countsOfTimes(lines, windows));
  }
  for (const unit of view.units) {
    const counts = await countsOf(unit, sets, windows, ctx);
    if (counts === null) {
      // They are all counted once more.
      Object.assign(ctx.stats, { records, kept, bytes });
      return undefined;
    }
    for (const { row, value, first, buckets } of counts) {
      const own = [...(sets.rows[row] as readonly string[])];
      const values = names.map((name) => (name === attribute ? value : (own.shift() ?? '')));
      add(values, numbered(buckets, first));
    }
  }
  return found;
}

/** What Grafana appends: nothing that is counted here has an error. */
function changesNothing(stage: Stage): boolean {
  return (
    stage.kind === 'drop' && stage.items.every(({ name, matcher }) => !matcher && pipelineLabels.has(name))
  );
}

/** In Unix milliseconds; bucket b holds what is after `origin + b * width`, until `width` later. */
interface Windows extends Buckets {
  readonly origin: number;
  readonly count: number;
}

function inMilliseconds(origin: bigint, buckets: Buckets, steps: number): Windows | undefined {
  const width = buckets.width / msNs;
  const count = (steps - 1) * buckets.step + buckets.range;
  if (origin % BigInt(msNs) !== 0n || !Number.isInteger(width) || count > mostBuckets) return undefined;
  return { ...buckets, origin: Number(origin / BigInt(msNs)), width, count };
}

async function projected(
  { epoch, lastId }: LineTimesView,
  columns: readonly string[],
  where: string,
  { session }: MetricContext,
): Promise<Projection | null> {
  return projectionOf(session, { epoch, kind: 'log_streams', columns, where }, lastId).catch(() => null);
}

interface Counted {
  /** Of the projection. */
  readonly row: number;
  /** Of the attribute. */
  readonly value: string;
  /** The bucket of the first count. */
  readonly first: number;
  readonly buckets: Float64Array;
}

/** Null where the projection does not know a label set, and for more than is held at once. */
async function countsOf(
  unit: SharedTimes,
  sets: Projection,
  windows: Windows,
  { yielder }: MetricContext,
): Promise<Counted[] | null> {
  const times = timesOf(unit);
  const { origin, width, count } = windows;
  const [begin, end] = [unit.base - origin, unit.base + unit.last - origin];
  const first = Math.max(0, Math.floor(begin / width) - 1);
  const last = Math.min(count - 1, Math.floor(end / width));
  const found = new Map<string, Counted>();
  if (last < first) return [];
  if (times.sets.length * (last - first + 1) > mostCounts) return null;
  for (const [g, set] of times.sets.entries()) {
    const row = sets.byId.get(set);
    if (row === undefined) return null;
    if (row < 0) continue;
    if (yielder.due) await yielder.pause();
    const value = unit.values[times.valueOf[g] ?? -1] ?? '';
    const id = `${row} ${value}`;
    let counted = found.get(id);
    if (!counted) {
      counted = { row, value, first, buckets: new Float64Array(last - first + 1) };
      found.set(id, counted);
    }
    addLines(times, g, windows, counted);
  }
  return [...found.values()];
}

function* numbered(buckets: Float64Array, first: number): Iterable<readonly [number, number]> {
  for (const [i, count] of buckets.entries()) yield [first + i, count];
}

/** How many of these are in each bucket that some window has. */
function* countsOfTimes(
  { base, times, counts }: AlikeLines,
  { origin, width, step, range, count }: Windows,
): Iterable<readonly [number, number]> {
  const begin = origin - base;
  const last = times.length - 1;
  const until = count * width;
  if (last < 0 || (times[last] ?? 0) <= begin || (times[0] ?? 0) - begin > until) return;
  for (let i = firstAfter(times, begin); i <= last;) {
    const bucket = Math.ceil(((times[i] ?? 0) - begin) / width) - 1;
    if (bucket >= count) return;
    const end = begin + (bucket + 1) * width;
    let lines = 0;
    for (; i <= last && (times[i] ?? 0) <= end; i++) lines += counts[i] ?? 0;
    if (bucket % step < range || range >= step) yield [bucket, lines];
  }
}

/** Where the first of these times is that is later. */
function firstAfter(times: Uint32Array, time: number): number {
  let [from, to] = [0, times.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((times[middle] ?? 0) <= time) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Adds a group's lines to the buckets that some window has. */
function addLines(times: LineTimes, g: number, windows: Windows, { first, buckets }: Counted): void {
  const { origin, width, step, range } = windows;
  const edge = (b: number) => origin + b * width - times.base;
  let before = linesUntil(times, g, edge(first));
  const all = linesUntil(times, g, times.last);
  for (let i = 0; i < buckets.length && before < all; i++) {
    const until = linesUntil(times, g, edge(first + i + 1));
    if ((first + i) % step < range || range >= step) buckets[i] = (buckets[i] ?? 0) + until - before;
    before = until;
  }
}
