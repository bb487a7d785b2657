import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import type { QueryAnswer } from '../server/endpoint.js';
import { clientSignal, queryRequest, runJob, sendAnswer, type QueryApiDeps } from '../server/http.js';
import { sendError, success } from './api/envelope.js';
import { Params } from '../server/params.js';
import { promqlEndpoints } from './endpoints.js';
import { parse } from './syntax/parser.js';
import { print } from './syntax/print.js';

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

type Name = keyof typeof promqlEndpoints;

/** Prometheus' HTTP API (v1): instant and range queries, labels, series, metadata, exemplars. */
export function prometheusApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const form = 'application/x-www-form-urlencoded';
    if (app.hasContentTypeParser(form)) app.removeContentTypeParser(form);
    app.addContentTypeParser(form, { parseAs: 'string' }, (_request, body, done) => done(null, body));
    app.setErrorHandler((error, request, reply) => sendError(reply, asQueryError(error, request, deps)));

    const answered = (name: Name) => async (request: FastifyRequest, reply: FastifyReply) =>
      sendAnswer(reply, await run(deps, name, request, reply));
    const both = (path: string, name: Name) =>
      app.route({ method: ['GET', 'POST'], url: `/api/v1/${path}`, handler: answered(name) });

    both('query', 'query');
    both('query_range', 'query_range');
    both('labels', 'labels');
    both('series', 'series');
    both('query_exemplars', 'exemplars');
    app.get('/api/v1/metadata', answered('metadata'));
    app.get('/api/v1/label/:name/values', answered('label_values'));
    app.route({
      method: ['GET', 'POST'],
      url: '/api/v1/format_query',
      handler: async (request) =>
        success({ data: print(parse(new Params(queryRequest(request)).required('query'))) }),
    });
    app.get('/api/v1/rules', async () => success({ data: { groups: [] } }));
    app.get('/api/v1/alerts', async () => success({ data: { alerts: [] } }));
    // `/api/status/buildinfo`, without the version, is Tempo's, in another form.
    app.get('/api/v1/status/buildinfo', async () => success({ data: buildInfo }));
  };
}

/** The client's own `timeout` can only shorten the server's. */
async function run(
  deps: QueryApiDeps,
  name: Name,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<QueryAnswer> {
  const job = { language: 'promql', endpoint: name, request: queryRequest(request) } as const;
  const wanted = new Params(job.request).duration('timeout');
  const client = clientSignal(request, reply);
  const start = (signal: AbortSignal) =>
    runJob(deps, `prometheus_${name}`, promqlEndpoints[name], job, signal);
  if (wanted === undefined || wanted >= deps.guard.limits.timeoutMs) return start(client);
  const timeout = AbortSignal.timeout(Math.max(1, wanted));
  try {
    return await start(AbortSignal.any([client, timeout]));
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
