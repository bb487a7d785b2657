import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { firstLine } from '../duckdb/index.js';
import type { ClockReading } from '../lake/types.js';
import type { AdminDeps } from './admin-deps.js';
import { HttpError } from './errors.js';

const sealTimeoutMs = 30_000;

const scrubBody = z
  .strictObject({ bytes: z.int().positive().optional(), again: z.boolean().default(false) })
  .default({ again: false });
/** At most so many files at once. */
const forgetPaths = 1000;
const forgetBody = z.strictObject({
  paths: z.array(z.string().min(1).max(4096)).min(1).max(forgetPaths),
  dryRun: z.boolean().default(false),
});
const runBody = z.strictObject({ confirm: z.iso.date().optional() }).default({});

const statusOf = { ok: 200, error: 503, busy: 409, paused: 409, held: 409 } as const;

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

  app.post(`${base}/retention/dry-run`, async (_request, reply) =>
    answer(reply, await maintenance.retention({ dryRun: true })),
  );
  app.post(`${base}/retention/run`, async (request, reply) => {
    const body = runBody.safeParse(request.body ?? undefined);
    if (!body.success) {
      throw new HttpError(400, 'bad_data', 'the body may hold "confirm" alone: a date such as "2026-01-31"');
    }
    const { confirm } = body.data;
    const word = confirm === undefined ? {} : { confirm };
    return answer(reply, await maintenance.retention({ dryRun: false, ...word }));
  });

  app.post(`${base}/scrub`, async (request, reply) => {
    const body = scrubBody.safeParse(request.body ?? undefined);
    if (!body.success) {
      throw new HttpError(
        400,
        'bad_data',
        'the body may hold "bytes" (a whole number) and "again" (a boolean)',
      );
    }
    const { bytes, again } = body.data;
    const budget = bytes === undefined ? {} : { bytes };
    return answer(reply, await maintenance.scrub({ ...budget, again }));
  });

  app.post(`${base}/forget-file`, async (request) => {
    const body = forgetBody.safeParse(request.body ?? undefined);
    if (!body.success) {
      const reason = `the body must hold "paths", 1 to ${forgetPaths} names of files, and may hold "dryRun"`;
      throw new HttpError(400, 'bad_data', reason);
    }
    const { paths, dryRun } = body.data;
    try {
      return await maintenance.forget(paths, dryRun);
    } catch (error) {
      throw new HttpError(503, 'unavailable', `nothing was given up: ${firstLine(error)}`);
    }
  });

  const { time } = deps.lake;
  const clock = async (look: () => Promise<ClockReading>) => {
    try {
      return clockAnswer(await look());
    } catch (error) {
      throw new HttpError(503, 'unavailable', `the lake's time can't be told: ${firstLine(error)}`);
    }
  };
  app.get(`${base}/clock`, () => clock(() => time.look()));
  app.post(`${base}/clock/accept`, () => clock(() => time.accept()));
}

function clockAnswer({ wallMs, lakeMs, contradiction }: ClockReading) {
  return {
    wall: new Date(wallMs).toISOString(),
    lake: new Date(lakeMs).toISOString(),
    offsetSeconds: Math.round((wallMs - lakeMs) / 1000),
    contradiction,
  };
}
