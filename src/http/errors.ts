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

/** For methods that a path does not have, which takes `allow`. */
export function otherMethod(route: {
  readonly method: string;
  readonly url: string;
  readonly allow: string;
}): HttpError {
  const { method, url, allow } = route;
  return new HttpError(405, 'method_not_allowed', `${url} takes ${allow}, not ${method}`, { allow });
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
  const form = pathForms.find(({ below }) => below.test(pathOf(request.url).replace(/\/{2,}/g, '/')));
  const answer = form?.answer(status, code, message);
  if (typeof answer === 'string') void reply.type('text/plain; charset=utf-8');
  const body: ErrorBody = { error: { code, message } };
  void reply.code(status).send(answer ?? body);
}

/** How the APIs whose prefixes a path is below tell errors. */
const pathForms: readonly {
  readonly below: RegExp;
  readonly answer: (status: number, code: string, message: string) => string | object;
}[] = [
  {
    // OTLP has a prefix of its own there.
    below: /^\/api\/v1(?!\/otlp\/)(\/|$)/,
    answer: (_status, errorType, error) => ({ status: 'error', errorType, error }),
  },
  {
    below: /^\/jaeger(\/|$)/,
    answer: (code, _kind, msg) => ({ data: null, total: 0, limit: 0, offset: 0, errors: [{ code, msg }] }),
  },
  // Loki's errors are text, and Tempo's.
  {
    below: /^\/(loki|api\/(prom|v2|traces|search|metrics|status|overrides))(\/|$)/,
    answer: (_status, _code, message) => message,
  },
];

/** Without the query string, which may hold what clients would not want repeated. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  return (end < 0 ? url : url.slice(0, end)).slice(0, 200);
}
