import { QueryError } from '../../../lake/query-error.js';
import type { QueryContext } from '../../server/guard.js';
import { floatText, labelName, type Labels } from '../../series/labels.js';
import { discover, sourcePredicate, streamId } from '../load/discover.js';
import { labelMatchers } from '../load/load.js';
import { compileMatcher, matchesAll } from '../../series/matchers.js';
import { partSeries } from '../load/samples.js';
import { sourcesFor } from '../load/sources.js';
import { Pacer } from '../../series/yielder.js';
import { selectors, type Expr } from '../syntax/ast.js';
import type { Window } from '../plan/plan.js';

export interface Exemplar {
  readonly labels: Record<string, string>;
  readonly value: string;
  /** Unix seconds. */
  readonly timestamp: number;
}

export interface ExemplarSeries {
  readonly seriesLabels: Record<string, string>;
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
  const pacer = new Pacer(ctx.signal);
  const found = new Map<string, { labels: Labels; exemplars: Map<string, Exemplar> }>();
  let count = 0;
  for (const selector of selectors(expr)) {
    const compiled = selector.matchers.map(compileMatcher);
    const matchers = labelMatchers(compiled);
    for (const source of sourcesFor(compiled)) {
      const part = source.parts.find((candidate) => candidate === 'value' || candidate === 'bucket');
      if (!part) continue;
      const streams = await discover(ctx, pacer, source, matchers, window, ctx.limits.maxSeries);
      if (streams.length === 0) continue;
      const series = new Map(
        streams.map((stream) => [stream.id, { bounds: stream.bounds, labels: partSeries(part, stream) }]),
      );
      const where = sourcePredicate(source, matchers, window);
      const sql =
        `SELECT ${streamId(source.table, ctx.limits.scopeLabels)}, exemplars_json FROM lake.main.${source.table} ` +
        `WHERE ${where.sql} AND exemplars_json IS NOT NULL`;
      for await (const chunk of ctx.session.stream(sql, where.params)) {
        for (let row = 0; row < chunk.rowCount; row++) {
          if (pacer.due) await pacer.pause();
          const own = series.get(chunk.columns[0]?.[row] as number);
          if (!own) continue;
          for (const stored of JSON.parse(chunk.columns[1]?.[row] as string) as StoredExemplar[]) {
            const value = Number(stored.value);
            const at = own.bounds.findIndex((bound) => value <= bound);
            const labels = own.labels[at < 0 ? own.labels.length - 1 : at];
            const ms = Number(BigInt(stored.time_unix_nano) / 1_000_000n);
            if (!labels || !matchesAll(labels, matchers) || ms <= window.from || ms > window.to) continue;
            if (++count > ctx.limits.maxRows) {
              throw new QueryError(
                'limit',
                `the query finds more than ${ctx.limits.maxRows} exemplars; narrow its range`,
              );
            }
            const entry = found.get(labels.key) ?? { labels, exemplars: new Map<string, Exemplar>() };
            found.set(labels.key, entry);
            const exemplar = {
              labels: exemplarLabels(stored),
              value: floatText(value),
              timestamp: ms / 1000,
            };
            entry.exemplars.set(JSON.stringify(exemplar), exemplar);
          }
        }
      }
    }
  }
  return [...found.values()]
    .sort((a, b) => a.labels.compare(b.labels))
    .map(({ labels, exemplars }) => ({
      seriesLabels: labels.toRecord(),
      exemplars: [...exemplars.values()].sort((a, b) => a.timestamp - b.timestamp),
    }));
}

function exemplarLabels(stored: StoredExemplar): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(stored.filtered_attributes ?? {})) {
    labels[labelName(key)] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  if (stored.trace_id) labels.trace_id = stored.trace_id;
  if (stored.span_id) labels.span_id = stored.span_id;
  return labels;
}
