import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AdminDeps } from './admin.js';
import { HttpError } from './errors.js';

const sealTimeoutMs = 30_000;

const statusOf = { ok: 200, error: 503, busy: 409, paused: 409 } as const;

function answer(reply: FastifyReply, result: { readonly status: keyof typeof statusOf }): FastifyReply {
  return reply.code(statusOf[result.status]).send(result);
}

export function mountMaintenance(app: FastifyInstance, deps: AdminDeps): void {
  const { maintenance } = deps.lake;
  const base = '/api/admin/maintenance';

  app.get(base, () => maintenance.state());

  app.post(`${base}/pause`, () => {
    maintenance.pause();
    return { paused: true };
  });

  app.post(`${base}/resume`, () => {
    maintenance.resume();
    return { paused: false };
  });

  app.post(`${base}/seal`, async (_request, reply) => {
    if (!deps.pipeline) throw new HttpError(409, 'not_available', 'this node does not take ingest');
    const begun = performance.now();
    const { sealer } = deps.pipeline;
    const complete = await sealer.sealAll(AbortSignal.timeout(sealTimeoutMs));
    const error =
      sealer.unavailable === null
        ? `not everything was committed within ${sealTimeoutMs / 1000} s`
        : 'the lake takes no commits at the moment';
    return reply.code(complete ? 200 : 503).send({
      ran: true,
      status: complete ? 'ok' : 'error',
      milliseconds: Math.round(performance.now() - begun),
      ...(complete ? {} : { error }),
    });
  });

  app.post(`${base}/checkpoint`, async (_request, reply) => answer(reply, await maintenance.checkpoint()));

  for (const [path, dryRun] of [
    ['dry-run', true],
    ['run', false],
  ] as const) {
    app.post(`${base}/retention/${path}`, async (_request, reply) =>
      answer(reply, await maintenance.retention({ dryRun })),
    );
  }
}
