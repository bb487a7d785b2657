import { QueryError } from '../../../lake/query-error.js';
import type { QueryContext } from '../../server/guard.js';
import { Labels } from '../../series/labels.js';
import { floatText } from '../../text/numbers.js';
import { discover, sourcePredicate } from '../load/discover.js';
import { labelMatchers } from '../load/load.js';
import { compileMatcher, matchesAll } from '../../series/matchers.js';
import { partSeries } from '../load/streams.js';
import { selects, sourcesFor, suffixes } from '../load/sources.js';
import { spanMetricExemplars } from '../load/span-metrics/index.js';
import { Yielder } from '../../series/yielder.js';
import { selectors, type Expr } from '../syntax/ast.js';
import type { Window } from '../plan/times.js';

interface Exemplar {
  readonly labels: Labels;
  readonly value: string;
  /** Unix seconds. */
  readonly timestamp: number;
}

export interface ExemplarSeries {
  readonly seriesLabels: Labels;
  readonly exemplars: readonly Exemplar[];
}

/** As the decoder writes them into `exemplars_json`. */
interface StoredExemplar {
  readonly time_unix_nano: string;
  readonly value: number | string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly filtered_attributes?: Record<string, unknown>;
}

/** Exemplars of every selector of the expression. Those of a histogram belong to the bucket they fell into. */
export async function findExemplars(
  ctx: QueryContext,
  expr: Expr,
  window: Window,
): Promise<ExemplarSeries[]> {
  const yielder = new Yielder(ctx.signal);
  const found = new Map<string, { labels: Labels; exemplars: Map<string, Exemplar> }>();
  let count = 0;
  const add = (labels: Labels, exemplar: Exemplar) => {
    if (++count > ctx.limits.maxRows) {
      throw new QueryError(
        'limit',
        `the query finds more than ${ctx.limits.maxRows} exemplars; narrow its range`,
      );
    }
    const entry = found.get(labels.key) ?? { labels, exemplars: new Map<string, Exemplar>() };
    found.set(labels.key, entry);
    entry.exemplars.set(JSON.stringify(exemplar), exemplar);
  };
  for (const selector of selectors(expr)) {
    const compiled = selector.matchers.map((matcher) => compileMatcher(matcher));
    const matchers = labelMatchers(compiled);
    const taken = new Set<string>();
    for (const source of sourcesFor(compiled)) {
      // By the plain name of a histogram its exemplars belong to the native one.
      const parts = (['value', 'bucket', 'native'] as const).filter((one) => source.parts.includes(one));
      if (parts.length === 0) continue;
      const { streams, id } = await discover(ctx, yielder, source, matchers, window, ctx.limits.maxSeries);
      if (streams.length === 0) continue;
      const series = new Map<number, { bounds: readonly number[]; labels: readonly Labels[] }>();
      for (const stream of streams) {
        const part = parts.find((one) => selects(source, one, stream, compiled));
        if (!part) continue;
        taken.add(stream.name + suffixes[part]);
        const bounds = part === 'bucket' ? stream.bounds : [];
        series.set(stream.id, { bounds, labels: partSeries(part, stream) });
      }
      const where = sourcePredicate(source, matchers, window);
      const sql =
        `SELECT ${id}, exemplars_json FROM lake.main.${source.table} ` +
        `WHERE ${where.sql} AND exemplars_json IS NOT NULL`;
      for await (const chunk of ctx.session.stream(sql)) {
        for (let row = 0; row < chunk.rowCount; row++) {
          if (yielder.due) await yielder.pause();
          const own = series.get(chunk.columns[0]?.[row] as number);
          if (!own) continue;
          for (const stored of JSON.parse(chunk.columns[1]?.[row] as string) as StoredExemplar[]) {
            const value = Number(stored.value);
            const at = own.bounds.findIndex((bound) => value <= bound);
            const labels = own.labels[at < 0 ? own.labels.length - 1 : at];
            const ms = Number(BigInt(stored.time_unix_nano) / 1_000_000n);
            if (!labels || !matchesAll(labels, matchers) || ms <= window.from || ms > window.to) continue;
            add(labels, { labels: exemplarLabels(stored), value: floatText(value), timestamp: ms / 1000 });
          }
        }
      }
    }
    const ofSpans = spanMetricExemplars({ ctx, yielder, matchers: compiled, window, taken });
    for await (const { labels, traceId, seconds, ms } of ofSpans) {
      const exemplar = Labels.of([['trace_id', traceId]]);
      add(labels, { labels: exemplar, value: floatText(seconds), timestamp: ms / 1000 });
    }
  }
  return [...found.values()]
    .sort((a, b) => a.labels.compare(b.labels))
    .map(({ labels, exemplars }) => ({
      seriesLabels: labels,
      exemplars: [...exemplars.values()].sort((a, b) => a.timestamp - b.timestamp),
    }));
}

/** Attributes keep their names, as in Prometheus; `__name__` only tells that they are labels. */
function exemplarLabels(stored: StoredExemplar): Labels {
  const attributes = Object.entries(stored.filtered_attributes ?? {})
    .filter(([key]) => key !== '__name__')
    .map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
  // Ids of another length than those of OpenTelemetry are attributes.
  const { trace_id, span_id } = stored;
  return Labels.of([
    ...attributes,
    ...(trace_id ? [['trace_id', trace_id] as const] : []),
    ...(span_id ? [['span_id', span_id] as const] : []),
  ]);
}
