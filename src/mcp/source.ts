import type { Language } from '../query/server/endpoint.js';
import type { SqlResult } from '../lake/index.js';

/** An endpoint of a query API: by language and name for a caller in the server, by path for one outside. */
export interface Ask {
  readonly language: Language;
  readonly endpoint: string;
  readonly path: string;
}

export const asks = {
  promql: { language: 'promql', endpoint: 'query', path: '/api/v1/query' },
  promqlRange: { language: 'promql', endpoint: 'query_range', path: '/api/v1/query_range' },
  promqlSeries: { language: 'promql', endpoint: 'series', path: '/api/v1/series' },
  promqlNames: { language: 'promql', endpoint: 'label_values', path: '/api/v1/label/__name__/values' },
  promqlMetadata: { language: 'promql', endpoint: 'metadata', path: '/api/v1/metadata' },
  logql: { language: 'logql', endpoint: 'query', path: '/loki/api/v1/query' },
  logqlRange: { language: 'logql', endpoint: 'query_range', path: '/loki/api/v1/query_range' },
  traceqlSearch: { language: 'traceql', endpoint: 'search', path: '/api/search' },
  traceqlRange: { language: 'traceql', endpoint: 'metrics_range', path: '/api/metrics/query_range' },
  traceqlInstant: { language: 'traceql', endpoint: 'metrics_instant', path: '/api/metrics/query' },
  trace: { language: 'traceql', endpoint: 'trace_v2', path: '/api/v2/traces/:id' },
} as const satisfies Record<string, Ask>;

export type Params = Readonly<Record<string, string | number | undefined>>;

/** Where the tools get their answers from. Both throw an error whose message is for the client. */
export interface TelemetrySource {
  /** The JSON answer of a query API. `name` is the variable part of the path. */
  ask(ask: Ask, params: Params, signal: AbortSignal, name?: string): Promise<unknown>;
  /** Read-only SQL on the lake. */
  sql(text: string, maxRows: number, signal: AbortSignal): Promise<SqlResult>;
}

/** Bytes of one answer of a query API that are read; tools show far less. */
export const maxAnswerBytes = 16 * 1024 * 1024;

/** Path and query string of a request. */
export function urlOf({ path }: Ask, params: Params, name = ''): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) if (value !== undefined) query.set(key, String(value));
  return `${path.replace(':id', encodeURIComponent(name))}?${query.toString()}`;
}

/** The name of the metric of a path is part of it. */
export function pathParams(ask: Ask, name = ''): Readonly<Record<string, string>> {
  if (ask.endpoint === 'label_values') return { name: '__name__' };
  return ask.endpoint === 'trace_v2' ? { id: name } : {};
}
