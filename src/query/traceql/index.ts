import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { buildInfo } from '../server/buildinfo.js';
import { errorForms } from '../server/errors.js';
import type { QueryApiDeps } from '../server/http.js';
import { otherMethods } from '../server/methods.js';
import { mountQueryApi, type Route } from '../server/mount.js';
import { traceqlEndpoints } from './endpoints.js';

export { tempoStreaming } from './streaming.js';

/** The Tempo release whose API this is. */
const version = '3.1.0';

type Name = keyof typeof traceqlEndpoints;

function route(path: string, endpoint: Name, counted: string): Route<Name> {
  return { url: `/api/${path}`, methods: ['GET', 'POST'], endpoint, counted: `tempo_${counted}` };
}

const routes: readonly Route<Name>[] = [
  route('traces/:id', 'trace', 'trace'),
  route('v2/traces/:id', 'trace_v2', 'trace'),
  route('search', 'search', 'search'),
  route('search/tags', 'tags', 'tags'),
  route('v2/search/tags', 'tags_v2', 'tags'),
  route('search/tag/*', 'tag_values', 'tag_values'),
  route('v2/search/tag/*', 'tag_values_v2', 'tag_values'),
  route('metrics/query_range', 'metrics_range', 'metrics'),
  route('metrics/query', 'metrics_instant', 'metrics'),
];

/** Tempo's HTTP API as Grafana uses it. Errors are plain text with their status. */
export function tempoApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const { refuse } = otherMethods(app);
    mountQueryApi(app, deps, {
      language: 'traceql',
      endpoints: traceqlEndpoints,
      routes,
      errorAnswer: (error) => ({ status: errorForms[error.kind].tempo.status, body: error.message }),
    });
    app.get('/status', async (_request, reply) => plain(reply).send(statusPage()));
    app.get('/status/version', async (_request, reply) => plain(reply).send(versionLine()));
    // Otherwise taken for a trace id.
    app.get('/api/v2/traces/diff', async (_request, reply) => plain(reply).code(404).send('not found'));
    app.get('/api/echo', async (_request, reply) => plain(reply).send('echo'));
    app.get('/api/status/buildinfo', async () => buildInfo(version));
    refuse();
  };
}

function plain(reply: FastifyReply): FastifyReply {
  return reply.type('text/plain; charset=utf-8');
}

function versionLine(): string {
  return `canardstack, with the API of Tempo ${version}\n`;
}

function statusPage(): string {
  const lines = routes.map(({ methods, url }) => `${methods.join(', ')} ${url}`);
  return `${versionLine()}\nAPI endpoints\n${lines.join('\n')}\n`;
}
