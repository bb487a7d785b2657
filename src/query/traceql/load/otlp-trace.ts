import {
  parseAttributes,
  parseObjects,
  type AttributeMap,
  type TypedJson,
} from '../../attributes/typed-json.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { hour, second, startsWithin, type TimeRange } from '../model/time.js';
import { spanKey, withoutRepeats } from './repeats.js';
import { always, spanRows } from './rows.js';
import { maxSpansPerTrace } from './traces.js';
import { fewFirst } from './few-first.js';

/** A trace as OTLP's TracesData holds it (opentelemetry-proto trace/v1), before it is written as JSON or protobuf. */
export interface OtlpTrace {
  readonly resources: readonly OtlpResource[];
  readonly spans: number;
  /** More spans exist than the answer holds. */
  readonly truncated: boolean;
}

export interface OtlpResource {
  readonly attributes: AttributeMap;
  readonly droppedAttributes: number;
  readonly schemaUrl: string;
  readonly scopes: OtlpScope[];
}

export interface OtlpScope {
  readonly name: string;
  readonly version: string;
  readonly attributes: AttributeMap;
  readonly droppedAttributes: number;
  readonly schemaUrl: string;
  readonly spans: OtlpSpan[];
}

export interface OtlpSpan {
  /** Lower-case hex. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: AttributeMap;
  readonly droppedAttributes: number;
  readonly events: readonly OtlpEvent[];
  readonly droppedEvents: number;
  readonly links: readonly OtlpLink[];
  readonly droppedLinks: number;
  readonly statusCode: number;
  readonly statusMessage: string;
}

export interface OtlpEvent {
  readonly time: bigint;
  readonly name: string;
  readonly attributes: AttributeMap;
  readonly droppedAttributes: number;
}

export interface OtlpLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly attributes: AttributeMap;
  readonly droppedAttributes: number;
  readonly flags: number;
}

/** How far back the passes without a time hint look before the whole lake is read. */
const recentPasses = [2n * hour, 48n * hour];
/** A trace whose first span found is nearer than this to where its pass begins may have begun before. */
const neighbourhood = hour;
const clockAhead = 900n * second;

/**
 * All spans with this trace id. A hint says where to look first, but takes nothing off the trace; then the newest days come,
 * and only a trace that is not there costs a look into the whole lake. Null when there is none.
 */
export async function loadOtlpTrace(
  ctx: QueryContext,
  traceId: string,
  hint: TimeRange | null,
  now: bigint,
): Promise<OtlpTrace | null> {
  const located = await readLocated(ctx, traceId);
  if (located) return traceOf(ctx, traceId, located);
  const hinted = hint && (await readAround(ctx, traceId, hint));
  if (hinted && hinted.length > 0) return traceOf(ctx, traceId, hinted);
  for (const back of recentPasses) {
    const pass = { start: now - back - neighbourhood, end: now + clockAhead };
    const rows = await read(ctx, traceId, pass);
    const [first] = rows;
    if (first && (first.start_time_unix_nano as bigint) >= now - back) return traceOf(ctx, traceId, rows);
  }
  return traceOf(ctx, traceId, await read(ctx, traceId, null));
}

/** What starts in the range and next to it, and further out until the neighbourhood holds no more of the trace. */
async function readAround(ctx: QueryContext, traceId: string, range: TimeRange): Promise<Row[]> {
  for (let known = range; ;) {
    const around = { start: known.start - neighbourhood, end: known.end + neighbourhood };
    const rows = await read(ctx, traceId, around);
    const [first, last] = [rows[0], rows.at(-1)].map(
      (row) => row?.start_time_unix_nano as bigint | undefined,
    );
    if (first === undefined || last === undefined || rows.length > bound(ctx)) return rows;
    if (first >= known.start && last < known.end) return rows;
    known = {
      start: first < known.start ? first : known.start,
      end: last < known.end ? known.end : last + 1n,
    };
  }
}

function whereSql(traceId: string, range: TimeRange | null): string {
  const id = `trace_id = ${literal(traceId)}`;
  return range ? and([id, startsWithin(range).sql]) : id;
}

const columns = [
  ...['resource_attributes', 'resource_dropped_attributes_count', 'resource_schema_url', 'service_name'],
  ...[
    'scope_name',
    'scope_version',
    'scope_attributes',
    'scope_dropped_attributes_count',
    'scope_schema_url',
  ],
  ...['span_id', 'parent_span_id', 'trace_state', 'flags', 'span_name', 'span_kind'],
  ...['start_time_unix_nano', 'end_time_unix_nano', 'span_attributes', 'dropped_attributes_count'],
  ...['events_json', 'dropped_events_count', 'links_json', 'dropped_links_count'],
  ...['status_code', 'status_message'],
] as const;

type Row = Record<(typeof columns)[number], unknown>;

/** From the files that are known to have it; null when that is not known of all. */
async function readLocated(ctx: QueryContext, traceId: string): Promise<Row[] | null> {
  const { start: from, end: until } = always;
  const request = { table: 'spans', from, until, keys: [], traceId, located: true } as const;
  const rows = (await ctx.session.rowsOf?.(request)) ?? null;
  return rows === null ? null : readFrom(ctx, rows, whereSql(traceId, null));
}

/** Ordered by start; one more than the bound tells that there are more. */
async function read(ctx: QueryContext, traceId: string, range: TimeRange | null): Promise<Row[]> {
  return readFrom(ctx, await spanRows(ctx, range, [], undefined, { traceId }), whereSql(traceId, range));
}

async function readFrom(ctx: QueryContext, from: string, where: string): Promise<Row[]> {
  if (from === '') return [];
  let rows: Row[] = [];
  await fewFirst(bound(ctx) + 1, async (limit) => {
    rows = (await ctx.session.rows(
      `SELECT ${columns.join(', ')} FROM ${from} WHERE ${where} LIMIT ${limit}`,
      [],
      limit,
    )) as Row[];
    return rows.length;
  });
  return rows.sort((a, b) => Number((a.start_time_unix_nano as bigint) - (b.start_time_unix_nano as bigint)));
}

function bound(ctx: QueryContext): number {
  return Math.min(maxSpansPerTrace, ctx.limits.maxRows);
}

function traceOf(ctx: QueryContext, traceId: string, rows: readonly Row[]): OtlpTrace | null {
  if (rows.length === 0) return null;
  const within = rows.slice(0, bound(ctx));
  const unique = withoutRepeats(within, (row) => spanKey(string(row.span_id), integer(row.span_kind)));
  return { resources: group(unique, traceId), spans: unique.length, truncated: rows.length > within.length };
}

/** Rows share a resource and a scope when all of what describes them is the same text. */
function group(rows: readonly Row[], traceId: string): OtlpResource[] {
  const resources = new Map<string, OtlpResource>();
  const scopes = new Map<string, OtlpScope>();
  for (const row of rows) {
    const resourceKey = JSON.stringify([
      ...[row.resource_attributes, row.resource_schema_url, row.service_name],
      integer(row.resource_dropped_attributes_count),
    ]);
    let resource = resources.get(resourceKey);
    if (!resource) resources.set(resourceKey, (resource = resourceOf(row)));
    const scopeKey = JSON.stringify([
      ...[resourceKey, row.scope_name, row.scope_version, row.scope_attributes, row.scope_schema_url],
      integer(row.scope_dropped_attributes_count),
    ]);
    let scope = scopes.get(scopeKey);
    if (!scope) {
      scopes.set(scopeKey, (scope = scopeOf(row)));
      resource.scopes.push(scope);
    }
    scope.spans.push(spanOf(row, traceId));
  }
  return [...resources.values()];
}

function resourceOf(row: Row): OtlpResource {
  let attributes = parseAttributes(row.resource_attributes as string | null);
  if (typeof row.service_name === 'string' && !attributes.has('service.name')) {
    attributes = new Map([['service.name', row.service_name], ...attributes]);
  }
  return {
    attributes,
    droppedAttributes: integer(row.resource_dropped_attributes_count),
    schemaUrl: string(row.resource_schema_url),
    scopes: [],
  };
}

function scopeOf(row: Row): OtlpScope {
  return {
    name: string(row.scope_name),
    version: string(row.scope_version),
    attributes: parseAttributes(row.scope_attributes as string | null),
    droppedAttributes: integer(row.scope_dropped_attributes_count),
    schemaUrl: string(row.scope_schema_url),
    spans: [],
  };
}

function spanOf(row: Row, traceId: string): OtlpSpan {
  const start = row.start_time_unix_nano as bigint;
  return {
    traceId,
    spanId: string(row.span_id),
    parentSpanId: string(row.parent_span_id),
    traceState: string(row.trace_state),
    flags: integer(row.flags),
    name: string(row.span_name),
    kind: integer(row.span_kind),
    start,
    end: (row.end_time_unix_nano ?? start) as bigint,
    attributes: parseAttributes(row.span_attributes as string | null),
    droppedAttributes: integer(row.dropped_attributes_count),
    events: parseObjects(row.events_json as string | null).map((event) => ({
      time: BigInt(string(event.get('time_unix_nano')) || 0),
      name: string(event.get('name')),
      attributes: map(event.get('attributes')),
      droppedAttributes: integer(event.get('dropped_attributes_count')),
    })),
    droppedEvents: integer(row.dropped_events_count),
    links: parseObjects(row.links_json as string | null).map((link) => ({
      traceId: string(link.get('trace_id')),
      spanId: string(link.get('span_id')),
      traceState: string(link.get('trace_state')),
      attributes: map(link.get('attributes')),
      droppedAttributes: integer(link.get('dropped_attributes_count')),
      flags: integer(link.get('flags')),
    })),
    droppedLinks: integer(row.dropped_links_count),
    statusCode: integer(row.status_code),
    statusMessage: string(row.status_message),
  };
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'bigint' ? String(value) : '';
}

function integer(value: unknown): number {
  return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : 0;
}

function map(value: TypedJson | undefined): AttributeMap {
  return value instanceof Map ? value : new Map<string, TypedJson>();
}
