import type { FastifyReply } from 'fastify';
import type { QueryError } from '../../../lake/query-error.js';

/** Prometheus' error types, and the HTTP status that goes with each. */
const errors: Record<QueryError['kind'], { readonly errorType: string; readonly status: number }> = {
  bad_data: { errorType: 'bad_data', status: 400 },
  unsupported: { errorType: 'execution', status: 422 },
  limit: { errorType: 'execution', status: 422 },
  not_found: { errorType: 'not_found', status: 404 },
  canceled: { errorType: 'canceled', status: 503 },
  timeout: { errorType: 'timeout', status: 503 },
  unavailable: { errorType: 'unavailable', status: 503 },
  busy: { errorType: 'too_many_requests', status: 429 },
  internal: { errorType: 'internal', status: 500 },
};

export function sendError(reply: FastifyReply, error: QueryError): FastifyReply {
  const { errorType, status } = errors[error.kind];
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  return reply.code(status).send({ status: 'error', errorType, error: error.message });
}

export interface Answer {
  readonly data: unknown;
  readonly warnings?: readonly string[];
}

export function success({ data, warnings }: Answer): object {
  return { status: 'success', data, ...(warnings?.length ? { warnings } : {}) };
}

export const truncated = 'results truncated due to limit';
