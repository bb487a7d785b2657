import type { FastifyPluginAsync } from 'fastify';
import { errorForms } from '../server/errors.js';
import type { QueryApiDeps } from '../server/http.js';
import { otherMethods } from '../server/methods.js';
import { mountQueryApi, type Route } from '../server/mount.js';
import { jaegerEndpoints } from './jaeger-endpoints.js';

function route(path: string, endpoint: keyof typeof jaegerEndpoints): Route {
  return { url: `/jaeger/api/${path}`, methods: ['GET'], endpoint, counted: endpoint };
}

const routes: readonly Route[] = [
  route('services', 'jaeger_services'),
  route('services/:service/operations', 'jaeger_service_operations'),
  route('operations', 'jaeger_operations'),
  route('traces', 'jaeger_traces'),
  route('traces/:id', 'jaeger_trace'),
  route('dependencies', 'jaeger_dependencies'),
];

/** Jaeger's query API under /jaeger, as its own paths are Tempo's. Errors have its form. */
export function jaegerApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const { refuse } = otherMethods(app);
    mountQueryApi(app, deps, {
      language: 'traceql',
      endpoints: jaegerEndpoints,
      routes,
      errorAnswer(error) {
        const { status } = errorForms[error.kind].tempo;
        const errors = [{ code: status, msg: error.message }];
        return { status, body: { data: null, total: 0, limit: 0, offset: 0, errors } };
      },
    });
    refuse();
  };
}
