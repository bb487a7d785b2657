import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import { requireKey, type KeyCheck, type SessionCheck } from './auth.js';

export interface Readiness {
  readonly ready: boolean;
  /** What is not ready, for people. */
  readonly reasons: readonly string[];
}

/** /healthz (the process answers), /readyz (it can serve), /-/healthy, /-/ready and /ready likewise, /metrics (Prometheus text). */
export function mountProbes(
  app: FastifyInstance,
  telemetry: Telemetry,
  ready: () => Promise<Readiness>,
  metricsCheck: KeyCheck,
  session?: SessionCheck,
  readyTimeoutMs = 5000,
): void {
  app.get('/healthz', (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }));

  app.get('/readyz', async (_request, reply) => {
    const { ready: ok, reasons } = await readiness(ready, telemetry, readyTimeoutMs);
    return reply
      .code(ok ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: ok ? 'ready' : 'not_ready', reasons });
  });

  // Prometheus' own probes, in its form: `promtool check healthy` and the like.
  app.get('/-/healthy', (_request, reply) => plain(reply).send('canardstack is Healthy.\n'));
  const readyText = (path: string, text: string) =>
    app.get(path, async (_request, reply) => {
      const { ready: ok } = await readiness(ready, telemetry, readyTimeoutMs);
      return plain(reply)
        .code(ok ? 200 : 503)
        .send(ok ? text : 'Service Unavailable\n');
    });
  readyText('/-/ready', 'canardstack is Ready.\n');
  // Loki's and Tempo's.
  readyText('/ready', 'ready\n');

  app.get('/metrics', { onRequest: requireKey(metricsCheck, session) }, async (_request, reply) => {
    return reply.type(telemetry.registry.contentType).send(await telemetry.registry.metrics());
  });
}

function plain(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').type('text/plain; charset=utf-8');
}

async function readiness(
  ready: () => Promise<Readiness>,
  telemetry: Telemetry,
  timeoutMs: number,
): Promise<Readiness> {
  try {
    return await within(timeoutMs, ready(), () => {
      return { ready: false, reasons: ['the readiness check did not answer in time'] };
    });
  } catch (error) {
    telemetry.log.error({ err: error }, 'the readiness check failed');
    return { ready: false, reasons: ['the readiness check failed'] };
  }
}
