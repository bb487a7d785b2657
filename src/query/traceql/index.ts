import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError, queryErrorStatus } from '../../lake/query-error.js';
import type { QueryContext } from '../guard.js';
import { clientSignal, type QueryApiDeps } from '../http.js';
import type { AttributeField, Field } from './ast.js';
import { legacyPipeline, parseLogfmt } from './legacy-tags.js';
import { metricsQuery } from './metrics.js';
import { resourceSpansJson } from './otlp-json.js';
import { traceByIdProtobuf, traceProtobuf } from './otlp-protobuf.js';
import { loadOtlpTrace, type OtlpTrace } from './otlp-trace.js';
import {
  durationParam,
  integerParam,
  invalid,
  metricsRange,
  nowNs,
  param,
  searchRange,
  secondsRange,
  type Params,
} from './params.js';
import { parseFieldName, parseQuery } from './parser.js';
import { search } from './search.js';
import { lenientFilter, tagNames, tagScopes, tagValues, tagValueType, type TagScope } from './tags.js';
import { display } from './value.js';

const protobuf = 'application/protobuf';
const defaultTags = 5000;
const maxTraces = 10_000;

/** Tempo's HTTP API as Grafana uses it. Errors are plain text with their status. */
export function tempoApi({ guard, telemetry }: QueryApiDeps): FastifyPluginAsync {
  const { limits } = guard;

  const run = <T>(
    api: string,
    request: FastifyRequest,
    reply: FastifyReply,
    work: (ctx: QueryContext) => Promise<T>,
  ): Promise<T> => guard.run(`tempo_${api}`, clientSignal(request, reply), work);

  const findTrace = async (request: FastifyRequest, reply: FastifyReply): Promise<OtlpTrace> => {
    const id = traceId((request.params as { id: string }).id);
    const hint = secondsRange(request.query as Params, limits.maxRangeMs);
    const trace = await run('trace', request, reply, (ctx) => loadOtlpTrace(ctx, id, hint, nowNs()));
    if (!trace) throw new QueryError('not_found', 'trace not found');
    return trace;
  };

  return async (app) => {
    app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
      void reply.type('text/plain; charset=utf-8');
      if (!(error instanceof QueryError)) {
        const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500;
        if (status === 500) telemetry.log.error({ err: error, url: request.url }, 'a Tempo query failed');
        return reply.code(status).send(status === 500 ? 'internal error' : error.message);
      }
      if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', error.retryAfterSeconds);
      if (error.kind === 'internal') {
        telemetry.log.error({ err: error, url: request.url }, 'a Tempo query failed');
        return reply.code(500).send('internal error');
      }
      return reply.code(queryErrorStatus[error.kind]).send(error.message);
    });

    app.get('/api/echo', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('echo'));

    app.get('/api/status/buildinfo', async () => ({
      // The Tempo release whose API this is.
      version: '2.9.0',
      revision: 'canardstack',
      branch: '',
      buildDate: '',
      buildUser: '',
      goVersion: '',
    }));

    app.get('/api/traces/:id', async (request, reply) => {
      const trace = await findTrace(request, reply);
      if (wantsProtobuf(request)) return reply.type(protobuf).send(traceProtobuf(trace));
      return { batches: trace.resources.map(resourceSpansJson) };
    });

    app.get('/api/v2/traces/:id', async (request, reply) => {
      const trace = await findTrace(request, reply);
      const message = trace.truncated ? `the trace has more spans than the ${trace.spans} shown` : '';
      if (wantsProtobuf(request)) return reply.type(protobuf).send(traceByIdProtobuf(trace, message));
      return {
        trace: { resourceSpans: trace.resources.map(resourceSpansJson) },
        metrics: {},
        ...(message === '' ? {} : { status: 'PARTIAL', message }),
      };
    });

    app.get('/api/search', async (request, reply) => {
      const params = request.query as Params;
      const [q, tags] = [param(params, 'q'), param(params, 'tags')];
      if (q !== undefined && tags !== undefined) {
        throw new QueryError('bad_data', "can't specify tags and q in the same query");
      }
      const options = {
        range: searchRange(params, limits.maxRangeMs),
        limit: integerParam(params, 'limit', 20, 1, Math.min(maxTraces, limits.maxRows)),
        spansPerSpanset: integerParam(params, 'spss', 3, 0, limits.maxRows),
        withSpansets: q !== undefined,
      };
      const query = q === undefined ? legacyQuery(params, tags) : parseQuery(q);
      if (query.metrics) {
        throw new QueryError('bad_data', 'this is a metrics query; send it to /api/metrics/query_range');
      }
      return run('search', request, reply, (ctx) => search(ctx, query, options));
    });

    const names = async (request: FastifyRequest, reply: FastifyReply) => {
      const params = request.query as Params;
      const options = tagOptions(params);
      const scopes = scopesOf(param(params, 'scope'));
      return run('tags', request, reply, async (ctx) => {
        const found: { name: TagScope; tags: string[] }[] = [];
        for (const name of scopes) found.push({ name, tags: await tagNames(ctx, name, options) });
        return found.filter(({ tags }) => tags.length > 0);
      });
    };

    const tagOptions = (params: Params) => ({
      range: searchRange(params, limits.maxRangeMs),
      limit: integerParam(params, 'limit', defaultTags, 0, limits.maxRows) || defaultTags,
      filter: lenientFilter(param(params, 'q')),
    });

    app.get('/api/search/tags', async (request, reply) => {
      const scopes = await names(request, reply);
      const given = param(request.query as Params, 'scope') !== undefined;
      const shown = given ? scopes : scopes.filter(({ name }) => name === 'resource' || name === 'span');
      return { tagNames: [...new Set(shown.flatMap(({ tags }) => tags))].sort(), metrics: {} };
    });

    app.get('/api/v2/search/tags', async (request, reply) => {
      return { scopes: await names(request, reply), metrics: {} };
    });

    const values = async (request: FastifyRequest, reply: FastifyReply, field: Field) => {
      const options = tagOptions(request.query as Params);
      return run('tag_values', request, reply, (ctx) => tagValues(ctx, field, options));
    };

    app.get('/api/search/tag/*', async (request, reply) => {
      const name = tagName(request);
      const plain: AttributeField = { kind: 'attribute', scope: 'none', name, parent: false, at: 0 };
      const found = await values(request, reply, parseFieldName(name) ?? plain);
      return { tagValues: found.map(display), metrics: {} };
    });

    app.get('/api/v2/search/tag/*', async (request, reply) => {
      const name = tagName(request);
      const field = parseFieldName(name);
      if (!field) {
        throw invalid(
          'tag',
          `${JSON.stringify(name)} is no TraceQL field; attributes are .x, span.x, resource.x`,
        );
      }
      const found = await values(request, reply, field);
      return {
        tagValues: found.map((value) => ({ type: tagValueType(value), value: display(value) })),
        metrics: {},
      };
    });

    const metrics = async (request: FastifyRequest, reply: FastifyReply, instant: boolean) => {
      const params = request.query as Params;
      const text = param(params, 'q') ?? param(params, 'query');
      if (text === undefined) throw invalid('q', 'a TraceQL metrics query is required');
      const query = parseQuery(text);
      if (!query.metrics) {
        throw new QueryError('bad_data', 'this is no metrics query: it needs a function such as | rate()');
      }
      const range = metricsRange(params, limits.maxRangeMs, instant);
      const exemplars = instant ? 0 : integerParam(params, 'exemplars', 100, 0, 10_000);
      const options = { range, instant, exemplars: Math.min(exemplars || 100, 100) };
      return run('metrics', request, reply, (ctx) => metricsQuery(ctx, query, options));
    };

    app.get('/api/metrics/query_range', (request, reply) => metrics(request, reply, false));
    app.get('/api/metrics/query', (request, reply) => metrics(request, reply, true));
  };
}

/** Ids shorter than 128 bits are padded on the left, as Tempo does. */
function traceId(text: string): string {
  if (!/^[0-9a-fA-F]{1,32}$/.test(text)) throw invalid('trace id', 'must be up to 32 hexadecimal digits');
  return text.toLowerCase().padStart(32, '0');
}

function wantsProtobuf(request: FastifyRequest): boolean {
  return request.headers.accept?.includes(protobuf) ?? false;
}

function legacyQuery(params: Params, tags: string | undefined) {
  const [minDuration, maxDuration] = [
    durationParam(params, 'minDuration'),
    durationParam(params, 'maxDuration'),
  ];
  if (minDuration !== undefined && maxDuration !== undefined && maxDuration < minDuration) {
    throw invalid('maxDuration', 'must not be below minDuration');
  }
  const pipeline = legacyPipeline({
    tags: tags === undefined ? looseTags(params) : parseLogfmt(tags),
    minDuration,
    maxDuration,
  });
  return { pipeline, metrics: null, hints: new Map() };
}

/** The oldest form: without a time, parameters of other names are tags. */
function looseTags(params: Params): Map<string, string> {
  const known = ['q', 'tags', 'minDuration', 'maxDuration', 'limit', 'spss', 'start', 'end'];
  const timed = param(params, 'start') !== undefined || param(params, 'end') !== undefined;
  const names = timed ? [] : Object.keys(params).filter((name) => !known.includes(name));
  return new Map(names.map((name) => [name, param(params, name) ?? '']));
}

function scopesOf(text: string | undefined): readonly TagScope[] {
  if (text === undefined || text === 'none' || text === 'all') return tagScopes;
  const scope = tagScopes.find((name) => name === text);
  if (!scope) throw new QueryError('bad_data', `invalid scope: ${text}`);
  return [scope];
}

/** Tag names may hold slashes, so the route is a wildcard that must end in /values. */
function tagName(request: FastifyRequest): string {
  const path = (request.params as { '*': string })['*'];
  if (!path.endsWith('/values') || path === '/values') throw new QueryError('not_found', 'not found');
  return path.slice(0, -'/values'.length);
}
