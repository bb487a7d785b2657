import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import type { Telemetry } from '../../telemetry/index.js';
import type { Endpoint, Job, QueryAnswer, QueryRequest } from './endpoint.js';
import { evaluate } from './explain/index.js';
import type { QueryContext, QueryGuard } from './guard.js';

/** Where queries are evaluated: worker threads, which only ask the calling thread for SQL. */
export interface QueryEvaluator {
  run(ctx: QueryContext, job: Job): Promise<QueryAnswer>;
}

/** What each query API's Fastify plugin needs. */
export interface QueryApiDeps {
  readonly guard: QueryGuard;
  readonly telemetry: Telemetry;
  /** Absent: queries are evaluated in the calling thread. */
  readonly threads?: QueryEvaluator;
}

const form = 'application/x-www-form-urlencoded';
const maxForm = 1024 * 1024;

/** Form bodies come as text; `Params` reads them together with the URL. */
export function acceptForms(app: FastifyInstance): void {
  if (app.hasContentTypeParser(form)) app.removeContentTypeParser(form);
  app.addContentTypeParser(form, { parseAs: 'string', bodyLimit: maxForm }, (_request, body, done) =>
    done(null, body),
  );
}

/** Messages of protobuf come as bytes, compressed or not. */
export function acceptProtobuf(app: FastifyInstance): void {
  const type = 'application/x-protobuf';
  app.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit: maxForm }, (_request, body, done) =>
    done(null, body),
  );
}

/** Aborts when the client closes the connection before the answer is complete. */
export function clientSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  if (request.raw.destroyed && !reply.raw.writableFinished) controller.abort();
  return controller.signal;
}

export function queryRequest(request: FastifyRequest): QueryRequest {
  const { accept, 'x-loki-response-encoding-flags': encodingFlags } = request.headers;
  return {
    url: request.url,
    params: { ...(request.params as Record<string, string>) },
    accept: accept ?? '',
    encodingFlags: String(encodingFlags ?? ''),
    body: bodyText(request.body),
  };
}

function bodyText(body: unknown): string {
  if (body instanceof Buffer) return body.toString('latin1');
  return typeof body === 'string' ? body : '';
}

/** Runs a job under the guard: parsing, checking and evaluating, all in a query thread. Throws QueryError. */
export async function runJob(
  deps: QueryApiDeps,
  api: string,
  endpoint: Endpoint,
  job: Job,
  signal: AbortSignal,
): Promise<QueryAnswer> {
  return deps.guard.run(api, signal, (ctx) =>
    deps.threads ? deps.threads.run(ctx, job) : evaluate(endpoint, job, ctx),
  );
}

export function sendAnswer(
  reply: FastifyReply,
  { contentType, contentEncoding, body }: QueryAnswer,
): FastifyReply {
  if (contentType === '') return reply.code(204).send();
  reply.type(contentType);
  if (contentEncoding) reply.header('content-encoding', contentEncoding);
  if (typeof body === 'string') return reply.send(body);
  return reply.send(
    body instanceof Uint8Array
      ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      : Readable.from(body, { highWaterMark: 2 }),
  );
}

/** A failed request: the error that the client is told, and its status when it is HTTP's own (413, 415). */
export interface Failure {
  readonly error: QueryError;
  readonly status?: number;
}

/** What a client is told about any error; what it isn't told goes to the log. Sets Retry-After. */
export function failureOf(
  { telemetry }: QueryApiDeps,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Failure {
  if (error instanceof QueryError && error.kind !== 'internal') {
    if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', error.retryAfterSeconds);
    return { error };
  }
  const { statusCode, message } = error as { readonly statusCode?: unknown; readonly message: string };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { error: new QueryError('bad_data', message), status: statusCode };
  }
  telemetry.log.error({ err: error, url: request.routeOptions.url }, 'a query failed');
  return { error: new QueryError('internal', 'the query failed inside the server') };
}
