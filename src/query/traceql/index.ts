import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { buildInfo } from '../server/buildinfo.js';
import { errorForms } from '../server/errors.js';
import {
  clientSignal,
  failureOf,
  queryRequest,
  runJob,
  sendAnswer,
  type QueryApiDeps,
} from '../server/http.js';
import { traceqlEndpoints } from './endpoints.js';

/** The Tempo release whose API this is. */
const version = '2.9.0';

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
  return async (app) => {
    app.setErrorHandler((cause, request, reply) => {
      const { error, status } = failureOf(deps, cause, request, reply);
      return reply
        .code(status ?? errorForms[error.kind].tempo.status)
        .type('text/plain; charset=utf-8')
        .send(error.message);
    });

    app.get('/api/echo', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('echo'));

    app.get('/api/status/buildinfo', async () => buildInfo(version));

    for (const [path, name, counted] of routes) {
      app.get(`/api/${path}`, async (request: FastifyRequest, reply: FastifyReply) => {
        const job = { language: 'traceql', endpoint: name, request: queryRequest(request) } as const;
        const signal = clientSignal(request, reply);
        return sendAnswer(reply, await runJob(deps, `tempo_${counted}`, traceqlEndpoints[name], job, signal));
      });
    }
  };
}
