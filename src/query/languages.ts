import type { Endpoints, Language } from './server/endpoint.js';
import { logqlEndpoints } from './logql/endpoints.js';
import { promqlEndpoints } from './promql/endpoints.js';
import { traceqlEndpoints } from './traceql/endpoints.js';
import { jaegerEndpoints } from './traceql/jaeger-endpoints.js';

/** The endpoints that a thread evaluates. LogQL's keep what they learn about attributes. */
export function endpointsByLanguage(): Readonly<Record<Language, Endpoints>> {
  return {
    promql: promqlEndpoints,
    logql: logqlEndpoints(),
    traceql: { ...traceqlEndpoints, ...jaegerEndpoints },
  };
}
