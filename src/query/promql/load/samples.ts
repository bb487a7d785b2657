import type { SqlColumn } from '../../../lake/session.js';
import type { Yielder } from '../../series/yielder.js';
import { exponentialPoints } from './exponential.js';
import { cumulative, exponentialBuckets } from './histogram.js';
import { IdTable } from '../../series/ids.js';
import { matchesAll, type CompiledMatcher } from '../../series/matchers.js';
import { exactly } from '../../sql/fragment.js';
import { loadNative } from './native.js';
import type { SampleRequest } from './request.js';
import { allCounted, explicitCounts } from '../../../schema/index.js';
import { rowPredicate, stale } from './rows.js';
import { suffixes, type MetricTable, type Part } from './sources.js';
import { partLabels, seriesLabels, type Stream } from './streams.js';
import { SeriesBuilder, type SampleSeries } from '../../series/samples.js';

const points: Record<Exclude<Part, 'native'>, Partial<Record<MetricTable, string>>> = {
  value: { metric_gauge: 'value', metric_sum: 'value' },
  sum: { metric_histogram: 'sum', metric_exponential_histogram: 'sum', metric_summary: 'sum' },
  count: {
    metric_histogram: allCounted,
    metric_exponential_histogram: allCounted,
    metric_summary: 'count::DOUBLE',
  },
  bucket: { metric_histogram: `${explicitCounts}, ${allCounted}` },
  quantile: { metric_summary: 'quantile_values' },
};

/** The series of one part of the given streams; streams and series that the matchers refuse are left out. */
export async function loadPart(
  request: SampleRequest,
  part: Part,
  streams: readonly Stream[],
): Promise<SampleSeries[]> {
  const { table } = request.source;
  const named = streams.map((stream) => ({ stream, name: stream.name + suffixes[part] }));
  if (named.length === 0) return [];
  if (part === 'bucket' && table === 'metric_exponential_histogram') return loadExponential(request, named);
  if (part === 'native') return loadNative(request, named);
  const targets = targetsOf(part, named, request.matchers);
  if (targets.size === 0) return [];
  const listed = isListed(part);
  // A point without a value and without the flag (a histogram without a sum) is no sample at all.
  const columns = points[part][table] ?? 'NULL';
  const present = listed || part === 'count' ? 'true' : `${columns} IS NOT NULL OR ${stale}`;
  // Where a single number is the sample, NULL says that the series ended.
  const shown = listed ? `${columns}, ${stale}` : `CASE WHEN ${stale} THEN NULL ELSE ${columns} END`;
  const where = rowPredicate(request, streams, targets.size, exactly(present), targets.keys());
  const sql =
    `SELECT ${request.id}, epoch_us(timestamp)::DOUBLE, ${shown} ` +
    `FROM lake.main.${table} WHERE ${where.sql}`;
  const known = new IdTable<Target>(targets);
  for await (const chunk of request.ctx.session.stream(sql)) {
    const [ids, micros] = [numbers(chunk.columns[0]), numbers(chunk.columns[1])];
    if (listed) pushLists(request, part, known, ids, micros, chunk.columns);
    else pushNumbers(known, ids, micros, chunk.columns[2] ?? []);
    request.account(chunk.rowCount);
    if (request.yielder.due) await request.yielder.pause();
  }
  return finish(
    request.yielder,
    [...targets.values()].flatMap(({ builders }) => builders),
  );
}

/** Where the rows of a stream go. */
interface Target {
  readonly builders: (SeriesBuilder | null)[];
  /** What a point without a recorded value ends. */
  readonly ended: (SeriesBuilder | null)[];
}

function targetsOf(
  part: Part,
  named: readonly { stream: Stream; name: string }[],
  matchers: readonly CompiledMatcher[],
): Map<number, Target> {
  const factory = new BuilderFactory(matchers);
  const all = named.map(({ stream, name }) => {
    const builders = partLabels(part, stream).map((extra) => factory.builder(stream, name, extra));
    return { stream, builders, key: seriesLabels(stream, name, null).key };
  });
  // A point without a recorded value need not repeat the bounds, by which streams are told apart.
  const whole = new Map<string, (SeriesBuilder | null)[]>();
  if (all.some(({ stream }) => isListed(part) && stream.bounds.length === 0)) {
    for (const { key, builders } of all) whole.set(key, [...(whole.get(key) ?? []), ...builders]);
  }
  const targets = new Map<number, Target>();
  for (const { stream, builders, key } of all) {
    const ended = stream.bounds.length === 0 ? (whole.get(key) ?? builders) : builders;
    if (ended.some((builder) => builder !== null)) targets.set(stream.id, { builders, ended });
  }
  return targets;
}

function isListed(part: Part): boolean {
  return part === 'bucket' || part === 'quantile';
}

/** A column of numbers without NULL; query threads have it as it is. */
function numbers(column: SqlColumn | undefined): Float64Array {
  return column instanceof Float64Array ? column : Float64Array.from((column ?? []) as number[]);
}

function pushNumbers(
  known: IdTable<Target>,
  ids: Float64Array,
  micros: Float64Array,
  values: SqlColumn,
): void {
  if (values instanceof Float64Array) {
    known.forEach(ids, ({ builders }, row) => builders[0]?.push(micros[row] ?? 0, values[row] ?? NaN));
  } else {
    known.forEach(ids, ({ builders }, row) =>
      builders[0]?.push(micros[row] ?? 0, values[row] as number | null),
    );
  }
}

function pushLists(
  request: SampleRequest,
  part: Part,
  known: IdTable<Target>,
  ids: Float64Array,
  micros: Float64Array,
  columns: readonly SqlColumn[],
): void {
  const values = columns[2] ?? [];
  const totals = part === 'bucket' ? columns[3] : undefined;
  const flags = columns.at(-1) ?? [];
  known.forEach(ids, ({ builders, ended }, row) => {
    const at = micros[row] ?? 0;
    if (flags[row] === true) {
      for (const builder of ended) builder?.push(at, null);
      return;
    }
    const list = (values[row] as number[] | null) ?? [];
    const all = totals ? cumulative(list, builders.length - 1, totals[row] as number) : list;
    for (let i = 0; i < builders.length; i++) builders[i]?.push(at, all[i] ?? NaN);
    request.account(builders.length - 1);
  });
}

/** Makes the builders of one part. */
class BuilderFactory {
  readonly #deltas = new Map<string, SeriesBuilder>();

  constructor(private readonly matchers: readonly CompiledMatcher[]) {}

  /** Null for series that the matchers refuse. */
  builder(stream: Stream, name: string, extra: readonly [string, string] | null): SeriesBuilder | null {
    const labels = seriesLabels(stream, name, extra);
    if (!matchesAll(labels, this.matchers)) return null;
    if (!stream.delta) return new SeriesBuilder(labels, false, stream.metric);
    // Increments of equal labels are one running total, whatever else tells their streams apart.
    const key = `${labels.key}/${stream.metric.name}`;
    const known = this.#deltas.get(key);
    const builder = known ?? new SeriesBuilder(labels, true, stream.metric);
    if (!known) this.#deltas.set(key, builder);
    return builder;
  }
}

async function loadExponential(
  request: SampleRequest,
  named: readonly { stream: Stream; name: string }[],
): Promise<SampleSeries[]> {
  const streams = named.map(({ stream }) => stream);
  const notBuckets = request.matchers.filter((matcher) => matcher.name !== 'le');
  const wanted = named.filter(({ stream, name }) => matchesAll(seriesLabels(stream, name, null), notBuckets));
  if (wanted.length === 0) return [];
  const ids = wanted.map(({ stream }) => stream.id);
  const where = rowPredicate(request, streams, wanted.length, exactly('TRUE'), ids);
  const byStream = await exponentialPoints(request, stale, where);
  const builders: (SeriesBuilder | null)[] = [];
  const factory = new BuilderFactory(request.matchers);
  for (const { stream, name } of wanted) {
    const all = byStream.get(stream.id) ?? [];
    const { bounds, counts } = exponentialBuckets(all);
    const own = bounds.map((bound) => factory.builder(stream, name, ['le', bound]));
    for (const point of all) {
      const values = point.stale ? [] : counts(point);
      own.forEach((builder, i) => builder?.push(point.micros, point.stale ? null : (values[i] ?? NaN)));
      request.account(own.length);
      if (request.yielder.due) await request.yielder.pause();
    }
    builders.push(...own);
  }
  return finish(request.yielder, builders);
}

async function finish(
  yielder: Yielder,
  builders: readonly (SeriesBuilder | null)[],
): Promise<SampleSeries[]> {
  const out: SampleSeries[] = [];
  for (const builder of new Set(builders)) {
    if (yielder.due) await yielder.pause();
    if (builder && !builder.empty) out.push(builder.finish());
  }
  return out;
}
