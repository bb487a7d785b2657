import type { SampleUnit } from '../../../lake/samples/unit.js';
import { unitOf } from '../../../lake/samples/unit.js';
import type { Labels } from '../../series/labels.js';
import { matchesAll } from '../../series/matchers.js';
import { SeriesBuilder, type SampleSeries } from '../../series/samples.js';
import { matching, mayHave, metricNamesOf, microsOf, type KnownTable } from './known-series.js';
import type { SampleRequest } from './request.js';
import type { KnownStream } from './series-index.js';
import type { Part } from './sources.js';

/** Samples `from` to `until - 1` of a unit, and the ends of the series in the same window. */
interface Segment {
  readonly unit: SampleUnit;
  readonly from: number;
  readonly until: number;
  readonly ends: Uint32Array;
}

/**
 * The series of numbers, buckets and quantiles from the samples that are kept in memory; rows that are in no known file are not
 * among them. Null when some of them are not kept.
 */
export async function keptSamples(
  request: Omit<SampleRequest, 'id'>,
  table: KnownTable,
): Promise<SampleSeries[] | null> {
  const out: SampleSeries[] = [];
  for (const name of metricNamesOf(table, request.source)) {
    for (const part of request.source.parts) {
      if (request.yielder.due) await request.yielder.pause();
      const found = await keptPart(request, table, name, part);
      if (found === null) return null;
      for (const series of found) out.push(series);
    }
  }
  return out;
}

async function keptPart(
  request: Omit<SampleRequest, 'id'>,
  table: KnownTable,
  name: string,
  part: Part,
): Promise<SampleSeries[] | null> {
  const { ctx, yielder, account, matchers, window } = request;
  const { epoch, index, files } = table;
  const micros = microsOf(window);
  const streams = matching(table, { ...request.source, parts: [part] }, name, matchers);
  if (streams.length === 0) return [];
  const wanted = new Set(streams);
  let samples = 0;
  const holding = files.filter((file) => {
    const metric = index.file(file).get(name);
    if (!metric || !mayHave(metric, wanted, micros)) return false;
    samples += metric.records;
    return true;
  });
  if (holding.length === 0) return [];
  const isListed = part === 'bucket' || part === 'quantile';
  if (name === '' || part === 'native') return null;
  // Increments are summed over all of a window, so they are not taken from two places.
  if (streams.some(({ stream }) => stream.delta)) return null;
  // Where such a stream ends, so do others.
  if (isListed && streams.some(({ stream }) => stream.bounds.length === 0)) return null;
  const width = isListed ? streams.reduce((most, known) => Math.max(most, known.series(part).length), 1) : 1;
  const present = part === 'value' ? table.units.get(name) : undefined;
  const units = holding.every((file) => present?.has(file))
    ? holding.flatMap((file) => present?.get(file) ?? [])
    : await ctx.session.samples?.({
        ...{ epoch, kind: request.source.table, name, part, files: holding },
        samples: samples * width,
      });
  if (!units) return null;
  const series = new Map(
    streams.map((known) => [
      known,
      known
        .series(part)
        .map((labels): Collected | null => (matchesAll(labels, matchers) ? { labels, segments: [] } : null)),
    ]),
  );
  for (const shared of units) {
    account(addSegments(series, unitOf(shared), table, micros.from / 1000, micros.until / 1000));
    if (yielder.due) await yielder.pause();
  }
  // One moment asks for the last sample, and what else has samples at the time is known by the first.
  const ends = window.edges?.every === 0;
  const out: SampleSeries[] = [];
  for (const [known, all] of series) {
    if (yielder.due) await yielder.pause();
    for (const one of all) {
      if (one && one.segments.length > 0) out.push(seriesOf(known, one.labels, one.segments, ends));
    }
  }
  return out;
}

/** A series that is asked for, and what is found of it. */
interface Collected {
  readonly labels: Labels;
  readonly segments: Segment[];
}

const noEnds = new Uint32Array();

/** Gives how many samples they are. */
function addSegments(
  series: ReadonlyMap<KnownStream, readonly (Collected | null)[]>,
  unit: SampleUnit,
  { index }: KnownTable,
  fromMs: number,
  untilMs: number,
): number {
  let count = 0;
  let place = 0;
  const { sets, starts, untils, times, endStarts, endTimes, base } = unit;
  for (let run = 0; run < sets.length; run++) {
    place = run > 0 && sets[run] === sets[run - 1] ? place + 1 : 0;
    const known = index.streamOf(sets[run] ?? 0);
    const collected = known && series.get(known)?.[place];
    if (!collected) continue;
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
    collected.segments.push({ unit, from, until, ends });
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
