import type { SeriesRequest } from '../../lake/session.js';
import type { QueryContext, QueryLimits } from './guard.js';

/** What an endpoint reads of its HTTP request; plain data, so that it can go to another thread. */
export interface QueryRequest {
  readonly url: string;
  /** Parts of the path, by the names that the route gives them. */
  readonly params: Readonly<Record<string, string>>;
  /** The Accept header, or empty. */
  readonly accept: string;
  /** X-Loki-Response-Encoding-Flags, or empty. */
  readonly encodingFlags: string;
  /** A form, or a message of protobuf as latin1, or empty. */
  readonly body: string;
  /** How the request is evaluated is told as a member of the answer, or as text in its place. */
  readonly explain?: 'json' | 'text';
}

export interface QueryAnswer {
  /** Empty for an answer without a body (204). */
  readonly contentType: string;
  readonly contentEncoding?: 'snappy';
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
}

/** A request that is parsed and checked. Throws QueryError. */
type QueryPlan = (ctx: QueryContext) => Promise<QueryAnswer>;

/** Parses and checks a request. Throws QueryError. */
export type Endpoint = (request: QueryRequest, limits: QueryLimits) => QueryPlan;

export type Endpoints = Readonly<Record<string, Endpoint>>;

export type Language = 'promql' | 'logql' | 'traceql';

/** What to evaluate: an endpoint of a language and its request. */
export interface Job {
  readonly language: Language;
  readonly endpoint: string;
  readonly request: QueryRequest;
  /** What it will ask of the lake first, where that is known before its evaluation: asked then, it is told with the job. */
  readonly first?: SeriesRequest;
}
