import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { QueryError, queryErrorStatus } from '../../lake/query-error.js';
import { clientSignal, queryRequest, runJob, sendAnswer, type QueryApiDeps } from '../server/http.js';
import { Params } from './api/params.js';
import { logqlEndpoints } from './endpoints.js';
import { format } from './syntax/format.js';
import { parse } from './syntax/parse.js';

const form = 'application/x-www-form-urlencoded';
const maxForm = 1024 * 1024;

/**
 * Loki's HTTP API (/loki/api/v1) over `lake.logs`. Errors are plain text with the status of their kind, as Loki
 * writes them.
 */
export function lokiApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    if (!app.hasContentTypeParser(form)) {
      app.addContentTypeParser(form, { parseAs: 'string', bodyLimit: maxForm }, (_, body, done) =>
        done(null, body),
      );
    }
    app.setErrorHandler((error, request, reply) => sendError(error, request, reply, deps));
    for (const [path, endpoint] of Object.entries(logqlEndpoints())) {
      both(app, path, async (request, reply) => {
        const job = { language: 'logql', endpoint: path, request: queryRequest(request) } as const;
        return sendAnswer(reply, await runJob(deps, 'loki', endpoint, job, clientSignal(request, reply)));
      });
    }
    both(app, 'format_query', async (request) => ({
      status: 'success',
      data: format(parse(new Params(queryRequest(request)).required('query'))),
    }));
    both(app, 'tail', () => {
      throw new QueryError('unsupported', 'live tailing is not supported; poll query_range instead');
    });
    app.get('/loki/api/v1/status/buildinfo', () => ({
      version: '3.0.0',
      revision: 'canardstack',
      branch: '',
      buildUser: '',
      buildDate: '',
      goVersion: '',
    }));
  };
}

function both(
  app: FastifyInstance,
  path: string,
  handler: (request: FastifyRequest, reply: FastifyReply) => object | Promise<object>,
): void {
  app.route({ method: ['GET', 'POST'], url: `/loki/api/v1/${path}`, handler });
}

function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, deps: QueryApiDeps) {
  let status = 500;
  let message = 'internal error while the query ran';
  if (error instanceof QueryError) {
    status = request.url.startsWith('/loki/api/v1/tail') ? 501 : queryErrorStatus[error.kind];
    if (error.kind !== 'internal') message = error.message;
    else deps.telemetry.log.error({ err: error, url: request.routeOptions.url }, 'a Loki query failed');
    if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', error.retryAfterSeconds);
  } else {
    const code = (error as { statusCode?: unknown }).statusCode;
    if (typeof code === 'number' && code >= 400 && code < 500) {
      status = code;
      message = (error as Error).message;
    } else deps.telemetry.log.error({ err: error, url: request.routeOptions.url }, 'a Loki request failed');
  }
  return reply.code(status).type('text/plain; charset=utf-8').send(message);
}
