import type { ResultChunk } from '../../../lake/session.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { literal, literalList } from '../../sql/literal.js';
import { entriesOf, type Field } from '../model/field.js';
import { AttributeCache, Span, Trace, type SpanColumns, type SpanRow } from '../model/span.js';
import { hour, startsWithin, type TimeRange } from '../model/time.js';
import { spanKey, withoutRepeats } from './repeats.js';
import { spanRows } from './rows.js';
import { fewFirst } from './few-first.js';

/** How many spans of one trace are looked at; the rest is left out and the answer says so. */
export const maxSpansPerTrace = 100_000;

/**
 * Traces reach beyond the stretch in which a search found one of their spans: this much on either side is
 * read as well. Spans further away are not seen by a search (by the trace's id they are).
 */
export const tracePadding = hour / 2n;

/** The wide columns that these fields need. */
export function columnsFor(fields: readonly Field[]): SpanColumns {
  const scopes = new Set(fields.flatMap((field) => (field.kind === 'attribute' ? [field.scope] : [])));
  const entries = new Set(fields.map(entriesOf));
  return {
    spanAttributes: scopes.has('span') || scopes.has('none'),
    resourceAttributes: scopes.has('resource') || scopes.has('none'),
    scopeAttributes: scopes.has('instrumentation'),
    events: entries.has('event'),
    links: entries.has('link'),
  };
}

function spanSelect(columns: SpanColumns): string {
  const wide = (wanted: boolean, name: string) => (wanted ? name : 'NULL');
  return [
    ...['trace_id', 'span_id', 'parent_span_id', 'span_name', 'span_kind', 'status_code', 'status_message'],
    ...['start_time_unix_nano', 'end_time_unix_nano', 'duration_nano'],
    ...['service_name', 'scope_name', 'scope_version'],
    wide(columns.spanAttributes, 'span_attributes'),
    wide(columns.resourceAttributes, 'resource_attributes'),
    wide(columns.scopeAttributes, 'scope_attributes'),
    wide(columns.events, 'events_json'),
    wide(columns.links, 'links_json'),
  ].join(', ');
}

/** Row `r` of a chunk that `spanSelect` names the columns of. */
function spanRow(columns: ResultChunk['columns'], r: number): SpanRow {
  const string = (c: number) => (columns[c]?.[r] ?? null) as string | null;
  const integer = (c: number) => Number(columns[c]?.[r] ?? 0);
  const start = (columns[7]?.[r] ?? 0n) as bigint;
  const end = (columns[8]?.[r] ?? start) as bigint;
  return {
    traceId: string(0) ?? '',
    spanId: string(1) ?? '',
    parentSpanId: string(2),
    name: string(3) ?? '',
    kind: integer(4),
    status: integer(5),
    statusMessage: string(6) ?? '',
    start,
    end,
    duration: (columns[9]?.[r] ?? end - start) as bigint,
    serviceName: string(10),
    scopeName: string(11),
    scopeVersion: string(12),
    spanAttributes: string(13),
    resourceAttributes: string(14),
    scopeAttributes: string(15),
    events: string(16),
    links: string(17),
  };
}

/** Spans as they stream in, in no order. `from`: what `spanRows` gives. */
export async function* streamSpans(
  ctx: QueryContext,
  from: string,
  columns: SpanColumns,
  where: string,
  limit?: number,
): AsyncGenerator<Span[]> {
  const cache = new AttributeCache();
  const yielder = new Yielder(ctx.signal);
  const sql = `SELECT ${spanSelect(columns)} FROM ${from} WHERE ${where}${limit === undefined ? '' : ` LIMIT ${limit}`}`;
  for await (const chunk of ctx.session.stream(sql)) {
    ctx.signal.throwIfAborted();
    const spans: Span[] = [];
    for (let r = 0; r < chunk.rowCount; r++) spans.push(new Span(spanRow(chunk.columns, r), cache));
    yield spans;
    if (yielder.due) await yielder.pause();
  }
}

/** Above this a scan that compares each id with each span takes longer than a join. */
const mostCompared = 64;

/** A condition on spans. The scan applies the one before it reads other columns of a span; an IN list is a join, for which it reads all of them. */
export function isOneOf(ids: readonly string[]): string {
  if (ids.length > mostCompared) return `trace_id IN ${literalList(ids)}`;
  return `list_contains([${ids.map(literal).join(', ')}], trace_id)`;
}

/**
 * The spans of these traces that start within the range, which covers each trace with its padding. When
 * together they exceed the row limit the batch is split, and a single trace beyond it is cut.
 */
export async function loadTraces(
  ctx: QueryContext,
  ids: readonly string[],
  range: TimeRange,
  columns: SpanColumns,
): Promise<Trace[]> {
  if (ids.length === 0) return [];
  const bound = Math.min(ctx.limits.maxRows, maxSpansPerTrace);
  const where = and([isOneOf(ids), startsWithin(range).sql]);
  const byTrace = new Map<string, Span[]>();
  const from = await spanRows(ctx, range);
  const load = async (limit: number) => {
    let rows = 0;
    byTrace.clear();
    for await (const spans of streamSpans(ctx, from, columns, where, limit)) {
      rows += spans.length;
      for (const span of spans) {
        const group = byTrace.get(span.row.traceId);
        if (group) group.push(span);
        else byTrace.set(span.row.traceId, [span]);
      }
    }
    return rows;
  };
  // Few traces seldom have more spans than are held.
  const rows = await (ids.length > mostCompared ? load(bound + 1) : fewFirst(bound + 1, load));
  if (rows > bound && ids.length > 1) {
    const half = Math.ceil(ids.length / 2);
    return [
      ...(await loadTraces(ctx, ids.slice(0, half), range, columns)),
      ...(await loadTraces(ctx, ids.slice(half), range, columns)),
    ];
  }
  return [...byTrace].map(([id, spans]) => {
    spans.sort((a, b) => (a.row.start < b.row.start ? -1 : a.row.start > b.row.start ? 1 : 0));
    const unique = withoutRepeats(spans, ({ row }) => spanKey(row.spanId, row.kind));
    return new Trace(id, unique.slice(0, bound), rows > bound);
  });
}
