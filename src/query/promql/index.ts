import { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import type { QueryContext } from '../guard.js';
import { clientSignal, type QueryApiDeps } from '../http.js';
import { sendData, sendError, truncated, type Answer } from './api/envelope.js';
import {
  exemplarsAnswer,
  labelsAnswer,
  labelValuesAnswer,
  metadataAnswer,
  seriesAnswer,
} from './api/answers.js';
import { instantQuery, rangeQuery, type PreparedQuery } from './api/query.js';
import { Params } from './api/params.js';
import { renderResult } from './api/render.js';
import { execute } from './engine.js';
import { parse } from './parse/parser.js';
import { print } from './parse/print.js';

/**
 * The level of Prometheus' HTTP API that is served. Clients such as Grafana choose their requests by it
 * (`match[]` on label values from 2.24 on), so it has to be a Prometheus version and not our own.
 */
const buildInfo = {
  version: '3.0.0',
  revision: 'canardstack',
  branch: 'HEAD',
  buildUser: '',
  buildDate: '',
  goVersion: '',
};

type Work = (ctx: QueryContext, params: Params) => Promise<Answer>;

/** Prometheus' HTTP API (v1): instant and range queries, labels, series, metadata, exemplars. */
export function prometheusApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const form = 'application/x-www-form-urlencoded';
    if (app.hasContentTypeParser(form)) app.removeContentTypeParser(form);
    app.addContentTypeParser(form, { parseAs: 'string' }, (_request, body, done) =>
      done(null, new URLSearchParams(body.toString())),
    );
    app.setErrorHandler((error, request, reply) => sendError(reply, asQueryError(error, request, deps)));

    const both = (
      url: string,
      handler: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
    ) => app.route({ method: ['GET', 'POST'], url, handler });
    const guarded = (api: string, work: Work) => async (request: FastifyRequest, reply: FastifyReply) => {
      const params = new Params(request);
      const answer = await run(deps, api, request, reply, params, (ctx) => work(ctx, params));
      return sendData(reply, answer);
    };
    const query = (api: string, prepare: (params: Params) => PreparedQuery) =>
      both(`/api/v1/${api}`, async (request, reply) => {
        const params = new Params(request);
        const prepared = prepare(params);
        const limit = params.limit();
        const result = await run(deps, `prometheus_${api}`, request, reply, params, (ctx) =>
          execute(ctx, prepared.expr, prepared.times),
        );
        const cut = 'series' in result && result.series.length > limit;
        const limited = cut ? { ...result, series: result.series.slice(0, limit) } : result;
        reply.type('application/json; charset=utf-8');
        const warnings = cut ? [...result.warnings, truncated] : result.warnings;
        return reply.send(Readable.from(renderResult(limited, warnings)));
      });

    query('query', instantQuery);
    query('query_range', rangeQuery);
    both('/api/v1/labels', guarded('prometheus_labels', labelsAnswer));
    both('/api/v1/series', guarded('prometheus_series', seriesAnswer));
    both('/api/v1/query_exemplars', guarded('prometheus_exemplars', exemplarsAnswer));
    app.get('/api/v1/metadata', guarded('prometheus_metadata', metadataAnswer));
    app.get<{ Params: { name: string } }>('/api/v1/label/:name/values', (request, reply) =>
      guarded('prometheus_label_values', (ctx, params) =>
        labelValuesAnswer(ctx, params, request.params.name),
      )(request, reply),
    );
    both('/api/v1/format_query', async (request, reply) =>
      sendData(reply, { data: print(parse(new Params(request).required('query'))) }),
    );
    app.get('/api/v1/rules', async (_request, reply) => sendData(reply, { data: { groups: [] } }));
    app.get('/api/v1/alerts', async (_request, reply) => sendData(reply, { data: { alerts: [] } }));
    // `/api/status/buildinfo`, without the version, is Tempo's, in another form.
    app.get('/api/v1/status/buildinfo', async (_request, reply) => sendData(reply, { data: buildInfo }));
  };
}

/** Runs the work in the guard; the client's own `timeout` can only shorten the server's. */
async function run<T>(
  deps: QueryApiDeps,
  api: string,
  request: FastifyRequest,
  reply: FastifyReply,
  params: Params,
  work: (ctx: QueryContext) => Promise<T>,
): Promise<T> {
  const wanted = params.duration('timeout');
  const client = clientSignal(request, reply);
  if (wanted === undefined || wanted >= deps.guard.limits.timeoutMs) return deps.guard.run(api, client, work);
  const timeout = AbortSignal.timeout(Math.max(1, wanted));
  try {
    return await deps.guard.run(api, AbortSignal.any([client, timeout]), work);
  } catch (error) {
    if (!timeout.aborted || client.aborted) throw error;
    throw new QueryError(
      'timeout',
      `the query ran longer than the timeout of ${wanted / 1000} s that it asked for`,
    );
  }
}

function asQueryError(error: unknown, request: FastifyRequest, deps: QueryApiDeps): QueryError {
  if (error instanceof QueryError) {
    if (error.kind === 'internal')
      deps.telemetry.log.error({ err: error, url: request.routeOptions.url }, 'query failed');
    return error;
  }
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode !== undefined && statusCode < 500) return new QueryError('bad_data', message);
  deps.telemetry.log.error({ err: error, url: request.routeOptions.url }, 'query failed');
  return new QueryError('internal', 'the query failed inside the server');
}
