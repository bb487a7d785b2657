import type { FastifyInstance } from 'fastify';
import type { EffectiveConfig } from '../../config/index.js';
import { closeHttpApp } from '../../http/index.js';
import type { Lake } from '../../lake/index.js';
import type { QueryThreads } from '../../query/threads/index.js';
import type { OtlpGrpcServer } from '../../receivers/index.js';
import type { CatalogMaintenance } from '../../recovery/index.js';
import type { OwnExporter } from '../../telemetry/export.js';
import type { Telemetry } from '../../telemetry/index.js';
import type { IngestParts } from './ingest.js';

export interface ShutdownParts {
  readonly config: EffectiveConfig;
  readonly telemetry: Telemetry;
  readonly lake: Lake;
  readonly catalogMaintenance: CatalogMaintenance;
  readonly ingest: IngestParts | null;
  readonly threads: QueryThreads | null;
  readonly app: FastifyInstance;
  readonly grpc: OtlpGrpcServer | null;
  readonly own: OwnExporter | null;
}

/** Refuses, finishes, commits, closes: each step within what is left of the bound. */
export async function shutDown(parts: ShutdownParts): Promise<boolean> {
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
