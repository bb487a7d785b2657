import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError, queryErrorStatus } from '../../lake/query-error.js';
import { clientSignal, queryRequest, runJob, sendAnswer, type QueryApiDeps } from '../server/http.js';
import { traceqlEndpoints } from './endpoints.js';

type Name = keyof typeof traceqlEndpoints;

/** Paths below /api, the endpoint of each, and how its queries are counted. */
const routes: readonly (readonly [path: string, endpoint: Name, counted: string])[] = [
  ['traces/:id', 'trace', 'trace'],
  ['v2/traces/:id', 'trace_v2', 'trace'],
  ['search', 'search', 'search'],
  ['search/tags', 'tags', 'tags'],
  ['v2/search/tags', 'tags_v2', 'tags'],
  ['search/tag/*', 'tag_values', 'tag_values'],
  ['v2/search/tag/*', 'tag_values_v2', 'tag_values'],
  ['metrics/query_range', 'metrics_range', 'metrics'],
  ['metrics/query', 'metrics_instant', 'metrics'],
];

/** Tempo's HTTP API as Grafana uses it. Errors are plain text with their status. */
export function tempoApi(deps: QueryApiDeps): FastifyPluginAsync {
  const { telemetry } = deps;
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

    for (const [path, name, counted] of routes) {
      app.get(`/api/${path}`, async (request: FastifyRequest, reply: FastifyReply) => {
        const job = { language: 'traceql', endpoint: name, request: queryRequest(request) } as const;
        const signal = clientSignal(request, reply);
        return sendAnswer(reply, await runJob(deps, `tempo_${counted}`, traceqlEndpoints[name], job, signal));
      });
    }
  };
}
