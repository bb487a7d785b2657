import type { SampleUnit } from '../../../lake/samples/unit.js';
import { unitOf } from '../../../lake/samples/unit.js';
import type { Labels } from '../../series/labels.js';
import { SeriesBuilder, type SampleSeries } from '../../series/samples.js';
import { matching, mayHave, metricNamesOf, microsOf, type KnownTable } from './known-series.js';
import type { SampleRequest } from './request.js';
import type { KnownStream } from './series-index.js';

/** Samples `from` to `until - 1` of a unit, and the ends of the series in the same window. */
interface Segment {
  readonly unit: SampleUnit;
  readonly from: number;
  readonly until: number;
  readonly ends: Uint32Array;
}

/**
 * The series of gauges or sums from the samples that are kept in memory; rows that are in no known file are not among them.
 * Null when some of them are not kept.
 */
export async function keptSamples(
  request: Omit<SampleRequest, 'id'>,
  table: KnownTable,
): Promise<SampleSeries[] | null> {
  const { ctx, yielder, account, source, matchers, window } = request;
  const { epoch, index, files } = table;
  const micros = microsOf(window);
  const out: SampleSeries[] = [];
  for (const name of metricNamesOf(table, source)) {
    if (yielder.due) await yielder.pause();
    const streams = matching(table, source, name, matchers);
    if (streams.length === 0) continue;
    const wanted = new Set(streams);
    let samples = 0;
    const holding = files.filter((file) => {
      const metric = index.file(file).get(name);
      if (!metric || !mayHave(metric, wanted, micros)) return false;
      samples += metric.records;
      return true;
    });
    if (holding.length === 0) continue;
    // Increments are summed over all of a window, so they are not taken from two places.
    if (name === '' || streams.some(({ stream }) => stream.delta)) return null;
    const kind = source.table;
    const present = table.units.get(name);
    const units = holding.every((file) => present?.has(file))
      ? holding.flatMap((file) => present?.get(file) ?? [])
      : await ctx.session.samples?.({ epoch, kind, name, files: holding, samples });
    if (!units) return null;
    const segments = new Map<KnownStream, Segment[]>();
    for (const shared of units) {
      account(addSegments(segments, unitOf(shared), table, wanted, micros.from / 1000, micros.until / 1000));
      if (yielder.due) await yielder.pause();
    }
    // One moment asks for the last sample, and what else has samples at the time is known by the first.
    const ends = window.edges?.every === 0;
    for (const known of streams) {
      if (yielder.due) await yielder.pause();
      const parts = segments.get(known);
      const [labels] = known.series('value');
      if (labels && parts) out.push(seriesOf(known, labels, parts, ends));
    }
  }
  return out;
}

const noEnds = new Uint32Array();

/** Gives how many samples they are. */
function addSegments(
  segments: Map<KnownStream, Segment[]>,
  unit: SampleUnit,
  { index }: KnownTable,
  wanted: ReadonlySet<KnownStream>,
  fromMs: number,
  untilMs: number,
): number {
  let count = 0;
  const { sets, starts, untils, times, endStarts, endTimes, base } = unit;
  for (let run = 0; run < sets.length; run++) {
    const known = index.streamOf(sets[run] ?? 0);
    if (!known || !wanted.has(known)) continue;
    const [start, end] = [starts[run] ?? 0, untils[run] ?? 0];
    const from = lowerBound(times, start, end, fromMs - base);
    const until = lowerBound(times, from, end, untilMs - base);
    const [firstEnd, lastEnd] = [endStarts[run] ?? 0, endStarts[run + 1] ?? 0];
    const ends =
      firstEnd === lastEnd
        ? noEnds
        : endTimes
            .subarray(firstEnd, lastEnd)
            .filter((time) => time + base >= fromMs && time + base < untilMs);
    if (from === until && ends.length === 0) continue;
    count += until - from + ends.length;
    const segment = { unit, from, until, ends };
    const others = segments.get(known);
    if (others) others.push(segment);
    else segments.set(known, [segment]);
  }
  return count;
}

/** The first of the places `from` to `until` whose time is not before `time`. */
function lowerBound(times: Uint32Array, from: number, until: number, time: number): number {
  let [low, high] = [from, until];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `ends`: its first and its last sample are enough. */
function seriesOf(
  known: KnownStream,
  labels: Labels,
  parts: readonly Segment[],
  ends: boolean,
): SampleSeries {
  const { metric } = known.stream;
  const [only] = parts;
  if (only && parts.length === 1 && only.ends.length === 0) {
    const { unit, from, until } = only;
    if (ends && until - from > 2) return { labels, ...firstAndLast(only, only), staleTimes: null, metric };
    const times = new Float64Array(until - from);
    for (let i = from; i < until; i++) times[i - from] = unit.base + (unit.times[i] ?? 0);
    return { labels, times, values: unit.values.subarray(from, until), staleTimes: null, metric };
  }
  const first = ({ unit, from }: Segment) => unit.base + (unit.times[from] ?? 0);
  const last = ({ unit, until }: Segment) => unit.base + (unit.times[until - 1] ?? 0);
  const full = parts.filter(({ from, until }) => until > from).sort((a, b) => first(a) - first(b));
  const stale = parts.flatMap(({ unit, ends }) => Array.from(ends, (time) => unit.base + time));
  const staleTimes = stale.length > 0 ? Float64Array.from(stale).sort() : null;
  if (full.some((part, i) => i > 0 && first(part) <= last(full[i - 1] as Segment))) {
    const builder = new SeriesBuilder(labels, false, metric);
    for (const { unit, from, until } of parts) {
      for (let i = from; i < until; i++)
        builder.push((unit.base + (unit.times[i] ?? 0)) * 1000, unit.values[i] ?? NaN);
    }
    return { ...builder.finish(), staleTimes };
  }
  const length = full.reduce((sum, { from, until }) => sum + until - from, 0);
  const [earliest, latest] = [full[0], full.at(-1)];
  if (ends && length > 2 && earliest && latest)
    return { labels, ...firstAndLast(earliest, latest), staleTimes, metric };
  const times = new Float64Array(length);
  const values = new Float64Array(length);
  let at = 0;
  for (const { unit, from, until } of full) {
    values.set(unit.values.subarray(from, until), at);
    for (let i = from; i < until; i++) times[at++] = unit.base + (unit.times[i] ?? 0);
  }
  return { labels, times, values, staleTimes, metric };
}

function firstAndLast(first: Segment, last: Segment): Pick<SampleSeries, 'times' | 'values'> {
  const [a, b] = [first.from, last.until - 1];
  return {
    times: Float64Array.of(
      first.unit.base + (first.unit.times[a] ?? 0),
      last.unit.base + (last.unit.times[b] ?? 0),
    ),
    values: Float64Array.of(first.unit.values[a] ?? NaN, last.unit.values[b] ?? NaN),
  };
}
