import type { FastifyPluginAsync } from 'fastify';
import { buildInfo } from '../server/buildinfo.js';
import { errorForms } from '../server/errors.js';
import { acceptProtobuf, type QueryApiDeps } from '../server/http.js';
import { otherMethods } from '../server/methods.js';
import { mountQueryApi, type Route } from '../server/mount.js';
import { Params } from '../server/params.js';
import { success } from '../server/reply.js';
import { listFirst } from './api/answers.js';
import { timeoutOf } from './api/parameters.js';
import { disabledPaths, statusAnswers } from './api/status.js';
import { promqlEndpoints } from './endpoints.js';

/**
 * The level of Prometheus' HTTP API that is served. Clients such as Grafana choose their requests by it
 * (`match[]` on label values from 2.24 on).
 */
const version = '3.0.0';

type Name = keyof typeof promqlEndpoints;

function route(path: string, endpoint: Name, ...methods: Route['methods']): Route<Name> {
  return { url: `/api/v1/${path}`, methods, endpoint, counted: `prometheus_${endpoint}` };
}

const routes: readonly Route<Name>[] = [
  { url: '/federate', methods: ['GET'], endpoint: 'federate', counted: 'prometheus_federate' },
  route('query', 'query', 'GET', 'POST'),
  route('read', 'read', 'POST'),
  route('status/tsdb', 'tsdb_status', 'GET'),
  route('query_range', 'query_range', 'GET', 'POST'),
  route('labels', 'labels', 'GET', 'POST'),
  route('series', 'series', 'GET', 'POST'),
  route('query_exemplars', 'exemplars', 'GET', 'POST'),
  route('format_query', 'format_query', 'GET', 'POST'),
  route('parse_query', 'parse_query', 'GET', 'POST'),
  route('metadata', 'metadata', 'GET'),
  route('label/:name/values', 'label_values', 'GET'),
];

/** Endpoints that read `timeout`, as in Prometheus. */
const timed: ReadonlySet<string> = new Set<Name>(['query', 'query_range']);

/** Endpoints that list series, labels or values. */
const lists: ReadonlySet<string> = new Set<Name>(['series', 'labels', 'label_values']);

/** Paths whose errors are text, not JSON. */
const textPaths: ReadonlySet<string | undefined> = new Set(['/federate', '/api/v1/read']);

/** Prometheus' HTTP API (v1): instant and range queries, labels, series, metadata, exemplars. */
export function prometheusApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const { refuse } = otherMethods(app);
    acceptProtobuf(app);
    mountQueryApi(app, deps, {
      language: 'promql',
      endpoints: promqlEndpoints,
      routes,
      errorAnswer: (error, { routeOptions }) => {
        if (textPaths.has(routeOptions.url))
          return { status: errorForms[error.kind].prometheus.status, body: `${error.message}\n` };
        const { status, errorType } = errorForms[error.kind].prometheus;
        return { status, body: { status: 'error', errorType, error: error.message } };
      },
      timeoutMs: (request, endpoint) =>
        timed.has(endpoint) ? timeoutOf(new Params(request, 'seconds')) : undefined,
      first: (request, endpoint, limits) =>
        lists.has(endpoint) ? listFirst(new Params(request, 'seconds'), limits) : undefined,
    });
    // `/api/status/buildinfo`, without the version, is Tempo's, in another form.
    const build = () => buildInfo(version);
    const status = [...statusAnswers, ['status/buildinfo', build] as const];
    for (const [path, data] of status) {
      app.get(`/api/v1/${path}`, async ({ url }) =>
        success({ data: data(deps.guard.limits, { url, body: '' }) }),
      );
    }
    app.get('/version', async () => build());
    // Nobody has anything to be told.
    app.get('/api/v1/notifications/live', (_request, reply) => reply.code(204).send());
    for (const { words, methods, paths } of disabledPaths) {
      const body = { status: 'error', errorType: 'unavailable', error: words };
      for (const path of paths) {
        app.route({
          method: [...methods],
          url: `/api/v1/${path}`,
          handler: (_request, reply) => reply.code(500).send(body),
        });
      }
    }
    for (const url of ['/-/reload', '/-/quit']) {
      const text = 'Lifecycle API is not enabled.';
      app.route({ method: ['POST', 'PUT'], url, handler: (_request, reply) => reply.code(403).send(text) });
    }
    const served = [
      ...routes.map(({ url }) => url),
      ...status.map(([path]) => `/api/v1/${path}`),
      ...disabledPaths.flatMap(({ paths }) => paths.map((path) => `/api/v1/${path}`)),
    ];
    for (const url of served) app.options(url, (_request, reply) => reply.code(204).send());
    refuse();
  };
}
