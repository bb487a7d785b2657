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
} from '../config/index.js';
import { DecodePool } from '../decode/index.js';
import { faultsFrom, type Faults } from '../faults/index.js';
import { adminApi } from '../http/admin.js';
import { dashboardsRead, dashboardsWrite } from '../http/dashboards/index.js';
import {
  assertBindable,
  assertBindAllowed,
  bringsKey,
  closeHttpApp,
  createHttpApp,
  keyCheck,
  openTls,
  parseBind,
  type Readiness,
} from '../http/index.js';
import { mcpHttp } from '../mcp/index.js';
import { LakeError, openLake, type Lake } from '../lake/index.js';
import { httpReceivers, startOtlpGrpc, startSyslog, type OtlpGrpcServer } from '../receivers/index.js';
import { QueryGuard } from '../query/server/guard.js';
import { lokiApi } from '../query/logql/index.js';
import { prometheusApi } from '../query/promql/index.js';
import { QueryThreads } from '../query/threads/index.js';
import { jaegerApi } from '../query/traceql/jaeger.js';
import { tempoApi, tempoStreaming } from '../query/traceql/index.js';
import { CatalogMaintenance } from '../recovery/index.js';
import { openPipeline, type Pipeline } from '../seal/index.js';
import { beginRun, openSpool, SpoolInUseError, type Spool } from '../spool/index.js';
import { checkPlaces } from '../storage/index.js';
import { startOwnExport, type OwnExporter } from '../telemetry/export.js';
import { createTelemetry, type Telemetry } from '../telemetry/index.js';
import { processMetrics } from '../telemetry/process.js';
import type { QueryApiDeps } from '../query/server/http.js';
import { queryMetrics } from '../query/server/metrics.js';
import { within } from '../timeout/index.js';
import { endAtOnce } from './end-at-once.js';
import { CommandError, notOwnerExitCode } from './errors.js';
import { version } from './version.js';

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

interface ServerState {
  draining: boolean;
  /** Why the catalog is no longer this process's. */
  lost: string | null;
}

const abandonMs = 1000;

/** What ingest has and a query node has not. */
interface IngestParts {
  readonly spool: Spool;
  readonly pool: DecodePool;
  readonly pipeline: Pipeline;
}

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
        faults,
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

function openOwnSpool(config: EffectiveConfig, telemetry: Telemetry, faults: Faults): Promise<Spool> {
  return openSpool({
    dir: join(config.dataDir, 'spool'),
    capacityBytes: config.rawSpoolCapacityBytes,
    segmentBytes: config.rawSpoolSegmentBytes,
    groupCommitMs: config.rawSpoolGroupCommitMs,
    setAsideBytes: config.rawSpoolSetAsideBytes,
    telemetry,
    faults,
  });
}

async function openIngest(
  config: EffectiveConfig,
  telemetry: Telemetry,
  faults: Faults,
  spool: Spool,
  lake: Lake,
): Promise<IngestParts> {
  const pool = await DecodePool.start({
    threads: config.decodeThreads,
    queueBytes: config.decodeQueueBytes,
    limits: decodeLimits(config),
    memoryBytes: config.decodeMemoryBytes,
    // What may be held for commits, and bodies: nothing is dropped while the load lasts.
    idleBytes: config.sealMaxBytes * 3,
    telemetry,
  });
  const pipeline = await openPipeline({
    config,
    spool,
    lake,
    pool,
    telemetry,
    memoryCapBytes: config.memoryCapBytes,
    faults,
  });
  return { spool, pool, pipeline };
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

async function readiness(lake: Lake, ingest: IngestParts | null, state: ServerState): Promise<Readiness> {
  const reasons: string[] = [];
  if (state.lost !== null) reasons.push(`catalog lease: ${state.lost}`);
  if (state.draining) reasons.push('this node is draining');
  await lake.ping().catch((error: unknown) => {
    reasons.push(`lake: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (ingest) {
    const { intake, sealer } = ingest.pipeline;
    if (sealer.unavailable !== null) reasons.push(`sealing: ${sealer.unavailable}`);
    if (intake.spoolError !== null) reasons.push(`spool: ${intake.spoolError}`);
  }
  return { ready: reasons.length === 0, reasons };
}

/** DuckDB's version, and the version of the DuckLake format that the catalog has. */
async function versions(lake: Lake): Promise<{ duckdb: string; ducklake: string }> {
  const [row] = await lake.readers.withSession(AbortSignal.timeout(5000), (session) =>
    session.rows(
      `SELECT version() AS duckdb,
              (SELECT value FROM __ducklake_metadata_lake.ducklake_metadata WHERE key = 'version') AS ducklake`,
    ),
  );
  return { duckdb: String(row?.['duckdb']), ducklake: String(row?.['ducklake']) };
}

/** Bytes that DuckDB has allocated; null when it does not tell in time. */
async function duckdbMemory(lake: Lake): Promise<number | null> {
  try {
    return await lake.readers.withSession(AbortSignal.timeout(2000), async (session) => {
      const [row] = await session.rows(
        'SELECT sum(memory_usage_bytes)::DOUBLE AS bytes FROM duckdb_memory()',
      );
      return Number(row?.['bytes'] ?? 0);
    });
  } catch {
    return null;
  }
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

interface ShutdownParts {
  readonly config: EffectiveConfig;
  readonly telemetry: Telemetry;
  readonly faults: Faults;
  readonly lake: Lake;
  readonly catalogMaintenance: CatalogMaintenance;
  readonly ingest: IngestParts | null;
  readonly threads: QueryThreads | null;
  readonly app: FastifyInstance;
  readonly grpc: OtlpGrpcServer | null;
  readonly own: OwnExporter | null;
}

/** Refuses, finishes, commits, closes: each step within what is left of the bound. */
async function shutDown(parts: ShutdownParts): Promise<boolean> {
  const { config, telemetry, lake, catalogMaintenance, ingest, threads, app, grpc, own } = parts;
  const deadline = Date.now() + config.shutdownTimeoutMs;
  const left = () => Math.max(100, deadline - Date.now());
  telemetry.log.info({ withinMs: config.shutdownTimeoutMs }, 'draining');
  const complete = ingest ? await ingest.pipeline.drain(AbortSignal.timeout(Math.floor(left() * 0.7))) : true;
  await Promise.all([closeHttpApp(app, Math.min(5000, left())), grpc?.close(Math.min(5000, left()))]);
  await threads?.close();
  await catalogMaintenance.stop();
  await lake.maintenance.stop();
  await own?.stop();
  await ingest?.pool.close();
  await ingest?.spool.close();
  await lake.close();
  const uncommitted = ingest?.pipeline.sealer.backlogBytes ?? 0;
  if (complete) telemetry.log.info('drained');
  else telemetry.log.warn({ uncommitted }, 'stopped before all was committed; the spool keeps the rest');
  return complete;
}

/** `canardstack serve`: runs until SIGTERM or SIGINT, then drains; a second signal ends it at once. */
export async function serve(config: Config, sources?: Sources): Promise<number> {
  const telemetry = createTelemetry(config.logLevel);
  const server = await startServer(config, telemetry, undefined, sources).catch((error: unknown) => {
    const held = (error instanceof LakeError && error.kind === 'locked') || error instanceof SpoolInUseError;
    if (held) {
      throw new CommandError(error.message, notOwnerExitCode);
    }
    throw error;
  });
  void server.lost.then(async (reason) => {
    telemetry.log.fatal({ reason }, 'this process no longer owns its catalog: it stops');
    await server.abandon(reason).catch(() => undefined);
    // Not by closing the lake: nothing may be written any more. The spool keeps what was acknowledged.
    endAtOnce(notOwnerExitCode);
  });
  const complete = await new Promise<boolean>((resolve, reject) => {
    let stopping = false;
    const stop = () => {
      if (stopping) endAtOnce(1);
      stopping = true;
      server.close().then(resolve, reject);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
  return complete ? 0 : 1;
}
