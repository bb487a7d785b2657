import { QueryError } from '../../lake/query-error.js';
import type { Endpoint, Endpoints } from '../server/endpoint.js';
import type { QueryContext, QueryLimits } from '../server/guard.js';
import { invalid } from '../server/params.js';
import { json } from '../server/reply.js';
import { literal } from '../sql/literal.js';
import { byteOrder } from '../text/byte-order.js';
import { jaegerTrace } from './api/jaeger-json.js';
import { nowNs, TempoParams } from './api/params.js';
import { search } from './api/search.js';
import { tagValues } from './api/tags.js';
import { loadOtlpTrace } from './load/otlp-trace.js';
import { startsWithin, type TimeRange } from './model/time.js';
import { kindNames } from './model/value.js';
import { parseSpansetQuery } from './syntax/parser.js';

const maxNames = 10_000;
const maxTraces = 1500;
const clockAhead = 900_000_000_000n;

/** Jaeger's answers (cmd/query, http_handler.go): `data`, and the rest of an envelope that nobody pages by. */
function answer(data: readonly unknown[]) {
  return json({ data, total: data.length, limit: 0, offset: 0, errors: null });
}

const services: Endpoint = (_request, limits) => async (ctx) => {
  const field = { kind: 'attribute', scope: 'resource', name: 'service.name', parent: false, at: 0 } as const;
  const { found } = await tagValues(ctx, field, { range: longest(limits), limit: maxNames, filter: null });
  return answer(found.flatMap((value) => (value.type === 'string' ? [value.value] : [])).sort(byteOrder));
};

const operationsOfService: Endpoint = (request, limits) => async (ctx) => {
  const found = await operations(ctx, request.params['service'] ?? '', undefined, longest(limits));
  return answer([...new Set(found.map(({ name }) => name))]);
};

const operationsAndKinds: Endpoint = (request, limits) => {
  const params = new TempoParams(request);
  const service = params.required('service');
  const kind = params.text('spanKind');
  return async (ctx) => answer(await operations(ctx, service, kind, longest(limits)));
};

async function operations(ctx: QueryContext, service: string, kind: string | undefined, range: TimeRange) {
  const code = kind === undefined ? -1 : kindNames.indexOf(kind.toLowerCase() as 'server');
  if (kind !== undefined && code < 0) throw invalid('spanKind', `it must be one of ${kindNames.join(', ')}`);
  const rows = await ctx.session.rows(
    `SELECT DISTINCT span_name AS name, coalesce(span_kind, 0) AS kind FROM lake.spans
     WHERE ${startsWithin(range).sql} AND service_name = ${literal(service)} AND span_name IS NOT NULL
       ${code < 0 ? '' : `AND coalesce(span_kind, 0) = ${code}`}
     ORDER BY name, kind LIMIT ${maxNames}`,
    [],
    maxNames,
  );
  return rows.map((row) => {
    const of = Number(row['kind']);
    return { name: row['name'] as string, spanKind: of === 0 ? '' : (kindNames[of] ?? '') };
  });
}

const trace: Endpoint = (request) => {
  const id = traceIdOf(request.params['id'] ?? '');
  return async (ctx) => {
    const found = await loadOtlpTrace(ctx, id, null, nowNs());
    if (!found) throw new QueryError('not_found', 'trace not found');
    return answer([jaegerTrace(id, found)]);
  };
};

const traces: Endpoint = (request, limits) => {
  const params = new TempoParams(request);
  const ids = params
    .all('traceID')
    .filter((id) => id !== '')
    .map(traceIdOf);
  const until = micros(params, 'end') ?? nowNs() + clockAhead;
  const from = micros(params, 'start') ?? until - 3_600_000_000_000n;
  if (until <= from) throw invalid('end', 'it must be behind start');
  if (until - from > BigInt(limits.maxRangeMs) * 1_000_000n) {
    throw new QueryError('bad_data', `the time range is longer than ${limits.maxRangeMs / 3_600_000} h`);
  }
  const range = { start: from, end: until + 1n };
  const limit = Math.min(params.integer('limit', 20, 1), maxTraces);
  if (ids.length > maxTraces) throw invalid('traceID', `at most ${maxTraces} traces`);
  const query = ids.length === 0 ? parseSpansetQuery(conditions(params)) : null;
  return async (ctx) => {
    const wanted = query
      ? (await search(ctx, query, { range, limit, spansPerSpanset: 1, withSpansets: false })).traces
      : ids.map((traceID) => ({ traceID, startTimeUnixNano: null }));
    const found: object[] = [];
    let spans = 0;
    for (const { traceID, startTimeUnixNano } of wanted) {
      const start = startTimeUnixNano === null ? null : BigInt(startTimeUnixNano);
      const hint = start === null ? null : { start, end: start + 1n };
      const one = await loadOtlpTrace(ctx, traceID, hint, nowNs());
      spans += one?.spans ?? 0;
      if (spans > ctx.limits.maxRows) {
        throw new QueryError(
          'limit',
          `these traces have more than ${ctx.limits.maxRows} spans; lower the limit`,
        );
      }
      if (one) found.push(jaegerTrace(traceID, one));
    }
    return answer(found);
  };
};

/** The span that is looked for, in TraceQL. */
function conditions(params: TempoParams): string {
  const parts = [`resource.service.name = ${quoted(params.required('service'))}`];
  const operation = params.text('operation');
  if (operation !== undefined) parts.push(`name = ${quoted(operation)}`);
  const [min, max] = [params.lasting('minDuration'), params.lasting('maxDuration')];
  if (min !== undefined) parts.push(`duration >= ${min}ns`);
  if (max !== undefined) parts.push(`duration <= ${max}ns`);
  for (const [key, value] of tagPairs(params)) parts.push(tagCondition(key, value));
  return `{ ${parts.join(' && ')} }`;
}

/** `tags` is a JSON object of strings, `tag` is `key:value`, as often as there are. */
function tagPairs(params: TempoParams): [string, string][] {
  const pairs = params.all('tag').map((pair): [string, string] => {
    const colon = pair.indexOf(':');
    if (colon < 1) throw invalid('tag', 'it must be key:value');
    return [pair.slice(0, colon), pair.slice(colon + 1)];
  });
  const text = params.text('tags');
  if (text === undefined) return pairs;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid('tags', 'it must be a JSON object of texts');
  }
  return [...pairs, ...Object.entries(parsed).map(([key, value]): [string, string] => [key, String(value)])];
}

function tagCondition(key: string, value: string): string {
  if (key === 'error' && value === 'true') return 'status = error';
  if (key === 'span.kind' && (kindNames as readonly string[]).includes(value)) return `kind = ${value}`;
  const field = `.${quoted(key)}`;
  const options = [`${field} = ${quoted(value)}`];
  if (/^-?\d{1,18}$/.test(value) || /^-?\d+\.\d+$/.test(value)) options.push(`${field} = ${value}`);
  if (value === 'true' || value === 'false') options.push(`${field} = ${value}`);
  return `(${options.join(' || ')})`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Which service calls which, in the time before `endTs`, both in milliseconds. */
const dependencies: Endpoint = (request, limits) => {
  const params = new TempoParams(request);
  const end = BigInt(params.integer('endTs', Date.now())) * 1_000_000n;
  const back = Math.min(params.integer('lookback', 86_400_000, 1), limits.maxRangeMs);
  const range = { start: end - BigInt(back) * 1_000_000n, end: end + 1n };
  return async (ctx) => {
    const rows = await ctx.session.rows(
      `WITH spans AS (
         SELECT trace_id, span_id, parent_span_id, service_name FROM lake.spans WHERE ${startsWithin(range).sql}
       )
       SELECT parent.service_name AS parent, child.service_name AS child, count(*) AS calls
       FROM spans child JOIN spans parent
         ON child.trace_id = parent.trace_id AND child.parent_span_id = parent.span_id
       WHERE parent.service_name IS NOT NULL AND child.service_name IS NOT NULL
         AND parent.service_name <> child.service_name
       GROUP BY ALL ORDER BY ALL LIMIT ${maxNames}`,
      [],
      maxNames,
    );
    return answer(
      rows.map((row) => ({ parent: row['parent'], child: row['child'], callCount: Number(row['calls']) })),
    );
  };
};

function longest({ maxRangeMs }: QueryLimits): TimeRange {
  const end = nowNs() + clockAhead;
  return { start: end - BigInt(maxRangeMs) * 1_000_000n, end };
}

function micros(params: TempoParams, name: string): bigint | undefined {
  const text = params.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,16}$/.test(text)) throw invalid(name, 'it must be unix microseconds');
  return BigInt(text) * 1000n;
}

function traceIdOf(text: string): string {
  if (!/^[0-9a-fA-F]{1,32}$/.test(text)) throw invalid('traceID', 'it must be up to 32 hexadecimal digits');
  return text.toLowerCase().padStart(32, '0');
}

/** The endpoints of Jaeger's query API. */
export const jaegerEndpoints = {
  jaeger_services: services,
  jaeger_service_operations: operationsOfService,
  jaeger_operations: operationsAndKinds,
  jaeger_trace: trace,
  jaeger_traces: traces,
  jaeger_dependencies: dependencies,
} as const satisfies Endpoints;
