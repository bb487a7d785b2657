import { checkSeries } from '../../../series/context.js';
import { Labels, metricName } from '../../../series/labels.js';
import { matchesAll } from '../../../series/matchers.js';
import type { SampleSeries } from '../../../series/samples.js';
import type { Window } from '../../plan/times.js';
import type { Account } from '../request.js';
import { Builders, columnOf, counts } from './builders.js';
import { countedRows } from './statements.js';
import { wantedOf, type SpanMetricsRequest } from './wanted.js';

export { spanMetricMetadata } from './families.js';
export { possibleSeries, spanListing, spanMetricNamesIn } from './listing.js';

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
