import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { compileFocus, compilePipeline, type Spanset } from '../exec/evaluate.js';
import { candidates, padded } from '../load/candidates.js';
import { columnsFor, loadTraces, tracePadding } from '../load/traces.js';
import { isMissing, singleValue, type Field } from '../model/field.js';
import { intrinsics } from '../model/intrinsics.js';
import type { Focus, Span, Trace } from '../model/span.js';
import type { TimeRange } from '../model/time.js';
import { toAnyValue, type AnyValueJson } from '../model/value.js';
import { conditionsOf, fieldsOf } from '../plan/fields.js';
import { traceCondition } from '../plan/trace-condition.js';
import type { SpansetQuery } from '../syntax/ast.js';
import { blockMetrics, type SearchMetrics } from './blocks.js';

export interface SearchOptions {
  readonly range: TimeRange;
  readonly limit: number;
  /** Spans shown of each spanset; 0 for all. */
  readonly spansPerSpanset: number;
  /** Legacy searches by tags answer with traces alone. */
  readonly withSpansets: boolean;
}

interface Shared {
  readonly attributes?: readonly { readonly key: string; readonly value: AnyValueJson }[];
}

interface FoundSpan extends Shared {
  readonly spanID: string;
  readonly name: string | undefined;
  readonly startTimeUnixNano: string;
  readonly durationNanos: string;
}

interface FoundSpanset extends Shared {
  readonly spans: readonly FoundSpan[];
  readonly matched: number;
}

interface FoundTrace {
  readonly traceID: string;
  readonly rootServiceName: string;
  readonly rootTraceName: string | undefined;
  readonly startTimeUnixNano: string;
  readonly durationMs: number;
  readonly spanSet: FoundSpanset | undefined;
  readonly spanSets: readonly FoundSpanset[] | undefined;
  readonly serviceStats: Readonly<
    Record<string, { readonly spanCount: number; readonly errorCount?: number }>
  >;
}

/** Tempo's SearchResponse in protobuf's JSON mapping: 64-bit numbers are strings. */
export interface SearchAnswer {
  readonly traces: readonly FoundTrace[];
  readonly metrics: SearchMetrics;
}

/** Traces whose spans are loaded and evaluated together: more each time, as more were in vain. */
const largestBatch = 2000;
/** A query whose necessary conditions hardly narrow anything gives up here, with what it has. */
const maxInspectedTraces = 100_000;

const rootMissing = '<root span not yet received>';

/** Tempo's SearchResponse: the newest traces that match, up to the limit. */
export async function search(
  ctx: QueryContext,
  query: SpansetQuery,
  options: SearchOptions,
): Promise<SearchAnswer> {
  const evaluate = compilePipeline(query.pipeline);
  const fields = fieldsOf(query.pipeline);
  const columns = columnsFor(fields);
  const shown = { fields: shownFields(fields), focus: compileFocus(conditionsOf(query.pipeline)) };
  const found: { start: bigint; json: FoundTrace }[] = [];
  const yielder = new Yielder(ctx.signal);
  let [inspectedTraces, inspectedSpans] = [0, 0];
  const all = { start: options.range.start - tracePadding, end: options.range.end + tracePadding };
  let oldest = all.end;
  const looked = ({ start }: TimeRange) => {
    if (start < oldest) oldest = start;
  };

  let batchSize = Math.max(20, Math.min(options.limit, largestBatch));
  const condition = traceCondition(query.pipeline);
  scan: for await (const page of candidates(ctx, condition, fields, options.range, looked)) {
    for (let at = 0; at < page.length;) {
      const batch = page.slice(at, at + batchSize);
      at += batch.length;
      batchSize = Math.min(largestBatch, batchSize * 2);
      const around = padded(batch);
      looked(around);
      const traces = await loadTraces(
        ctx,
        batch.map((candidate) => candidate.traceId),
        around,
        columns,
      );
      const byId = new Map(traces.map((trace) => [trace.traceId, trace]));
      for (const { traceId } of batch) {
        ctx.signal.throwIfAborted();
        const trace = byId.get(traceId);
        if (!trace) continue;
        inspectedTraces++;
        if (yielder.due) await yielder.pause();
        inspectedSpans += trace.spans.length;
        if (trace.start >= options.range.end || trace.end < options.range.start) continue;
        const spansets = evaluate(trace);
        if (spansets.length === 0) continue;
        found.push({ start: trace.start, json: traceJson(trace, spansets, shown, options) });
        if (found.length >= options.limit) break scan;
      }
      if (inspectedTraces >= maxInspectedTraces) break scan;
    }
  }
  const blocks = await blockMetrics(ctx, all, { ...all, start: oldest });
  found.sort((a, b) => (a.start < b.start ? 1 : a.start > b.start ? -1 : 0));
  return {
    traces: found.map(({ json }) => json),
    metrics: { inspectedTraces, ...blocks, inspectedSpans: String(inspectedSpans) },
  };
}

interface Shown {
  readonly fields: ReadonlyMap<string, Field>;
  /** The event and link that made a span match, whose values are shown. */
  readonly focus: (span: Span) => Focus;
}

/** The fields of a query shown on its spans, each once; those with a place of their own are not repeated. */
function shownFields(fields: readonly Field[]): Map<string, Field> {
  const shown = new Map<string, Field>();
  for (const field of fields) {
    if (field.kind === 'intrinsic' && intrinsics[field.name].ownPlace) continue;
    if (field.kind === 'attribute' && field.parent) continue;
    const key = field.kind === 'intrinsic' ? field.name : `${field.scope}.${field.name}`;
    if (!shown.has(key)) shown.set(key, field);
  }
  return shown;
}

function traceJson(
  trace: Trace,
  spansets: readonly Spanset[],
  shown: Shown,
  options: SearchOptions,
): FoundTrace {
  const services = new Map<string, { spanCount: number; errorCount: number }>();
  for (const { row } of trace.spans) {
    const name = row.serviceName ?? '';
    const stats = services.get(name) ?? { spanCount: 0, errorCount: 0 };
    stats.spanCount++;
    if (row.status === 2) stats.errorCount++;
    services.set(name, stats);
  }
  const { root } = trace;
  const sets = options.withSpansets
    ? spansets.map((set) => spansetJson(set, shown, options.spansPerSpanset))
    : undefined;
  return {
    traceID: trace.traceId,
    rootServiceName: root ? (root.row.serviceName ?? '') : rootMissing,
    rootTraceName: root?.row.name,
    startTimeUnixNano: String(trace.start),
    durationMs: Number((trace.end - trace.start) / 1_000_000n),
    // Older versions of Grafana read the first spanset from here.
    spanSet: sets?.[0],
    spanSets: sets,
    serviceStats: Object.fromEntries(
      [...services].map(([name, { spanCount, errorCount }]) => [
        name,
        errorCount > 0 ? { spanCount, errorCount } : { spanCount },
      ]),
    ),
  };
}

function spansetJson(set: Spanset, shown: Shown, limit: number): FoundSpanset {
  const spans = limit > 0 ? set.spans.slice(0, limit) : set.spans;
  const attributes = set.attributes.map(([key, value]) => ({ key, value: toAnyValue(value) }));
  return {
    spans: spans.map((span) => spanJson(span, shown)),
    matched: set.spans.length,
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}

function spanJson(span: Span, { fields, focus }: Shown): FoundSpan {
  const attributes = span.focused(focus(span), () =>
    [...fields.values()].flatMap((field) => {
      const value = singleValue(span, field);
      return isMissing(field, value) ? [] : [{ key: field.name, value: toAnyValue(value) }];
    }),
  );
  return {
    spanID: span.row.spanId,
    name: span.row.name || undefined,
    startTimeUnixNano: String(span.row.start),
    durationNanos: String(span.row.duration),
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}
