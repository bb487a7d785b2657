import type { FastifyInstance, FastifyRequest } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import type { Endpoints, Job, Language, QueryAnswer, QueryRequest } from './endpoint.js';
import type { SeriesRequest } from '../../lake/session.js';
import type { QueryLimits } from './guard.js';
import { explainOf } from './explain/index.js';
import {
  acceptForms,
  clientSignal,
  failureOf,
  queryRequest,
  runJob,
  sendAnswer,
  type QueryApiDeps,
} from './http.js';

/** A path and the endpoint that answers it. */
export interface Route<Name extends string = string> {
  readonly url: string;
  readonly methods: readonly ('GET' | 'POST')[];
  readonly endpoint: Name;
  /** The name by which its queries are counted. */
  readonly counted: string;
}

/** How an API tells an error. */
interface ErrorAnswer {
  readonly status: number;
  /** Text is sent as plain text, an object as JSON. */
  readonly body: string | object;
}

/** A query API: its routes, and how it tells errors. */
export interface QueryApi {
  readonly language: Language;
  readonly endpoints: Endpoints;
  readonly routes: readonly Route[];
  readonly errorAnswer: (error: QueryError, request: FastifyRequest) => ErrorAnswer;
  /** A shorter time than the server's that the client gives the query. Throws QueryError. */
  readonly timeoutMs?: (request: QueryRequest, endpoint: string) => number | undefined;
  /** As `Job` has it; undefined where it is not known, and for a request that is refused. */
  readonly first?: (
    request: QueryRequest,
    endpoint: string,
    limits: QueryLimits,
  ) => SeriesRequest | undefined;
}

/** Serves an API's routes: every request is a job under the guard, and every error is told in the API's own form. */
export function mountQueryApi(app: FastifyInstance, deps: QueryApiDeps, api: QueryApi): void {
  acceptForms(app);
  app.setErrorHandler((cause, request, reply) => {
    const { error, status } = failureOf(deps, cause, request, reply);
    const answer = api.errorAnswer(error, request);
    if (typeof answer.body === 'string') void reply.type('text/plain; charset=utf-8');
    return reply.code(status ?? answer.status).send(answer.body);
  });
  const endpoints = new Map(Object.entries(api.endpoints));
  for (const { url, methods, endpoint: name, counted } of api.routes) {
    const endpoint = endpoints.get(name);
    if (!endpoint) throw new Error(`${url} has no endpoint`);
    app.route({
      method: [...methods],
      url,
      handler: async (request, reply) => {
        const asked = queryRequest(request);
        const explain = explainOf(asked, request.headers['x-canardstack-explain']);
        const first = explain ? undefined : api.first?.(asked, name, deps.guard.limits);
        const job: Job = {
          ...{ language: api.language, endpoint: name },
          request: explain ? { ...asked, explain } : asked,
          ...(first && { first }),
        };
        const wanted = api.timeoutMs?.(job.request, name);
        const answer = await within(deps, wanted, clientSignal(request, reply), (signal) =>
          runJob(deps, counted, endpoint, job, signal),
        );
        return sendAnswer(reply, answer);
      },
    });
  }
}

/** A client's own timeout can only shorten the server's. */
async function within(
  { guard }: QueryApiDeps,
  wantedMs: number | undefined,
  client: AbortSignal,
  start: (signal: AbortSignal) => Promise<QueryAnswer>,
): Promise<QueryAnswer> {
  if (wantedMs === undefined || wantedMs >= guard.limits.timeoutMs) return start(client);
  const timeout = AbortSignal.timeout(Math.max(1, wantedMs));
  try {
    return await start(AbortSignal.any([client, timeout]));
  } catch (error) {
    if (!timeout.aborted || client.aborted) throw error;
    throw new QueryError(
      'timeout',
      `the query ran longer than the timeout of ${wantedMs / 1000} s that it asked for`,
    );
  }
}
