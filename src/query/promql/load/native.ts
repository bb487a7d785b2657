import { combined, reduced, storedHint } from '../../series/histograms/arithmetic.js';
import { fromDense } from '../../series/histograms/buckets.js';
import {
  bucketCount,
  customHistogram,
  defaultZeroThreshold,
  finestSchema,
  type Histogram,
} from '../../series/histograms/histogram.js';
import type { Labels } from '../../series/labels.js';
import { matchesAll } from '../../series/matchers.js';
import type { SampleSeries } from '../../series/samples.js';
import { exactly, type Fragment } from '../../sql/fragment.js';
import { allCounted, explicitCounts } from '../../../schema/index.js';
import { exponentialPoints } from './exponential.js';
import type { ExponentialPoint } from './histogram.js';
import type { SampleRequest } from './request.js';
import { rowPredicate, stale } from './rows.js';
import { seriesLabels, type Stream } from './streams.js';

interface Point {
  readonly micros: number;
  /** Null: the series ended. */
  readonly histogram: Histogram | null;
}

interface Found {
  readonly labels: Labels;
  readonly stream: Stream;
  readonly points: Point[];
}

/** So far before the window a sample tells whether the first one in it begins a counter anew. */
const earlierMs = 5 * 60_000;

type Named = readonly { readonly stream: Stream; readonly name: string }[];
/** Native histogram samples: of exponential histograms, and with custom buckets of those with explicit bounds. */
export async function loadNative(request: SampleRequest, named: Named): Promise<SampleSeries[]> {
  const wanted = named
    .map(({ stream, name }) => ({ stream, labels: seriesLabels(stream, name, null) }))
    .filter(({ labels }) => matchesAll(labels, request.matchers));
  if (wanted.length === 0) return [];
  const streams = named.map(({ stream }) => stream);
  const ids = wanted.map(({ stream }) => stream.id);
  const { window } = request;
  const earlier = wanted.some(({ stream }) => !stream.delta) ? earlierMs : 0;
  const widened = { ...request, window: { ...window, from: window.from - earlier } };
  const where = rowPredicate(widened, streams, wanted.length, exactly('TRUE'), ids);
  const byStream = new Map(wanted.map(({ stream }) => [stream.id, stream]));
  const points =
    request.source.table === 'metric_histogram'
      ? await explicitPoints(request, where, byStream)
      : await nativePoints(request, where, byStream);
  const found = new Map<string, Found>();
  for (const { stream, labels } of wanted) {
    // Streams that differ in their bounds, or increments of one running total, are one series.
    const key = JSON.stringify([labels.key, stream.metric.name, stream.delta]);
    const known = found.get(key) ?? { labels, stream, points: [] };
    found.set(key, known);
    for (const point of points.get(stream.id) ?? []) known.points.push(point);
  }
  const out: SampleSeries[] = [];
  for (const one of found.values()) {
    if (request.yielder.due) await request.yielder.pause();
    const series = finished(one, window.from);
    if (series.times.length > 0 || series.staleTimes) out.push(series);
  }
  return out;
}

async function nativePoints(
  request: SampleRequest,
  where: Fragment,
  streams: ReadonlyMap<number, Stream>,
): Promise<Map<number, Point[]>> {
  const out = new Map<number, Point[]>();
  for (const [id, points] of await exponentialPoints(request, stale, where)) {
    const made: Point[] = [];
    const gauge = streams.get(id)?.gauge === true;
    for (const point of points) {
      if (request.yielder.due) await request.yielder.pause();
      const histogram = point.stale ? null : nativeHistogram(point, gauge);
      if (histogram) request.account(bucketCount(histogram));
      made.push({ micros: point.micros, histogram });
    }
    out.set(id, made);
  }
  return out;
}

/** Bucket i of OTLP is (base^i, base^(i+1)], Prometheus counts by the upper bound. */
function nativeHistogram(point: ExponentialPoint, gauge: boolean): Histogram {
  const histogram: Histogram = {
    schema: point.scale,
    count: point.count,
    sum: point.sum,
    zeroThreshold: point.zeroThreshold > 0 ? point.zeroThreshold : defaultZeroThreshold,
    zeroCount: point.zeroCount,
    positive: fromDense(point.positiveOffset + 1, point.positive),
    negative: fromDense(point.negativeOffset + 1, point.negative),
    bounds: [],
    gauge,
  };
  return reduced(histogram, finestSchema);
}

async function explicitPoints(
  { ctx, yielder, account, id }: SampleRequest,
  where: Fragment,
  streams: ReadonlyMap<number, Stream>,
): Promise<Map<number, Point[]>> {
  const sql =
    `SELECT ${id}, epoch_us(timestamp)::DOUBLE, ${stale}, ${allCounted}, coalesce(sum, 0), ` +
    `${explicitCounts} FROM lake.main.metric_histogram WHERE ${where.sql}`;
  const out = new Map<number, Point[]>();
  for await (const chunk of ctx.session.stream(sql)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      const cell = (column: number): unknown => chunk.columns[column]?.[row] ?? null;
      const stream = streams.get(cell(0) as number);
      if (!stream) continue;
      const counts = (cell(5) as number[] | null) ?? [];
      const buckets = fromDense(0, counts.length > 0 ? counts : [cell(3) as number]);
      const histogram =
        cell(2) === true
          ? null
          : customHistogram(stream.bounds, buckets, cell(3) as number, cell(4) as number, stream.gauge);
      const points = out.get(stream.id) ?? [];
      out.set(stream.id, points);
      points.push({ micros: cell(1) as number, histogram });
      account(1 + counts.length);
    }
    if (yielder.due) await yielder.pause();
  }
  return out;
}

/** Samples after a time in time order, one a millisecond; increments become a running total, as those of numbers do. */
function finished({ labels, stream, points }: Found, after: number): SampleSeries {
  const times: number[] = [];
  const histograms: Histogram[] = [];
  const staleTimes: number[] = [];
  let total: Histogram | null = null;
  let last: Point | null = null;
  let before: { readonly ms: number; readonly histogram: Histogram } | undefined;
  /** The last of an earlier millisecond: a sample that comes twice is not compared with itself. */
  let earlier: Histogram | undefined;
  for (const point of points.sort((a, b) => a.micros - b.micros)) {
    const ms = Math.floor(point.micros / 1000);
    if (stream.delta && ms <= after) continue;
    const { histogram } = point;
    if (!histogram) {
      if (ms > after) staleTimes.push(ms);
      before = earlier = undefined;
      continue;
    }
    if (before?.ms !== ms) earlier = before?.histogram;
    before = { ms, histogram };
    const reset = earlier && !histogram.gauge ? storedHint(histogram, earlier) : undefined;
    if (ms <= after) continue;
    if (stream.delta && last?.micros === point.micros && last.histogram?.sum === histogram.sum) continue;
    last = point;
    if (stream.delta) total = total ? (combined(total, histogram, 1)?.histogram ?? total) : histogram;
    const at = times.at(-1) === ms ? times.length - 1 : times.length;
    times[at] = ms;
    histograms[at] = total ?? { ...histogram, reset };
  }
  return {
    labels,
    times: Float64Array.from(times),
    values: new Float64Array(times.length),
    histograms,
    staleTimes: staleTimes.length > 0 ? Float64Array.from(staleTimes).sort() : null,
    ...(stream.delta ? { delta: true } : {}),
    metric: stream.metric,
  };
}
