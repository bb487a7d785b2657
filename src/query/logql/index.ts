import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import { buildInfo } from '../server/buildinfo.js';
import { errorForms } from '../server/errors.js';
import {
  acceptForms,
  clientSignal,
  failureOf,
  queryRequest,
  runJob,
  sendAnswer,
  type QueryApiDeps,
} from '../server/http.js';
import { logqlEndpoints } from './endpoints.js';

/** The Loki release whose API this is. */
const version = '3.0.0';

/**
 * Loki's HTTP API (/loki/api/v1) over `lake.logs`. Errors are plain text with the status of their kind, as Loki
 * writes them.
 */
export function lokiApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    acceptForms(app);
    app.setErrorHandler((cause, request, reply) => {
      const { error, status } = failureOf(deps, cause, request, reply);
      // A status of its own: clients take 501 for a server that has no tailing, and poll.
      const tail = request.url.startsWith('/loki/api/v1/tail') && error.kind === 'unsupported';
      return reply
        .code(status ?? (tail ? 501 : errorForms[error.kind].loki.status))
        .type('text/plain; charset=utf-8')
        .send(error.message);
    });
    for (const [path, endpoint] of Object.entries(logqlEndpoints())) {
      both(app, path, async (request, reply) => {
        const job = { language: 'logql', endpoint: path, request: queryRequest(request) } as const;
        return sendAnswer(reply, await runJob(deps, 'loki', endpoint, job, clientSignal(request, reply)));
      });
    }
    both(app, 'tail', () => {
      throw new QueryError('unsupported', 'live tailing is not supported; poll query_range instead');
    });
    app.get('/loki/api/v1/status/buildinfo', () => buildInfo(version));
  };
}

function both(
  app: FastifyInstance,
  path: string,
  handler: (request: FastifyRequest, reply: FastifyReply) => object | Promise<object>,
): void {
  app.route({ method: ['GET', 'POST'], url: `/loki/api/v1/${path}`, handler });
}
