import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Telemetry } from '../../telemetry/index.js';
import type { Endpoint, QueryAnswer, QueryRequest } from './endpoint.js';
import type { QueryContext, QueryGuard } from './guard.js';
import type { Job } from '../threads/protocol.js';

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
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string' && name !== 'authorization' && name !== 'x-api-key') headers[name] = value;
  }
  return {
    url: request.url,
    params: { ...(request.params as Record<string, string>) },
    query: { ...(request.query as QueryRequest['query']) },
    headers,
    body: typeof request.body === 'string' ? request.body : '',
  };
}

/** Checks the request of a job, then runs it under the guard. Throws QueryError. */
export async function runJob(
  deps: QueryApiDeps,
  api: string,
  endpoint: Endpoint,
  job: Job,
  signal: AbortSignal,
): Promise<QueryAnswer> {
  const plan = endpoint(job.request, deps.guard.limits);
  return deps.guard.run(api, signal, (ctx) => (deps.threads ? deps.threads.run(ctx, job) : plan(ctx)));
}

export function sendAnswer(reply: FastifyReply, { contentType, body }: QueryAnswer): FastifyReply {
  reply.type(contentType);
  if (typeof body === 'string') return reply.send(body);
  return reply.send(
    body instanceof Uint8Array
      ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      : Readable.from(body, { highWaterMark: 2 }),
  );
}
