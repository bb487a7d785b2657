import type { QueryContext, QueryLimits } from './guard.js';

/** What an endpoint reads of its HTTP request; plain data, so that it can go to another thread. */
export interface QueryRequest {
  readonly url: string;
  /** Parts of the path, by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
  readonly headers: Readonly<Record<string, string>>;
  /** A form, or empty. */
  readonly body: string;
}

export interface QueryAnswer {
  readonly contentType: string;
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
}

/** A request that is checked and can run. Throws QueryError. */
export type QueryPlan = (ctx: QueryContext) => Promise<QueryAnswer>;

/** Checks a request, so that a wrong one is refused before it takes a place. Throws QueryError. */
export type Endpoint = (request: QueryRequest, limits: QueryLimits) => QueryPlan;

export type Endpoints = Readonly<Record<string, Endpoint>>;

export const jsonType = 'application/json; charset=utf-8';

export function json(value: unknown): QueryAnswer {
  return { contentType: jsonType, body: JSON.stringify(value) };
}
