import Fastify, { type FastifyInstance } from 'fastify';
import type { BindAddress } from '../../config/address.js';
import { firstLine } from '../../duckdb/index.js';
import type { Telemetry } from '../../telemetry/index.js';

/** Null while all is well, else the reason why not. */
export interface CatalogHealth {
  /** Runs a query on the catalog. */
  check(): Promise<string | null>;
  /** Whether clients are served; asks nothing. */
  readonly notReady: string | null;
  /** Why the catalog's backups need someone; null when all is well. */
  readonly backups?: string | null;
  /** Makes one now, when `token` is right; null when it is not. */
  backup?(token: string): Promise<unknown>;
}

/**
 * `/healthz` tells whether a real query on the catalog works, `/readyz` whether clients are served, `/metrics` is for
 * Prometheus. Listening when resolved, also while the catalog is still waited for.
 */
export async function startHealth(
  bind: BindAddress,
  telemetry: Telemetry,
  health: CatalogHealth,
): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, forceCloseConnections: true, requestTimeout: 15_000 });
  app.get('/healthz', async (_request, reply) => {
    const reason = health.notReady ?? (await health.check());
    return reason === null
      ? { status: 'ok' }
      : reply.code(503).send({ status: 'unavailable', reasons: [reason] });
  });
  app.get('/readyz', async (_request, reply) => {
    const reason = health.notReady;
    return reason === null
      ? { status: 'ready' }
      : reply.code(503).send({ status: 'not_ready', reasons: [reason] });
  });
  app.get('/backupz', async (_request, reply) => {
    const reason = health.backups ?? null;
    return reason === null
      ? { status: 'ok' }
      : reply.code(503).send({ status: 'too_old', reasons: [reason] });
  });
  app.post('/backup', async (request, reply) => {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (health.notReady !== null || !health.backup) return reply.code(503).send({ status: 'not_ready' });
    try {
      const made = await health.backup(token ?? '');
      return made ?? reply.code(401).send({ status: 'unauthorized' });
    } catch (error) {
      return reply.code(503).send({ status: 'failed', reasons: [firstLine(error)] });
    }
  });
  app.get('/metrics', async (_request, reply) => {
    const { registry } = telemetry;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  await app.listen(bind);
  return app;
}
