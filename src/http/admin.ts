import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { describeConfig } from '../config/describe.js';
import { QueryError, queryErrorStatus } from '../lake/query-error.js';
import type { Spool } from '../spool/types.js';
import { mountCatalog } from './admin-catalog.js';
import type { AdminDeps } from './admin-deps.js';
import { Health, type HealthReport } from './admin-health.js';
import { mountMaintenance } from './admin-maintenance.js';
import { mountSpool } from './admin-spool.js';
import { mountSql } from './admin-sql.js';
import { otherMethods } from '../query/server/methods.js';
import { errorHandler, HttpError, otherMethod } from './errors.js';

/**
 * /api/admin: SQL, health by subject, maintenance, the catalog, what the spool has set aside, configuration. Errors are
 * `{error: {code, message}}`. The admin key is checked by the scope that mounts it.
 */
export function adminApi(deps: AdminDeps): FastifyPluginAsync {
  return async (app) => {
    const fallback = errorHandler(deps.telemetry.log);
    const { refuse } = otherMethods(app);
    app.setErrorHandler((error, request, reply) => answerError(error, request, reply, deps, fallback));
    // curl -X POST with a JSON content type and no body is fine where no body is needed.
    app.removeContentTypeParser('application/json');
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
      if (body === '') return done(null, undefined);
      try {
        done(null, JSON.parse(body as string));
      } catch {
        done(new HttpError(400, 'bad_data', 'the body is not valid JSON'));
      }
    });
    app.addHook('onSend', (_request, reply, payload, done) => {
      reply.header('cache-control', 'no-store');
      done(null, payload);
    });

    mountSql(app, deps);
    mountMaintenance(app, deps);
    if (deps.catalogMaintenance)
      mountCatalog(app, { catalogMaintenance: deps.catalogMaintenance, telemetry: deps.telemetry });

    const { spool, pipeline } = deps;
    if (spool?.setAside && pipeline) mountSpool(app, { spool: spool as Spool, pipeline });

    const health = new Health(deps);
    app.addHook('onClose', (_app, done) => {
      health.close();
      done();
    });
    for (const subject of ['storage', 'ingest', 'maintenance', 'queries'] as const) {
      app.get(`/api/admin/health/${subject}`, async (_request, reply) => {
        const report: HealthReport = await health[subject]();
        return reply.code(report.status === 'page' ? 503 : 200).send(report);
      });
    }

    app.get('/api/admin/config', () => ({ settings: describeConfig(deps.config, deps.sources) }));
    refuse(otherMethod);
  };
}

function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  deps: AdminDeps,
  fallback: ReturnType<typeof errorHandler>,
): void {
  if (!(error instanceof QueryError)) return fallback(error, request, reply);
  let { message } = error;
  if (error.kind === 'internal') {
    deps.telemetry.log.error({ err: error, route: request.routeOptions.url }, 'request failed');
    message = 'internal error';
  }
  if (error.retryAfterSeconds !== undefined)
    void reply.header('retry-after', String(error.retryAfterSeconds));
  void reply.code(queryErrorStatus[error.kind]).send({ error: { code: error.kind, message } });
}
