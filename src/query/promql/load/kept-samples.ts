import type { SampleUnit } from '../../../lake/samples/unit.js';
import { unitOf } from '../../../lake/samples/unit.js';
import { metricName, type Labels } from '../../series/labels.js';
import { matchesAll } from '../../series/matchers.js';
import { SeriesBuilder, type SampleSeries } from '../../series/samples.js';
import { lowerBound } from './lower-bound.js';
import { matching, mayHave, metricNamesOf, microsOf, type KnownTable } from './known-series.js';
import { inOrder, numbersIn, placesOf, type Places } from './places.js';
import type { SampleRequest } from './request.js';
import type { KnownStream } from './known-stream.js';
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
): Promise<KeptSeries | null> {
  const parts: KeptSeries[] = [];
  for (const name of metricNamesOf(table, request.source)) {
    for (const part of request.source.parts) {
      if (request.yielder.due) await request.yielder.pause();
      const found = await keptPart(request, table, name, part);
      if (found === null) return null;
      if (found.series.length > 0) parts.push(found);
    }
  }
  const [first = noSeries] = parts;
  return parts.length < 2 ? first : { series: parts.flatMap(({ series }) => series), inOrder: false };
}

export interface KeptSeries {
  readonly series: readonly SampleSeries[];
  /** Of their labels, of which no two are the same. */
  readonly inOrder: boolean;
}

export const noSeries: KeptSeries = { series: [], inOrder: false };

async function keptPart(
  request: Omit<SampleRequest, 'id'>,
  table: KnownTable,
  name: string,
  part: Part,
): Promise<KeptSeries | null> {
  const { ctx, yielder, account, matchers, window } = request;
  const { epoch, index, files, series } = table;
  const micros = microsOf(window);
  const streams = matching(table, { ...request.source, parts: [part] }, name, matchers);
  const isListed = part === 'bucket' || part === 'quantile';
  if (isListed && (streams.length > 0 || table.rest !== null) && mayEndOthers(request, table, name))
    return null;
  if (streams.length === 0) return noSeries;
  const wanted = numbersIn(streams);
  let samples = 0;
  const holding = files.filter((file) => {
    const metric = series.get(file)?.metrics.get(name);
    if (!metric || !mayHave(metric, wanted, micros)) return false;
    samples += metric.records;
    return true;
  });
  if (holding.length === 0) return noSeries;
  if (name === '' || part === 'native') return null;
  // Increments are summed over all of a window, so they are not taken from two places.
  if (streams.some(({ stream }) => stream.delta)) return null;
  const width = isListed ? streams.reduce((most, known) => Math.max(most, known.series(part).length), 1) : 1;
  const present = part === 'value' ? table.units.get(name) : undefined;
  const units = holding.every((file) => present?.has(file))
    ? holding.flatMap((file) => present?.get(file) ?? [])
    : await ctx.session.samples?.({
        ...{ epoch, kind: request.source.table, name, part, files: holding },
        samples: samples * width,
      });
  if (!units) return null;
  const found: { unit: SampleUnit; places: Places }[] = [];
  for (const shared of units) {
    if (yielder.due) await yielder.pause();
    const unit = unitOf(shared);
    found.push({ unit, places: placesOf(streams, unit, index) });
  }
  const [fromMs, untilMs] = [micros.from / 1000, micros.until / 1000];
  // One moment asks for the last sample, and what else has samples at the time is known by the first.
  const ends = window.edges?.every === 0;
  const out: SampleSeries[] = [];
  const shared = new Together();
  for (const [i, known] of streams.entries()) {
    if (yielder.due) await yielder.pause();
    const all = known.series(part);
    for (const [place, labels] of all.entries()) {
      // Of a stream of one series that has been asked already.
      if (all.length > 1 && !matchesAll(labels, matchers)) continue;
      const segments: Segment[] = [];
      for (const { unit, places } of found) {
        const run = places.first[i] ?? -1;
        if (run < 0) continue;
        addSegment(segments, unit, run, place, fromMs, untilMs);
        if (places.others.size === 0) continue;
        for (const other of places.others.get(i) ?? [])
          addSegment(segments, unit, other, place, fromMs, untilMs);
      }
      if (segments.length === 0) continue;
      account(segments.reduce((sum, { from, until, ends }) => sum + until - from + ends.length, 0));
      out.push(seriesOf(known, labels, segments, ends, shared));
    }
  }
  return { series: out, inOrder: !isListed && inOrder(streams) };
}

/** Whether there are points without bounds in the window: where such a stream ends, so do others, whichever of their series are asked for. */
function mayEndOthers(
  { source, matchers, window }: Omit<SampleRequest, 'id'>,
  table: KnownTable,
  name: string,
): boolean {
  const ofAll = matchers.filter((matcher) => !ofOneSeries.has(matcher.name));
  const all = matching(table, { ...source, parts: ['count'] }, name, ofAll);
  const bare = new Set(all.filter(({ stream }) => stream.bounds.length === 0));
  if (bare.size === 0) return false;
  const micros = microsOf(window);
  return table.files.some((file) => {
    const metric = table.series.get(file)?.metrics.get(name);
    return metric !== undefined && mayHave(metric, bare, micros);
  });
}

const ofOneSeries: ReadonlySet<string> = new Set([metricName, 'le', 'quantile']);

const noEnds = new Uint32Array();

/** What the run has in the window, or one of those of the same label set behind it. */
function addSegment(
  segments: Segment[],
  unit: SampleUnit,
  first: number,
  place: number,
  fromMs: number,
  untilMs: number,
): void {
  const { sets, starts, untils, times, endStarts, endTimes, base } = unit;
  const run = first + place;
  if (place > 0 && sets[run] !== sets[first]) return;
  const [start, end] = [starts[run] ?? 0, untils[run] ?? 0];
  const from = lowerBound(times, start, end, fromMs - base);
  const until = lowerBound(times, from, end, untilMs - base);
  const [firstEnd, lastEnd] = [endStarts[run] ?? 0, endStarts[run + 1] ?? 0];
  const ends =
    firstEnd === lastEnd
      ? noEnds
      : endTimes.subarray(firstEnd, lastEnd).filter((time) => time + base >= fromMs && time + base < untilMs);
  if (from < until || ends.length > 0) segments.push({ unit, from, until, ends });
}

/** `ends`: its first and its last sample are enough. */
function seriesOf(
  known: KnownStream,
  labels: Labels,
  parts: readonly Segment[],
  ends: boolean,
  shared: Together,
): SampleSeries {
  const { metric } = known.stream;
  const [only] = parts;
  if (only && parts.length === 1 && only.ends.length === 0) {
    const { unit, from, until } = only;
    if (ends && until - from > 2) return { labels, ...firstAndLast(only, only), staleTimes: null, metric };
    const values = unit.values.subarray(from, until);
    return { labels, times: shared.times(parts), values, staleTimes: null, metric };
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
  const values = shared.room(length);
  let at = 0;
  for (const { unit, from, until } of full) {
    values.set(unit.values.subarray(from, until), at);
    at += until - from;
  }
  return { labels, times: shared.times(full), values, staleTimes, metric };
}

/** At most: a MiB. */
const roomLength = 131_072;

/** Arrays of one series after another. Its times are mostly those of the one before, and then the same array. */
class Together {
  #parts: readonly Segment[] = [];
  #bytes: readonly Buffer[] = [];
  #times = new Float64Array();
  #room = new Float64Array();
  #used = 0;

  /** For so many values: one array for those of many series costs less than one for each. */
  room(length: number): Float64Array {
    if (length > roomLength / 4) return new Float64Array(length);
    if (this.#used + length > this.#room.length) {
      // The first has room for one series alone, as many questions are for no other.
      this.#room = new Float64Array(Math.max(length, Math.min(this.#room.length * 4, roomLength)));
      this.#used = 0;
    }
    return this.#room.subarray(this.#used, (this.#used += length));
  }

  /** Of parts in the order of time, which do not overlap. */
  times(parts: readonly Segment[]): Float64Array {
    if (this.#same(parts)) return this.#times;
    const times = new Float64Array(parts.reduce((sum, { from, until }) => sum + until - from, 0));
    let at = 0;
    for (const { unit, from, until } of parts)
      for (let i = from; i < until; i++) times[at++] = unit.base + (unit.times[i] ?? 0);
    this.#parts = parts;
    this.#bytes = parts.map(bytesOf);
    return (this.#times = times);
  }

  #same(parts: readonly Segment[]): boolean {
    const before = this.#parts;
    return (
      parts.length === before.length &&
      parts.every((part, i) => sameEnds(part, before[i])) &&
      parts.every((part, i) => this.#bytes[i]?.equals(bytesOf(part)))
    );
  }
}

function sameEnds(one: Segment, other: Segment | undefined): boolean {
  if (other?.unit !== one.unit || other.until - other.from !== one.until - one.from) return false;
  const { times } = one.unit;
  return times[one.from] === times[other.from] && times[one.until - 1] === times[other.until - 1];
}

function bytesOf({ unit: { times }, from, until }: Segment): Buffer {
  return Buffer.from(times.buffer, times.byteOffset + from * 4, (until - from) * 4);
}

function firstAndLast(first: Segment, last: Segment): Pick<SampleSeries, 'times' | 'values'> {
  const [a, b] = [first.from, last.until - 1];
  // `of` takes several times as long.
  const [times, values] = [new Float64Array(2), new Float64Array(2)];
  times[0] = first.unit.base + (first.unit.times[a] ?? 0);
  times[1] = last.unit.base + (last.unit.times[b] ?? 0);
  values[0] = first.unit.values[a] ?? NaN;
  values[1] = last.unit.values[b] ?? NaN;
  return { times, values };
}
