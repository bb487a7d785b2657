import type { Readiness } from '../../http/index.js';
import type { Lake } from '../../lake/index.js';
import type { IngestParts } from './ingest.js';

export interface ServerState {
  draining: boolean;
  /** Why the catalog is no longer this process's. */
  lost: string | null;
}

export async function readiness(
  lake: Lake,
  ingest: IngestParts | null,
  state: ServerState,
): Promise<Readiness> {
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
export async function versions(lake: Lake): Promise<{ duckdb: string; ducklake: string }> {
  const [row] = await lake.readers.withSession(AbortSignal.timeout(5000), (session) =>
    session.rows(
      `SELECT version() AS duckdb,
              (SELECT value FROM __ducklake_metadata_lake.ducklake_metadata WHERE key = 'version') AS ducklake`,
    ),
  );
  return { duckdb: String(row?.['duckdb']), ducklake: String(row?.['ducklake']) };
}

/** Bytes that DuckDB has allocated; null when it does not tell in time. */
export async function duckdbMemory(lake: Lake): Promise<number | null> {
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
