import type { FastifyPluginAsync, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import { buildInfo } from '../server/buildinfo.js';
import type { QueryAnswer } from '../server/endpoint.js';
import { errorForms } from '../server/errors.js';
import {
  acceptForms,
  clientSignal,
  failureOf,
  queryRequest,
  runJob,
  sendAnswer,
  type QueryApiDeps,
} from '../server/http.js';
import { Params } from '../server/params.js';
import { success } from '../server/reply.js';
import { statusAnswers } from './api/status.js';
import { promqlEndpoints } from './endpoints.js';

/**
 * The level of Prometheus' HTTP API that is served. Clients such as Grafana choose their requests by it
 * (`match[]` on label values from 2.24 on).
 */
const version = '3.0.0';

type Name = keyof typeof promqlEndpoints;

/** Prometheus' HTTP API (v1): instant and range queries, labels, series, metadata, exemplars. */
export function prometheusApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    acceptForms(app);
    app.setErrorHandler((cause, request, reply) => {
      const { error, status } = failureOf(deps, cause, request, reply);
      const form = errorForms[error.kind].prometheus;
      return reply
        .code(status ?? form.status)
        .send({ status: 'error', errorType: form.errorType, error: error.message });
    });

    const answered = (name: Name) => async (request: FastifyRequest, reply: FastifyReply) =>
      sendAnswer(reply, await run(deps, name, request, reply));
    const options = (path: string) =>
      app.options(`/api/v1/${path}`, (_request, reply) => reply.code(204).send());
    const both = (path: string, name: Name) => {
      app.route({ method: ['GET', 'POST'], url: `/api/v1/${path}`, handler: answered(name) });
      options(path);
    };
    const get = (path: string, handler: RouteHandlerMethod) => {
      app.get(`/api/v1/${path}`, handler);
      options(path);
    };

    both('query', 'query');
    both('query_range', 'query_range');
    both('labels', 'labels');
    both('series', 'series');
    both('query_exemplars', 'exemplars');
    both('format_query', 'format_query');
    both('parse_query', 'parse_query');
    get('metadata', answered('metadata'));
    get('label/:name/values', answered('label_values'));
    for (const [path, data] of statusAnswers) get(path, async () => success({ data: data() }));
    // `/api/status/buildinfo`, without the version, is Tempo's, in another form.
    get('status/buildinfo', async () => success({ data: buildInfo(version) }));
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
  const wanted = new Params(job.request, 'seconds').durationMs('timeout');
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
