import type { Server as HttpsServer } from 'node:https';
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyRequest } from 'fastify';
import type { Config } from '../config/settings.js';
import { otherMethods } from '../query/server/methods.js';
import { Gauge, type Telemetry } from '../telemetry/index.js';
import { keyCheck, requireKey, requireQueryKey } from './auth.js';
import { isLoopback, parseBind } from './bind.js';
import { answerClientError } from './client-error.js';
import { allowOrigins } from './cors.js';
import { badPath, errorHandler, notFound, otherMethod } from './errors.js';
import { refuseForeignPages } from './foreign.js';
import { grpcByAlpn, serveAlpn, serveH2c, withKey, type GrpcMethods } from './h2c.js';
import { mountProbes, type Readiness } from './probes.js';
import { mountUi, Sessions } from './ui/index.js';
import type { TlsFiles } from '../config/tls-files.js';

export { bringsKey, keyCheck } from './auth.js';
export { assertBindable, assertBindAllowed, parseBind } from './bind.js';
export { HttpError } from './errors.js';
export { withKey, type GrpcMethods } from './h2c.js';
export type { Readiness } from './probes.js';
export { openTls, TlsFiles } from '../config/tls-files.js';

interface HttpTimeouts {
  /** From the connection (or the request before) to the end of the headers. */
  readonly headersMs: number;
  /** From the first byte of a request to its last. */
  readonly requestMs: number;
  /** Longer than the idle time of common load balancers (60 s), so that these close first. */
  readonly keepAliveMs: number;
  /** How often the first two are looked at. */
  readonly checkMs: number;
}

export interface HttpAppOptions {
  readonly config: Pick<Config, 'bind' | 'apiKey' | 'adminApiKey'> &
    Partial<Pick<Config, 'allowUnauthenticated' | 'corsAllowedOrigins'>>;
  readonly telemetry: Telemetry;
  readonly ready: () => Promise<Readiness>;
  /** From `openTls`; undefined serves plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Plugins by the key that they need. */
  readonly ingest?: readonly FastifyPluginAsync[];
  readonly query?: readonly FastifyPluginAsync[];
  readonly admin?: readonly FastifyPluginAsync[];
  /** By either key, and never by a browser's session. */
  readonly agents?: readonly FastifyPluginAsync[];
  /** gRPC on the same port, for callers with the key of queries. */
  readonly grpc?: GrpcMethods;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Serves the web pages, whose sessions then stand for keys of queries and administration. */
  readonly ui?: boolean;
}

const defaults: HttpTimeouts = { headersMs: 15_000, requestMs: 120_000, keepAliveMs: 75_000, checkMs: 5000 };

/** The HTTP application, not yet listening. Close it with `closeHttpApp`. */
export async function createHttpApp(options: HttpAppOptions): Promise<FastifyInstance> {
  const { config, telemetry, tls } = options;
  const timeouts = { ...defaults, ...options.timeouts };
  const server = { headersTimeout: timeouts.headersMs, connectionsCheckingInterval: timeouts.checkMs };
  const app = Fastify({
    logger: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: timeouts.keepAliveMs,
    requestTimeout: timeouts.requestMs,
    routerOptions: { maxParamLength: 1024, ignoreDuplicateSlashes: true },
    frameworkErrors: badPath,
    clientErrorHandler: answerClientError,
    http: server,
    // Fastify's types make the two kinds of server two kinds of application; plugins need not care.
    ...((tls
      ? { https: { ...server, ...tls.current, minVersion: 'TLSv1.2', ...(options.grpc && grpcByAlpn) } }
      : {}) as object),
  });
  app.setErrorHandler(errorHandler(telemetry.log));
  app.setNotFoundHandler(notFound);
  if (tls) followCertificate(app, tls);
  connectionGauge(app, telemetry);

  const key = keyCheck(config.apiKey);
  const sessions = new Sessions(config);
  const session = (role: 'query' | 'admin') => (request: FastifyRequest) => sessions.allows(request, role);
  const metricsKey = keyCheck(config.apiKey, config.apiKey && config.adminApiKey);
  await app.register(async (scope) => {
    const { refuse } = otherMethods(scope);
    mountProbes(scope, telemetry, options.ready, metricsKey, session('query'));
    refuse(otherMethod);
  });
  if (options.ui) await mountUi(app, sessions, telemetry);
  await mount(app, options.ingest, config.corsAllowedOrigins, requireKey(key));
  const trusted = config.apiKey !== undefined || config.allowUnauthenticated === true;
  const open = !trusted && isLoopback(parseBind(config.bind).host);
  await mount(
    app,
    options.query,
    undefined,
    ...(open ? [refuseForeignPages] : []),
    requireQueryKey(key, session('query')),
  );
  await mount(app, options.agents, undefined, ...(open ? [refuseForeignPages] : []), requireKey(metricsKey));
  if (options.grpc) {
    const methods = withKey(key, options.grpc);
    if (tls) serveAlpn(app, methods, telemetry);
    else serveH2c(app, methods, telemetry, timeouts.headersMs);
  }
  const adminOpen = open && config.adminApiKey === undefined;
  await mount(
    app,
    options.admin,
    undefined,
    ...(adminOpen ? [refuseForeignPages] : []),
    requireKey(keyCheck(config.adminApiKey ?? config.apiKey), session('admin')),
  );
  return app;
}

/** Stops listening, waits for requests under way, and after `graceMs` cuts what is left. */
export async function closeHttpApp(app: FastifyInstance, graceMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}

type Hook = ReturnType<typeof requireKey>;

async function mount(
  app: FastifyInstance,
  plugins: readonly FastifyPluginAsync[] = [],
  corsOrigins: string | undefined,
  ...hooks: readonly Hook[]
): Promise<void> {
  if (plugins.length === 0) return;
  await app.register(async (scope) => {
    if (corsOrigins !== undefined) await allowOrigins(scope, corsOrigins);
    for (const hook of hooks) scope.addHook('onRequest', hook);
    for (const plugin of plugins) await scope.register(plugin);
  });
}

function followCertificate(app: FastifyInstance, tls: TlsFiles): void {
  const server = app.server as unknown as HttpsServer;
  const stop = tls.onChange((pair) => server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' }));
  app.addHook('onClose', (_app, done) => {
    stop();
    done();
  });
}

function connectionGauge(app: FastifyInstance, telemetry: Telemetry): void {
  new Gauge({
    name: 'canardstack_http_connections',
    help: 'Open HTTP connections, idle ones included.',
    registers: [telemetry.registry],
    async collect() {
      this.set(
        await new Promise<number>((resolve) => {
          app.server.getConnections((error, count) => resolve(error ? 0 : count));
        }),
      );
    },
  });
}
