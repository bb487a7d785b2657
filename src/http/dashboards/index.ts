import { randomBytes } from 'node:crypto';
import type {
  FastifyError,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from 'fastify';
import { z } from 'zod';
import { firstLine } from '../../duckdb/index.js';
import type { DashboardEntry, Dashboards } from '../../lake/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { errorHandler, HttpError } from '../errors.js';
import { fromGrafana, looksLikeGrafana, type Note } from './grafana.js';
import { dashboardFrom, mostBytes, type Dashboard } from './model.js';
import { toGrafana } from './to-grafana.js';

interface Deps {
  readonly dashboards: Dashboards;
  readonly telemetry: Telemetry;
}

const base = '/api/dashboards';
/** Grafana's files are longer than what is kept of them. */
const convertBytes = 8 * 1024 * 1024;

const idOf = z.string().regex(/^[a-z0-9][a-z0-9-]{0,79}$/);
const changeBody = z.strictObject({
  dashboard: z.unknown(),
  /** Of the dashboard that was changed; null, or left out, for a new one. */
  revision: z.int().positive().nullish(),
});

/** Reads dashboards: GET /api/dashboards, /api/dashboards/ID, /api/dashboards/ID/grafana; and POST …/convert, which keeps nothing. */
export function dashboardsRead(deps: Deps): FastifyPluginAsync {
  return (app) => {
    errorsOf(app, deps);
    app.get(base, async () => ({ dashboards: (await available(deps.dashboards.list())).map(shown) }));

    app.get(`${base}/:id`, async (request) => {
      const found = await available(deps.dashboards.get(id(request)));
      if (found === null) throw noSuch(request);
      return { ...shown(found), dashboard: JSON.parse(found.body) as Dashboard };
    });

    app.get(`${base}/:id/grafana`, async (request) => {
      const found = await available(deps.dashboards.get(id(request)));
      if (found === null) throw noSuch(request);
      return toGrafana(JSON.parse(found.body) as Dashboard);
    });

    app.post(`${base}/convert`, { bodyLimit: convertBytes }, (request) => converted(request.body));
    return Promise.resolve();
  };
}

/** Changes them: POST /api/dashboards, PUT and DELETE /api/dashboards/ID. */
export function dashboardsWrite(deps: Deps): FastifyPluginAsync {
  const { dashboards, telemetry } = deps;
  const log = (request: FastifyRequest, what: string, of: string) =>
    telemetry.log.info({ id: of, address: request.ip }, `dashboard ${what}`);
  const put = async (of: string, body: unknown): Promise<DashboardEntry> => {
    const parsed = changeBody.safeParse(body);
    if (!parsed.success)
      throw new HttpError(
        400,
        'bad_data',
        'expected {"dashboard": {…}, "revision": 3}, revision null for a new one',
      );
    const dashboard = dashboardFrom(parsed.data.dashboard);
    const content = { title: dashboard.title, body: JSON.stringify(dashboard) };
    const result = await available(dashboards.put(of, content, parsed.data.revision ?? null));
    if (result === 'changed') throw changedMeanwhile;
    if (result === 'full')
      throw new HttpError(400, 'bad_data', 'there are 1000 dashboards, as many as are kept');
    return result;
  };
  return (app) => {
    errorsOf(app, deps);
    const bodyLimit = 4 * mostBytes;
    app.post(base, { bodyLimit }, async (request, reply) => {
      const entry = await put(randomBytes(6).toString('hex'), request.body);
      log(request, 'made', entry.id);
      return reply.code(201).send(shown(entry));
    });
    app.put(`${base}/:id`, { bodyLimit }, async (request) => {
      const entry = await put(id(request), request.body);
      log(request, 'changed', entry.id);
      return shown(entry);
    });
    app.delete(`${base}/:id`, async (request, reply) => {
      const found = await available(dashboards.get(id(request)));
      if (found === null) throw noSuch(request);
      const asked = z.coerce.number().int().positive().optional();
      const revision = asked.safeParse((request.query as Record<string, unknown>)['revision']);
      if (!revision.success) throw new HttpError(400, 'bad_data', 'revision: it must be a whole number');
      const result = await available(dashboards.remove(found.id, revision.data ?? found.revision));
      if (result === 'changed') throw changedMeanwhile;
      log(request, 'deleted', found.id);
      return reply.code(204).send();
    });
    return Promise.resolve();
  };
}

const changedMeanwhile = new HttpError(
  409,
  'conflict',
  'this dashboard was changed meanwhile: read it again, and make the change in that',
);

function noSuch(request: FastifyRequest): HttpError {
  return new HttpError(404, 'not_found', `there is no dashboard ${id(request)}`);
}

function id(request: FastifyRequest): string {
  const parsed = idOf.safeParse((request.params as { id?: string }).id);
  if (parsed.success) return parsed.data;
  throw new HttpError(400, 'bad_data', 'the id of a dashboard has 1 to 80 of a-z, 0-9 and -');
}

async function available<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new HttpError(503, 'unavailable', `the dashboards can't be had: ${firstLine(error)}`);
  }
}

function shown({ id: of, title, revision, updatedMs }: DashboardEntry) {
  return { id: of, title, revision, updatedAt: new Date(updatedMs).toISOString() };
}

/** What a file holds as a dashboard of ours, and what of Grafana's did not come along. */
function converted(body: unknown): { dashboard: Dashboard; notes: readonly Note[] } {
  if (!looksLikeGrafana(body)) return { dashboard: dashboardFrom(body), notes: [] };
  const { dashboard, notes } = fromGrafana(body);
  return { dashboard: dashboardFrom(dashboard, 'what became of it'), notes };
}

function errorsOf(app: FastifyInstance, { telemetry }: Deps): void {
  const fallback = errorHandler(telemetry.log);
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
    fallback(error, request, reply),
  );
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('cache-control', 'no-store');
    done(null, payload);
  });
}
