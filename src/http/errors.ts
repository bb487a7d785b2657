import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../telemetry/index.js';

/** Every code of an HttpError, and its status; `bad_request` comes with any from 400 to 499. */
export const httpErrorCodes = {
  bad_request: '4xx',
  bad_data: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_available: 409,
  conflict: 409,
  too_many_requests: 429,
  internal: 500,
  unavailable: 503,
} as const;

/** An answer other than success. `message` and `headers` are for the client: no SQL, no stack, no secrets. */
export class HttpError extends Error {
  constructor(
    readonly statusCode: number,
    readonly code: keyof typeof httpErrorCodes,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'HttpError';
  }
}

/** The body of errors where no protocol has a form of its own. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string };
}

/**
 * What a thrown value means to the client. Fastify's own errors below 500 are about the request and safe to
 * show; anything else is a fault of the server, logged here and answered without detail.
 */
function httpErrorFrom(error: unknown, log: Logger, context: Record<string, unknown> = {}): HttpError {
  if (error instanceof HttpError) return error;
  const { statusCode, message } = error as Partial<FastifyError>;
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 && message) {
    return new HttpError(statusCode, 'bad_request', message);
  }
  log.error({ err: error, ...context }, 'request failed');
  return new HttpError(500, 'internal', 'internal error');
}

export function errorHandler(log: Logger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const context = { method: request.method, route: request.routeOptions.url };
    const { statusCode, code, message, headers } = httpErrorFrom(error, log, context);
    const body: ErrorBody = { error: { code, message } };
    void reply.code(statusCode).headers(headers).send(body);
  };
}

export function notFound(request: FastifyRequest, reply: FastifyReply): void {
  refusePath(404, 'not_found', `no such endpoint: ${request.method} ${pathOf(request.url)}`, request, reply);
}

/** What the router refuses before any route: a path that is no URL's. */
export function badPath(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const bad = error.code === 'FST_ERR_BAD_URL';
  const message = bad ? `the path is not percent-encoded UTF-8: ${pathOf(request.url)}` : error.message;
  refusePath(400, 'bad_data', message, request, reply);
}

function refusePath(
  status: number,
  code: 'not_found' | 'bad_data',
  message: string,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  // What is below Prometheus' prefix is asked for by its clients; OTLP has a prefix of its own there.
  if (/^\/+api\/+v1\/(?!\/*otlp\/)/.test(request.url)) {
    void reply.code(status).send({ status: 'error', errorType: code, error: message });
    return;
  }
  // Loki's errors are text.
  if (/^\/+loki\/+api\//.test(request.url)) {
    void reply.code(status).type('text/plain; charset=utf-8').send(message);
    return;
  }
  const body: ErrorBody = { error: { code, message } };
  void reply.code(status).send(body);
}

/** Without the query string, which may hold what clients would not want repeated. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  return (end < 0 ? url : url.slice(0, end)).slice(0, 200);
}
