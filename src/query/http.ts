import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Telemetry } from '../telemetry/index.js';
import type { QueryGuard } from './guard.js';

/** What each query API's Fastify plugin needs. */
export interface QueryApiDeps {
  readonly guard: QueryGuard;
  readonly telemetry: Telemetry;
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
