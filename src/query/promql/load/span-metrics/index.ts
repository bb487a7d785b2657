import { unkept } from '../../../../lake/metadata/layout.js';
import type { ListingView, MetadataRequest } from '../../../../lake/session.js';
import { labelName } from '../../../attributes/label-name.js';
import type { Grouping } from '../../../series/aggregate.js';
import { checkSeries } from '../../../series/context.js';
import { Labels, metricName } from '../../../series/labels.js';
import { matchesAll, type CompiledMatcher } from '../../../series/matchers.js';
import { SeriesBuilder, type SampleSeries } from '../../../series/samples.js';
import type { Yielder } from '../../../series/yielder.js';
import type { QueryContext, QueryLimits } from '../../../server/guard.js';
import { derived, keepDerived } from '../../../sql/derived.js';
import { keptRows, listed, unlessTooMany } from '../../../sql/listing.js';
import { metadataSource } from '../../../sql/metadata.js';
import type { Window } from '../../plan/times.js';
import { metadataWindow } from '../predicates.js';
import type { Account } from '../request.js';
import {
  familiesOf,
  messaging,
  selected,
  spanMetricNames,
  type Family,
  type SpanMetric,
} from './families.js';
import { countedRows, kinds, statuses } from './statements.js';

export { spanMetricMetadata } from './families.js';

export interface SpanMetricsRequest {
  readonly ctx: QueryContext;
  readonly yielder: Yielder;
  readonly matchers: readonly CompiledMatcher[];
  readonly window: Window;
  /** Metrics that were sent by these names, which the spans' do not join. */
  readonly taken: Pick<ReadonlySet<string>, 'has'>;
}

interface Wanted {
  readonly family: Family;
  readonly metrics: readonly SpanMetric[];
  /** Those of the family's labels that tell series apart. */
  readonly labels: readonly string[];
}

function wantedOf({ ctx, matchers, taken, window }: SpanMetricsRequest): Wanted[] {
  const { spanMetrics } = ctx.limits;
  if (spanMetrics === null) return [];
  return familiesOf(spanMetrics.dimensions)
    .map((family) => {
      const metrics = selected(family, matchers).filter(({ name }) => !taken.has(name));
      return { family, metrics, labels: labelsOf(family, metrics, matchers, window.sums) };
    })
    .filter(({ metrics }) => metrics.length > 0);
}

/** What the sums are grouped by, what matchers look at, and what tells which of the metrics count. */
function labelsOf(
  { labels }: Family,
  metrics: readonly SpanMetric[],
  matchers: readonly CompiledMatcher[],
  sums: Grouping | undefined,
): readonly string[] {
  // Metrics of several names must not become one series.
  if (!sums || !matchers.some(({ name, op }) => name === metricName && op === '=')) return labels;
  const both = (name: string) => [name, labelName(name)];
  const listed = new Set(sums.labels.flatMap(both));
  const needed = new Set(matchers.flatMap(({ name }) => both(name)));
  if (metrics.some(({ measure }) => measure === 'messaging seconds')) needed.add('connection_type');
  return labels.filter((label) => listed.has(label) !== sums.without || needed.has(label));
}

/** Samples lie no closer than this in a series, so that a long window has few. */
function resolutionMs({ from, to }: Window): number {
  const hours = (to - from) / 3_600_000;
  return hours <= 26 ? 15_000 : hours <= 100 ? 60_000 : 300_000;
}

/** What tells which spans become one sample, in SQL on `t`: all those between two edges, where these are known. */
function stepOf(window: Window): string {
  const resolution = resolutionMs(window);
  const { at, every } = window.edges ?? { at: 0, every: NaN };
  if (every === 0) return '0';
  if (!(every >= resolution)) return `t // ${BigInt(resolution) * 1_000_000n}`;
  // Of the edges one that is not after the window's begin, as SQL rounds towards zero.
  const first = at - Math.ceil((at - Math.floor(window.from)) / every) * every;
  return `(t // 1000000 - ${first + 1}) // ${every}`;
}

/**
 * Counters of spans and of requests between services, made of the spans that began in the window. Values are running
 * totals of increments (`SampleSeries.delta`), each at the start of the last span that it counts, so that ranges have
 * what began in them.
 */
export async function loadSpanMetrics(
  request: SpanMetricsRequest,
  account: Account,
): Promise<SampleSeries[]> {
  const out: SampleSeries[] = [];
  for (const wanted of wantedOf(request)) {
    const { ctx, yielder } = request;
    const builders = await Builders.of(request, wanted);
    const sql = builders.statement(stepOf(request.window));
    for await (const chunk of ctx.session.stream(sql, [], undefined, true)) {
      for (let row = 0; row < chunk.rowCount; row++) {
        if (yielder.due) await yielder.pause();
        builders.push((column) => chunk.columns[column]?.[row]);
      }
      account(chunk.rowCount * builders.perRow);
    }
    out.push(...builders.finish());
    checkSeries(out.length, ctx.limits.maxSeries);
  }
  return out;
}

/** Calls `each` with the label sets of these metrics in the window. */
export async function eachSpanMetricSeries(
  request: SpanMetricsRequest,
  each: (labels: Labels) => void,
): Promise<void> {
  for (const wanted of wantedOf(request)) {
    const builders = await Builders.of(request, wanted);
    for await (const chunk of request.ctx.session.stream(builders.statement('0'), [], undefined, true)) {
      for (let row = 0; row < chunk.rowCount; row++) {
        if (request.yielder.due) await request.yielder.pause();
        builders.push((column) => chunk.columns[column]?.[row]);
      }
    }
    for (const { labels } of builders.finish()) each(labels);
  }
}

/** What these metrics are listed by; undefined where there are none. */
export function spanListing(
  { spanMetrics }: Pick<QueryLimits, 'spanMetrics'>,
  window: Window,
): MetadataRequest | undefined {
  if (spanMetrics === null) return undefined;
  return { kind: 'span_resources', ...metadataWindow(window), weighed: false };
}

/**
 * The same for all of them without a look at each span: services, names, kinds and statuses of spans as the metadata cache has them.
 * Gives a list that is the same as long as they are, or calls `each` where they are too many for that. `listing`: what was told of `spanListing`.
 */
export async function possibleSeries(
  ctx: QueryContext,
  window: Window,
  each: (labels: Labels) => void,
  listing?: ListingView | null,
): Promise<readonly Labels[] | null> {
  const { spanMetrics } = ctx.limits;
  if (spanMetrics === null) return noLabels;
  const columns = ['service_name', 'span_name', 'coalesce(span_kind, 0)', 'coalesce(status_code, 0)'];
  const query = { kind: 'span_resources', window: metadataWindow(window), columns, where: 'TRUE' } as const;
  const { maxRows } = ctx.limits;
  const found = await unlessTooMany(listed(ctx.session, { ...query, maxRows }, listing));
  if (found !== null) {
    const asked = JSON.stringify(['span metrics', spanMetrics.dimensions]);
    const known = derived<Labels>(found, asked);
    if (known !== undefined) return known;
    const possible = new PossibleSeries(spanMetrics.dimensions, maxRows);
    const all = found.flatMap(({ values }) => possible.add(values));
    return keepDerived(found, asked, [...all, ...possible.others()]);
  }
  const possible = new PossibleSeries(spanMetrics.dimensions, maxRows);
  const from = await metadataSource(ctx.session, query.kind, query.window);
  for await (const chunk of ctx.session.stream(`SELECT DISTINCT ${columns.join(', ')} FROM ${from}`)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      for (const labels of possible.add(chunk.columns.map((column) => column[row] ?? null))) each(labels);
    }
  }
  for (const labels of possible.others()) each(labels);
  return null;
}

const noLabels: readonly Labels[] = [];

/** Label sets that tell together which labels and values these metrics have. */
class PossibleSeries {
  readonly #kinds = new Set<number>();
  readonly #statuses = new Set<number>();
  readonly #services = new Set<string>();
  readonly #pairs = new Set<string>();

  constructor(
    private readonly dimensions: readonly string[],
    private readonly mostPairs: number,
  ) {}

  add(values: readonly unknown[]): Labels[] {
    const [service, name, kind, status] = values as [string | null, string | null, unknown, unknown];
    this.#services.add(service ?? '');
    this.#kinds.add(Number(kind));
    this.#statuses.add(Number(status));
    const pair = JSON.stringify([service, name]);
    if (this.#pairs.has(pair)) return [];
    // Beyond that some come more than once.
    if (this.#pairs.size < this.mostPairs) this.#pairs.add(pair);
    return [
      Labels.of([
        ['service', service ?? ''],
        ['span_name', name ?? ''],
      ]),
    ];
  }

  *others(): Generator<Labels> {
    if (this.#services.size === 0) return;
    for (const kind of this.#kinds) yield Labels.of([['span_kind', kinds[kind] ?? `SPAN_KIND_${kind}`]]);
    for (const status of this.#statuses) {
      yield Labels.of([['status_code', statuses[status] ?? `STATUS_CODE_${status}`]]);
    }
    for (const { metrics, le } of familiesOf(this.dimensions)) {
      for (const { name, part } of metrics) {
        const bounds = part === 'bucket' ? le : [''];
        for (const bound of bounds) {
          yield Labels.of([
            [metricName, name],
            ['le', bound],
          ]);
        }
      }
    }
    for (const service of this.#services) {
      yield Labels.of([
        ['client', service],
        ['server', service],
      ]);
    }
  }
}

export interface SpanExemplar {
  /** Of the bucket that it fell into. */
  readonly labels: Labels;
  readonly traceId: string;
  readonly seconds: number;
  /** Unix milliseconds. */
  readonly ms: number;
}

/** Intervals of a window that each have the slowest of a label set as an exemplar. */
const exemplarIntervals = 100;

/** Exemplars of the buckets of these metrics. */
export async function* spanMetricExemplars(request: SpanMetricsRequest): AsyncGenerator<SpanExemplar> {
  const { ctx, yielder, matchers, window } = request;
  const interval = Math.max(15_000, Math.ceil((window.to - window.from) / exemplarIntervals));
  for (const { family, metrics } of wantedOf(request)) {
    for (const metric of metrics.filter(({ part }) => part === 'bucket')) {
      const column = columnOf(metric);
      const keys = family.labels.map((_, i) => `l${i}`);
      const rows = await countedRows(ctx, family, matchers, window);
      const sql =
        `SELECT ${keys.join(', ')}, arg_max(trace_id, ${column}), max(${column})::DOUBLE, ` +
        `(arg_max(t, ${column}) // 1000000)::DOUBLE FROM (${rows}) ` +
        `GROUP BY ${keys.join(', ')}, t // ${BigInt(interval) * 1_000_000n}`;
      for await (const chunk of ctx.session.stream(sql, [], undefined, true)) {
        for (let row = 0; row < chunk.rowCount; row++) {
          if (yielder.due) await yielder.pause();
          const cell = (column: number) => chunk.columns[column]?.[row];
          const at = family.labels.length;
          const nanoseconds = cell(at + 1) as number;
          const bucket = family.boundsNs.findIndex((bound) => nanoseconds <= bound);
          const labels = Labels.of([
            ...family.labels.map((label, i) => [label, cell(i) as string] as const),
            [metricName, metric.name],
            ['le', family.le.at(bucket) ?? ''],
          ]);
          if (!matchesAll(labels, matchers) || !counts(metric, (label) => labels.get(label))) continue;
          const [traceId, ms] = [cell(at) as string, cell(at + 2) as number];
          yield { labels, traceId, seconds: nanoseconds / 1e9, ms };
        }
      }
    }
  }
}

const noNames: readonly string[] = [];

/** Names of these metrics, where there are spans in the window. `listing`: what was told of `spanListing`. */
export async function spanMetricNamesIn(
  ctx: QueryContext,
  window: Window,
  listing?: ListingView | null,
): Promise<readonly string[]> {
  if (ctx.limits.spanMetrics === null) return noNames;
  const within = metadataWindow(window);
  const query = { kind: 'span_resources', window: within, columns: ['1'], where: 'TRUE' } as const;
  const kept = await keptRows(ctx.session, { ...query, maxRows: 1 }, false, listing);
  const rows =
    kept ?? (await ctx.session.rows(`SELECT 1 FROM ${unkept('span_resources', within.where)} LIMIT 1`));
  return rows.length > 0 ? spanMetricNames : noNames;
}

/** Of a label set, the builders of each metric: one, or one for each bucket. */
type OfLabels = readonly (readonly (SeriesBuilder | null)[])[];

/** Makes the series of one family of the rows that its statement gives. */
class Builders {
  readonly #known = new Map<string, OfLabels>();
  readonly #histograms: readonly Seconds[];
  /** Most samples that a row becomes. */
  readonly perRow: number;

  private constructor(
    private readonly wanted: Wanted,
    private readonly matchers: readonly CompiledMatcher[],
    /** What is counted, in SQL. */
    private readonly rows: string,
  ) {
    const { family, metrics } = wanted;
    this.#histograms = columns.filter((column) =>
      metrics.some((metric) => metric.part === 'bucket' && columnOf(metric) === column),
    );
    this.perRow = metrics.reduce((sum, { part }) => sum + (part === 'bucket' ? family.le.length : 1), 0);
  }

  static async of({ ctx, matchers, window }: SpanMetricsRequest, wanted: Wanted): Promise<Builders> {
    return new Builders(wanted, matchers, await countedRows(ctx, wanted.family, matchers, window));
  }

  /**
   * One row for each label set and value of `step`: labels, last time (us), spans, failed ones, seconds, bytes, last time of a failed one, buckets; zeros for
   * what no metric needs, as the columns behind it are long to read. Spans are counted by their exact bucket first.
   */
  statement(step: string): string {
    const { family, labels } = this.wanted;
    const { boundsNs } = family;
    const keys = labels.map((label) => `l${family.labels.indexOf(label)}`);
    const own = this.#histograms.map((column, i) => `${bucketOf(column, boundsNs)} AS b${i}`);
    const needs = (is: (metric: SpanMetric) => boolean) => this.wanted.metrics.some(is);
    const seconds = columns.map((column) =>
      needs((metric) => metric.part === 'sum' && columnOf(metric) === column)
        ? `sum(${column})::DOUBLE`
        : '0',
    );
    const counted = [
      'max(t) AS last',
      'count(*) AS spans',
      ...(needs(({ measure }) => measure === 'failed')
        ? ['count(*) FILTER (WHERE failed) AS failures', 'max(t) FILTER (WHERE failed) AS failed_last']
        : ['0 AS failures', 'NULL::BIGINT AS failed_last']),
      ...seconds.map((sum, i) => `${sum} AS s${i}`),
      `${needs(({ measure }) => measure === 'bytes') ? 'sum(size)::DOUBLE' : '0'} AS bytes`,
    ];
    const results = [
      'max(last)::DOUBLE / 1000',
      'sum(spans)::DOUBLE',
      'sum(failures)::DOUBLE',
      ...columns.map((_, i) => `sum(s${i})::DOUBLE / 1e9`),
      'sum(bytes)::DOUBLE',
      'max(failed_last)::DOUBLE / 1000',
      ...this.#histograms.flatMap((_, i) =>
        boundsNs.map((_, bound) => `coalesce(sum(spans) FILTER (WHERE b${i} <= ${bound}), 0)::DOUBLE`),
      ),
    ];
    return (
      `SELECT ${[...keys, ...results].join(', ')} FROM (` +
      `SELECT ${[...keys, `${step} AS step`, ...own, ...counted].join(', ')} FROM (${this.rows}) GROUP BY ALL) ` +
      `GROUP BY ${[...keys, 'step'].join(', ')}`
    );
  }

  push(cell: (column: number) => unknown): void {
    const { family, metrics, labels } = this.wanted;
    const texts = labels.map((_, i) => cell(i) as string);
    const key = JSON.stringify(texts);
    let own = this.#known.get(key);
    if (own === undefined) {
      own = this.#buildersOf(texts);
      this.#known.set(key, own);
    }
    const at = texts.length;
    const number = (column: number) => (cell(at + column) ?? 0) as number;
    const micros = number(0);
    own.forEach((builders, m) => {
      const metric = metrics[m] as SpanMetric;
      const column = columnOf(metric);
      if (metric.part === 'bucket') {
        const first = 8 + this.#histograms.indexOf(column) * family.boundsNs.length;
        builders.forEach((builder, i) =>
          builder?.push(micros, i < family.boundsNs.length ? number(first + i) : number(1)),
        );
        return;
      }
      if (metric.part === 'sum') return builders[0]?.push(micros, number(3 + columns.indexOf(column)));
      const failed = metric.measure === 'failed';
      const count = number(failed ? 2 : metric.measure === 'bytes' ? 6 : 1);
      // What never happened has no series.
      if (count > 0) builders[0]?.push(failed ? number(7) : micros, count);
    });
  }

  finish(): SampleSeries[] {
    return [...this.#known.values()]
      .flat(2)
      .flatMap((builder) => (builder && !builder.empty ? [builder.finish()] : []));
  }

  #buildersOf(texts: readonly string[]): OfLabels {
    const { family, metrics, labels } = this.wanted;
    const shared = labels.map((label, i) => [label, texts[i] ?? ''] as const);
    return metrics.map((metric) => {
      const { name, part } = metric;
      if (!counts(metric, (label) => texts[labels.indexOf(label)])) return [];
      const bounds = part === 'bucket' ? family.le : [''];
      return bounds.map((bound) => {
        const labels = Labels.of([...shared, [metricName, name], ['le', bound]]);
        if (!matchesAll(labels, this.matchers)) return null;
        return new SeriesBuilder(labels, true, { name, type: part === 'total' ? 'sum' : 'histogram' });
      });
    });
  }
}

/** Whether a metric counts what has these labels. */
function counts({ measure }: SpanMetric, label: (name: string) => string | undefined): boolean {
  return measure !== 'messaging seconds' || label('connection_type') === messaging;
}

/** The number of the bucket that a value falls into. */
function bucketOf(column: string, boundsNs: readonly number[]): string {
  const cases = boundsNs.map((bound, i) => `WHEN ${column} <= ${bound} THEN ${i}`);
  return `CASE ${cases.join(' ')} ELSE ${boundsNs.length} END`;
}

const columns = ['server_ns', 'client_ns', 'messaging_ns'] as const;
type Seconds = (typeof columns)[number];

function columnOf({ measure }: SpanMetric): Seconds {
  if (measure === 'messaging seconds') return 'messaging_ns';
  return measure === 'client seconds' ? 'client_ns' : 'server_ns';
}
