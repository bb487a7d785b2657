import { QueryError } from '../../../lake/query-error.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { candidates, padded } from '../load/candidates.js';
import { spanRows } from '../load/rows.js';
import { loadTraces, streamSpans } from '../load/traces.js';
import type { Span, SpanColumns } from '../model/span.js';
import { startsWithin, type TimeRange } from '../model/time.js';
import { exprFields, fieldsOf } from '../plan/fields.js';
import { filterSql, neededByAll } from '../plan/filter.js';
import { traceCondition } from '../plan/trace-condition.js';
import type { FieldExpr, Pipeline } from '../syntax/ast.js';
import { compileCondition, compilePipeline } from './evaluate.js';

const tracesPerBatch = 2000;

/** What spans a metrics query looks at. */
export interface SpanSelection {
  readonly pipeline: Pipeline;
  /** The pipeline's conditions when it is nothing but filters. */
  readonly conditions: readonly FieldExpr[] | null;
  readonly columns: SpanColumns;
  readonly range: TimeRange;
  /** Something else than the pipeline asks for the span's trace. */
  readonly wholeTraces: boolean;
}

/**
 * The spans that a pipeline leaves, of those that start in the range: one by one, or trace by trace where it asks for more
 * than the span itself. Throws QueryError when it looks at too many.
 */
export async function* matchedSpans(ctx: QueryContext, selection: SpanSelection): AsyncGenerator<Span> {
  const { pipeline, conditions, columns, range, wholeTraces } = selection;
  let looked = 0;
  const count = (spans: number) => {
    looked += spans;
    if (looked > ctx.limits.maxSamples) {
      throw new QueryError('limit', `the query looks at more than ${ctx.limits.maxSamples} spans`);
    }
  };
  if (conditions && !wholeTraces) {
    const matches = conditions.map(compileCondition);
    const where = and([startsWithin(range).sql, ...conditions.map((condition) => filterSql(condition).sql)]);
    const from = await spanRows(ctx, range, conditions.flatMap(exprFields), neededByAll(conditions));
    for await (const spans of streamSpans(ctx, from, columns, where)) {
      count(spans.length);
      for (const span of spans) if (matches.every((match) => match(span))) yield span;
    }
    return;
  }
  const evaluate = compilePipeline(pipeline);
  const yielder = new Yielder(ctx.signal);
  for await (const page of candidates(ctx, traceCondition(pipeline), fieldsOf(pipeline), range)) {
    for (let at = 0; at < page.length; at += tracesPerBatch) {
      const batch = page.slice(at, at + tracesPerBatch);
      const ids = batch.map(({ traceId }) => traceId);
      for (const trace of await loadTraces(ctx, ids, padded(batch), columns)) {
        ctx.signal.throwIfAborted();
        count(trace.spans.length);
        if (yielder.due) await yielder.pause();
        for (const set of evaluate(trace)) {
          for (const span of set.spans) {
            if (span.row.start >= range.start && span.row.start < range.end) yield span;
          }
        }
      }
    }
  }
}
