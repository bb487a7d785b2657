import { QueryError } from '../../lake/query-error.js';
import type { Endpoint, Endpoints, QueryAnswer, QueryRequest } from '../server/endpoint.js';
import type { QueryContext, QueryLimits } from '../server/guard.js';
import { json, streamed } from '../server/reply.js';
import { byteOrder } from '../text/byte-order.js';
import { legacyPipeline, parseLogfmt } from './api/legacy-tags.js';
import { scopesProtobuf, searchProtobuf, textsProtobuf, valuesProtobuf } from './api/answers-protobuf.js';
import { metricsAnswer, metricsMessage } from './api/metrics.js';
import { resourceSpansJson } from './api/otlp-json.js';
import { traceByIdProtobuf, traceProtobuf } from './api/otlp-protobuf.js';
import {
  hintedRange,
  invalid,
  keptRange,
  metricsRange,
  nowNs,
  searchRange,
  TempoParams,
} from './api/params.js';
import { search } from './api/search.js';
import { listingMetrics, type ListingMetrics } from './api/blocks.js';
import { lenientFilter, tagNames, tagScopes, tagValues, tagValueType, type TagScope } from './api/tags.js';
import { loadOtlpTrace, type OtlpTrace } from './load/otlp-trace.js';
import type { AttributeField } from './model/attributes.js';
import type { Field } from './model/field.js';
import { display, type Value } from './model/value.js';
import { parseFieldName, parseMetricsQuery, parseSpansetQuery } from './syntax/parser.js';

const protobuf = 'application/protobuf';
const defaultTags = 5000;
const mostExemplars = 100;

function trace(answer: (trace: OtlpTrace | null, protobuf: boolean) => QueryAnswer): Endpoint {
  return (request, limits) => {
    const id = traceId(request.params['id'] ?? '');
    const hint = hintedRange(new TempoParams(request), limits);
    return async (ctx) => {
      return answer(await loadOtlpTrace(ctx, id, hint, nowNs()), wantsProtobuf(request));
    };
  };
}

const traceV1 = trace((found, asMessage) => {
  if (!found) throw new QueryError('not_found', 'trace not found');
  if (asMessage) return binary(traceProtobuf(found));
  return json({ batches: found.resources.map(resourceSpansJson) });
});

/** Of a trace that is not there, the second version gives an empty one. */
const traceV2 = trace((found, asMessage) => {
  if (!found) return asMessage ? binary(new Uint8Array(0)) : json({ trace: {}, metrics: {} });
  const message = found.truncated ? `the trace has more spans than the ${found.spans} shown` : '';
  if (asMessage) return binary(traceByIdProtobuf(found, message));
  return json({
    trace: { resourceSpans: found.resources.map(resourceSpansJson) },
    metrics: {},
    ...(message === '' ? {} : { status: 'PARTIAL', message }),
  });
});

const searchTraces: Endpoint = (request, limits) => {
  const params = new TempoParams(request);
  const [q, tags] = [params.text('q'), params.text('tags')];
  if (q !== undefined && tags !== undefined) {
    throw new QueryError('bad_data', "invalid request: can't specify tags and q in the same query");
  }
  const options = {
    range: searchRange(params, limits),
    limit: Math.min(params.positive('limit', 20), limits.maxRows),
    spansPerSpanset: params.integer('spss', 3, 0),
    withSpansets: q !== undefined,
  };
  // Tempo reads durations beside `q` too, and does not use them.
  const durations = legacyDurations(params);
  const query = q === undefined ? legacyQuery(params, tags, durations) : parseSpansetQuery(q);
  return async (ctx) => {
    const found = await search(ctx, query, options);
    return wantsProtobuf(request) ? binary(searchProtobuf(found)) : json(found);
  };
};

function tagOptions(params: TempoParams, limits: QueryLimits) {
  return {
    range: keptRange(params, limits),
    limit: params.integer('limit', defaultTags, 0, limits.maxRows) || defaultTags,
    filter: lenientFilter(params.text('q')),
  };
}

interface ScopeTags {
  readonly name: TagScope;
  readonly tags: string[];
}

type ScopesAnswer = (
  scopes: readonly ScopeTags[],
  metrics: ListingMetrics,
  request: QueryRequest,
) => QueryAnswer;

function tags(answer: ScopesAnswer): Endpoint {
  return (request, limits) => {
    const options = tagOptions(new TempoParams(request), limits);
    const scopes = scopesOf(new TempoParams(request).text('scope'));
    return async (ctx) => {
      const { found, rows } = await tagNames(ctx, scopes, options);
      const metrics = await listingMetrics(ctx, options.range, rows);
      const filled = found.filter(({ tags }) => tags.length > 0);
      return answer(filled, metrics, request);
    };
  };
}

const tagsV1 = tags((scopes, metrics, request) => {
  const given = new TempoParams(request).text('scope') !== undefined;
  const shown = given ? scopes : scopes.filter(({ name }) => name === 'resource' || name === 'span');
  const tagNames = [...new Set(shown.flatMap(({ tags }) => tags))].sort(byteOrder);
  return wantsProtobuf(request) ? binary(textsProtobuf(tagNames, metrics)) : json({ tagNames, metrics });
});

const tagsV2 = tags((scopes, metrics, request) =>
  wantsProtobuf(request) ? binary(scopesProtobuf(scopes, metrics)) : json({ scopes, metrics }),
);

function values<T>(
  fieldOf: (name: string) => Field,
  shown: (value: Value) => T,
  message: (values: readonly T[], metrics: ListingMetrics) => Uint8Array,
): Endpoint {
  return (request, limits) => {
    const field = fieldOf(tagName(request));
    const options = tagOptions(new TempoParams(request), limits);
    return async (ctx: QueryContext) => {
      const { found, rows } = await tagValues(ctx, field, options);
      const metrics = await listingMetrics(ctx, options.range, rows);
      const values = found.map(shown);
      return wantsProtobuf(request) ? binary(message(values, metrics)) : json({ tagValues: values, metrics });
    };
  };
}

const valuesV1 = values(
  (name) => {
    const plain: AttributeField = { kind: 'attribute', scope: 'none', name, parent: false, at: 0 };
    return parseFieldName(name) ?? plain;
  },
  display,
  textsProtobuf,
);

const valuesV2 = values(
  (name) => {
    const field = parseFieldName(name);
    if (field) return field;
    throw new QueryError(
      'bad_data',
      `please provide a valid tagName: ${JSON.stringify(name)} is no TraceQL field; attributes are .x, span.x, resource.x`,
    );
  },
  (value) => ({ type: tagValueType(value), value: display(value) }),
  valuesProtobuf,
);

function metrics(instant: boolean): Endpoint {
  return (request, limits) => {
    const params = new TempoParams(request);
    const text = params.text('q') ?? params.text('query');
    if (text === undefined) throw invalid('q', 'a TraceQL metrics query is required');
    const query = parseMetricsQuery(text);
    const range = metricsRange(params, limits, instant);
    const asked = instant ? 0 : params.integer('exemplars', 100, 0, 10_000);
    const exemplars = hintedExemplars(query.hints.get('exemplars')) ?? (asked || mostExemplars);
    const options = { range, instant, exemplars: Math.min(exemplars, mostExemplars) };
    return async (ctx) =>
      wantsProtobuf(request)
        ? binary(await metricsMessage(ctx, query, options))
        : streamed(await metricsAnswer(ctx, query, options));
  };
}

/** `with(exemplars=10)` or `with(exemplars=false)`, which count more than the parameter. */
function hintedExemplars(hint: Value | undefined): number | undefined {
  if (hint?.type === 'int') return Math.max(0, Number(hint.value));
  return hint?.type === 'bool' && !hint.value ? 0 : undefined;
}

/** The endpoints of Tempo's HTTP API that read the lake. */
export const traceqlEndpoints = {
  trace: traceV1,
  trace_v2: traceV2,
  search: searchTraces,
  tags: tagsV1,
  tags_v2: tagsV2,
  tag_values: valuesV1,
  tag_values_v2: valuesV2,
  metrics_range: metrics(false),
  metrics_instant: metrics(true),
} as const satisfies Endpoints;

/** Ids shorter than 128 bits are padded on the left, as Tempo does. */
function traceId(text: string): string {
  if (text === '') throw new QueryError('bad_data', 'please provide a traceID');
  const characters = [...text];
  const wrong = characters.findIndex((character) => !/^[0-9a-fA-F]$/.test(character));
  if (wrong >= 0) {
    const why = `invalid character '${characters[wrong] ?? ''}' at position ${wrong + 1}`;
    throw new QueryError('bad_data', `trace IDs can only contain hex characters: ${why}`);
  }
  if (text.length > 32) throw new QueryError('bad_data', "trace IDs can't be larger than 128 bits");
  return text.toLowerCase().padStart(32, '0');
}

function binary(body: Uint8Array): QueryAnswer {
  return { contentType: protobuf, body };
}

function wantsProtobuf(request: QueryRequest): boolean {
  return request.accept.includes(protobuf);
}

function legacyDurations(params: TempoParams) {
  const [minDuration, maxDuration] = [params.lasting('minDuration'), params.lasting('maxDuration')];
  if (minDuration !== undefined && maxDuration !== undefined && maxDuration < minDuration) {
    throw invalid('maxDuration', 'must be greater than minDuration');
  }
  return { minDuration, maxDuration };
}

function legacyQuery(
  params: TempoParams,
  tags: string | undefined,
  durations: ReturnType<typeof legacyDurations>,
) {
  const pipeline = legacyPipeline({
    tags: tags === undefined ? looseTags(params) : parseLogfmt(tags),
    ...durations,
  });
  return { kind: 'spansets', pipeline, hints: new Map() } as const;
}

/** The oldest form: without a time, parameters of other names are tags. */
function looseTags(params: TempoParams): Map<string, string> {
  const known = ['q', 'tags', 'minDuration', 'maxDuration', 'limit', 'spss', 'start', 'end'];
  const timed = params.text('start') !== undefined || params.text('end') !== undefined;
  const names = timed ? [] : params.names.filter((name) => !known.includes(name));
  return new Map(names.map((name) => [name, params.text(name) ?? '']));
}

function scopesOf(text: string | undefined): readonly TagScope[] {
  if (text === undefined || text === 'none' || text === 'all') return tagScopes;
  const scope = tagScopes.find((name) => name === text);
  if (!scope) throw new QueryError('bad_data', `invalid scope: ${text}`);
  return [scope];
}

/** Tag names may hold slashes, so the route is a wildcard that must end in /values. */
function tagName(request: QueryRequest): string {
  const path = request.params['*'] ?? '';
  if (!path.endsWith('/values') || path === '/values') throw new QueryError('not_found', 'not found');
  return path.slice(0, -'/values'.length);
}
