import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Gauge } from '../../../telemetry/index.js';
import { QueryError } from '../../../lake/query-error.js';
import type { Endpoint, QueryRequest } from '../../server/endpoint.js';
import { clientSignal, queryRequest, runJob, type QueryApiDeps } from '../../server/http.js';
import { WebSockets } from '../../server/websocket.js';
import { wholeBody } from '../../server/reply.js';
import { wantsCategories } from '../api/params.js';
import { tailArrivals, tailDelayMs, tailStep } from '../api/tail.js';
import type { Arrivals } from '../exec/arrivals.js';
import type { FrameForm } from './frames.js';
import { Tail } from './tail.js';

export interface TailDeps extends QueryApiDeps {
  /** Tails at once. */
  readonly maxTails: number;
  readonly tailPingMs?: number;
}

/**
 * GET /loki/api/v1/tail: a WebSocket on which entries come as they are committed; /api/prom/tail gives them in the form of
 * old clients.
 */
export function mountTail(app: FastifyInstance, root: string, deps: TailDeps, endpoint: Endpoint): void {
  const sockets = new WebSockets(app);
  const registers = [deps.telemetry.registry];
  new Gauge({
    name: 'canardstack_tails',
    help: 'Connections that tail logs.',
    registers,
    collect() {
      this.set(sockets.count);
    },
  });
  const dropped = new Counter({
    name: 'canardstack_tail_dropped_entries_total',
    help: 'Entries that clients of a tail took too slowly.',
    registers,
  });
  let beginning = 0;

  const ask = async (request: QueryRequest, signal: AbortSignal): Promise<Arrivals> => {
    const job = { language: 'logql', endpoint: tailStep, request } as const;
    const { body } = await runJob(deps, 'loki', endpoint, job, signal);
    return tailArrivals((await wholeBody(body)).toString());
  };

  const begin = async (request: FastifyRequest, reply: FastifyReply, form: FrameForm) => {
    if (!sockets.wants(request)) {
      throw new QueryError('bad_data', 'a tail needs a WebSocket: the request asks for no upgrade to one');
    }
    const asked = queryRequest(request);
    const delayMs = tailDelayMs(asked);
    const count = sockets.count + beginning + 1;
    if (count > deps.maxTails) {
      throw new QueryError(
        'bad_data',
        `max concurrent tail requests limit exceeded, count > limit (${count} > ${deps.maxTails})`,
      );
    }
    beginning++;
    try {
      // Before the handshake ends, so that a query that can't run is refused as anywhere else.
      const first = await ask(asked, clientSignal(request, reply));
      sockets.accept(request, reply, (socket) => {
        new Tail({
          socket,
          first,
          ask: (after, signal) => ask(since(asked, after), signal),
          delayMs,
          form,
          onDropped: (entries) => dropped.inc(entries),
          pingMs: deps.tailPingMs,
        });
      });
    } finally {
      beginning--;
    }
    return reply;
  };
  app.get(`${root}tail`, (request, reply) =>
    begin(request, reply, wantsCategories(queryRequest(request)) ? 'categories' : 'plain'),
  );
  app.get('/api/prom/tail', (request, reply) => begin(request, reply, 'legacy'));
}

function since(request: QueryRequest, after: bigint): QueryRequest {
  const query = new URLSearchParams(request.url.slice(request.url.indexOf('?') + 1)).get('query') ?? '';
  return { ...request, url: `?${new URLSearchParams({ query, after: String(after) }).toString()}` };
}
