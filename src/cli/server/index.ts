import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import {
  decodeLimits,
  effective,
  parseHeaderList,
  type Config,
  type EffectiveConfig,
  type Sources,
} from '../../config/index.js';
import { faultsFrom, type Faults } from '../../faults/index.js';
import { adminApi } from '../../http/admin.js';
import { dashboardsRead, dashboardsWrite } from '../../http/dashboards/index.js';
import {
  assertBindable,
  assertBindAllowed,
  bringsKey,
  closeHttpApp,
  createHttpApp,
  keyCheck,
  openTls,
  parseBind,
} from '../../http/index.js';
import { mcpHttp } from '../../mcp/index.js';
import { openLake } from '../../lake/index.js';
import { httpReceivers, startOtlpGrpc, startSyslog } from '../../receivers/index.js';
import { QueryGuard } from '../../query/server/guard.js';
import { lokiApi } from '../../query/logql/index.js';
import { prometheusApi } from '../../query/promql/index.js';
import { QueryThreads } from '../../query/threads/index.js';
import { jaegerApi } from '../../query/traceql/jaeger.js';
import { tempoApi, tempoStreaming } from '../../query/traceql/index.js';
import { CatalogMaintenance } from '../../recovery/index.js';
import { beginRun } from '../../spool/index.js';
import { checkPlaces } from '../../storage/index.js';
import { startOwnExport, type OwnExporter } from '../../telemetry/export.js';
import { createTelemetry, type Telemetry } from '../../telemetry/index.js';
import { processMetrics } from '../../telemetry/process.js';
import type { QueryApiDeps } from '../../query/server/http.js';
import { queryMetrics } from '../../query/server/metrics.js';
import { within } from '../../timeout/index.js';
import { version } from '../version.js';
import { duckdbMemory, readiness, versions, type ServerState } from './health.js';
import { openIngest, openOwnSpool } from './ingest.js';
import { tellMemory } from './memory.js';
import { shutDown } from './shutdown.js';

export interface RunningServer {
  readonly url: string;
  /** `host:port` of OTLP/gRPC, or null when it is off. */
  readonly grpc: string | null;
  /** Drains and stops within CANARDSTACK_SHUTDOWN_TIMEOUT_MS. True when everything acknowledged is committed. */
  close(): Promise<boolean>;
  /** Resolves with the reason when this process owns its catalog no more; it must then end without a commit. */
  readonly lost: Promise<string>;
  /** Interrupts every statement, and stops taking and answering requests, within a second; commits nothing. */
  abandon(reason: string): Promise<void>;
}

const abandonMs = 1000;

/** Joins the stages of one node and starts listening. */
export async function startServer(
  given: Config,
  telemetry: Telemetry = createTelemetry(given.logLevel),
  faults: Faults = faultsFrom(process.env['CANARDSTACK_FAULT']),
  sources?: Sources,
): Promise<RunningServer> {
  assertBindAllowed(given);
  const config = effective(given);
  await checkPlaces(config);
  const opened: (() => Promise<unknown>)[] = [];
  try {
    return await open(config, telemetry, faults, opened, sources);
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

async function open(
  config: EffectiveConfig,
  telemetry: Telemetry,
  faults: Faults,
  opened: (() => Promise<unknown>)[],
  sources: Sources | undefined,
): Promise<RunningServer> {
  // Before anything is opened that takes time.
  const tls = await openTls(config, telemetry);
  if (tls) opened.push(() => Promise.resolve(tls.close()));
  const spool = config.role === 'query' ? null : await openOwnSpool(config, telemetry, faults);
  if (spool) opened.push(() => spool.close());
  await assertBindable('CANARDSTACK_BIND', config.bind);
  if (spool && config.grpcBind !== 'off') await assertBindable('CANARDSTACK_GRPC_BIND', config.grpcBind);
  if (spool && config.syslogBind !== 'off')
    await assertBindable('CANARDSTACK_SYSLOG_BIND', config.syslogBind);
  tellMemory(config, telemetry);
  const runId = spool ? await beginRun(join(config.dataDir, 'spool')) : null;
  const lake = await openLake({
    config,
    telemetry,
    faults,
    nodeId: spool?.nodeId ?? 'query',
    ...(runId ? { runId } : {}),
  });
  opened.push(() => lake.close());
  const ingest = spool ? await openIngest(config, telemetry, faults, spool, lake) : null;
  if (ingest) opened.push(() => ingest.pool.close());
  if (ingest) opened.push(() => ingest.pipeline.sealer.stop());

  const guard = new QueryGuard(lake.readers, queryLimits(config), queryMetrics(telemetry));
  processMetrics(telemetry, { version, ...(await versions(lake)) }, () => duckdbMemory(lake));
  const catalogMaintenance = new CatalogMaintenance(lake, config, telemetry);
  opened.push(() => catalogMaintenance.stop());
  const threads =
    config.role === 'ingest' ? null : await QueryThreads.start({ threads: config.queryThreads, telemetry });
  if (threads) opened.push(() => threads.close());
  const deps = { guard, telemetry, ...(threads && { threads }) };
  const state: ServerState = { draining: false, lost: null };
  const receivers = ingest && {
    intake: ingest.pipeline.intake,
    config,
    limits: decodeLimits(config),
    telemetry,
  };
  const ready = () => readiness(lake, ingest, state);
  const serving = async () => (await ready()).ready;
  const methods = config.role === 'ingest' ? undefined : tempoStreaming(deps);
  const app = await createHttpApp({
    config,
    telemetry,
    tls,
    ready,
    ui: config.role !== 'ingest',
    ...(methods && { grpc: methods }),
    ingest: receivers ? httpReceivers(receivers) : [],
    query:
      config.role === 'ingest'
        ? []
        : [
            prometheusApi(deps),
            lokiApi({ ...deps, maxTails: config.queryMaxTails }),
            tempoApi(deps),
            jaegerApi(deps),
            dashboardsRead({ dashboards: lake.dashboards, telemetry }),
          ],
    agents: config.role === 'ingest' ? [] : [agentsApi(deps, config)],
    admin: [
      ...(config.role === 'ingest' ? [] : [dashboardsWrite({ dashboards: lake.dashboards, telemetry })]),
      adminApi({
        config,
        ...(sources ? { sources } : {}),
        lake,
        guard,
        telemetry,
        pipeline: ingest?.pipeline ?? null,
        spool,
        catalogMaintenance,
      }),
    ],
  });
  opened.push(() => app.close());
  const grpc =
    receivers && config.grpcBind !== 'off'
      ? await startOtlpGrpc({
          ...receivers,
          ...{ bind: config.grpcBind, apiKey: config.apiKey, tls, serving },
          ...(methods && { methods }),
        })
      : null;
  if (grpc) opened.push(() => grpc.close(0));
  const syslog =
    receivers && config.syslogBind !== 'off'
      ? await startSyslog({ ...receivers, bind: config.syslogBind, tls })
      : null;
  if (syslog) opened.push(() => syslog.close());
  const url = await listen(app, config.bind);
  // A query node keeps nothing, so its telemetry has a new identity with each start.
  const own = ownExport(config, telemetry, spool?.nodeId ?? randomUUID(), [config.bind, config.grpcBind]);
  if (config.ducklakeMaintenanceEnabled) lake.maintenance.start();
  if (config.ducklakeMaintenanceEnabled && config.role !== 'query') catalogMaintenance.start();
  telemetry.log.info(
    { url, grpc: grpc?.address ?? 'off', role: config.role, dataDir: config.dataDir },
    'serving',
  );
  return {
    url,
    grpc: grpc?.address ?? null,
    close: async () => {
      state.draining = true;
      // Before the intake drains, so that what it has read becomes durable.
      await syslog?.close();
      return shutDown({
        config,
        telemetry,
        lake,
        catalogMaintenance,
        ingest,
        threads,
        app,
        grpc,
        own,
      });
    },
    lost: new Promise((resolve) => lake.ownership?.onLost(resolve)),
    async abandon(reason) {
      state.lost = reason;
      await Promise.all([
        spool?.attempts.orderly(),
        within(abandonMs, lake.abandon(), () => undefined),
        closeHttpApp(app, abandonMs),
        grpc?.close(abandonMs),
        within(abandonMs, syslog?.close() ?? Promise.resolve(), () => undefined),
      ]);
    },
  };
}

function agentsApi(deps: QueryApiDeps, { adminApiKey, apiKey }: EffectiveConfig) {
  const isAdmin = bringsKey(keyCheck(adminApiKey ?? apiKey));
  return mcpHttp({ ...deps, version, isAdmin });
}

function queryLimits(config: EffectiveConfig) {
  return {
    concurrency: config.queryConcurrency,
    queueLength: config.queryQueueLength,
    timeoutMs: config.queryTimeoutMs,
    maxRangeMs: config.queryMaxRangeSecs * 1000,
    // Retention goes by whole days.
    retentionMs: (config.retentionDays + 1) * 86_400_000,
    maxRows: config.queryMaxRows,
    maxSamples: config.queryMaxSamples,
    maxSeries: config.queryMaxSeries,
    scopeLabels: config.queryScopeLabels,
    promqlExperimental: config.promqlExperimental,
    spanMetrics: config.spanMetrics ? { dimensions: config.spanMetricsDimensions?.split(',') ?? [] } : null,
  };
}

async function listen(app: FastifyInstance, bind: string): Promise<string> {
  const { host, port } = parseBind(bind);
  return app.listen({ host, port });
}

function ownExport(
  config: EffectiveConfig,
  telemetry: Telemetry,
  instanceId: string,
  ownAddresses: readonly string[],
): OwnExporter | null {
  if (!config.otlpExportEndpoint) return null;
  return startOwnExport({
    telemetry,
    endpoint: config.otlpExportEndpoint,
    headers: parseHeaderList(config.otlpExportHeaders ?? ''),
    metricsIntervalMs: config.otlpExportIntervalSecs * 1000,
    ownAddresses: ownAddresses.filter((address) => address !== 'off'),
    version,
    instanceId,
  });
}
