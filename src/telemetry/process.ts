import { collectDefaultMetrics } from 'prom-client';
import { Gauge, type Telemetry } from './index.js';

export interface BuildInfo {
  readonly version: string;
  readonly duckdb: string;
  readonly ducklake: string;
}

/**
 * Registers CPU, memory, event-loop and GC metrics, the build, and DuckDB's own memory.
 * `duckdbMemory` gives bytes, or null when it can't be told; it must be bounded in time.
 */
export function processMetrics(
  telemetry: Telemetry,
  build: BuildInfo,
  duckdbMemory?: () => Promise<number | null>,
): void {
  const registers = [telemetry.registry];
  collectDefaultMetrics({ register: telemetry.registry });
  new Gauge({
    name: 'canardstack_build_info',
    help: 'Always 1; what runs, as labels.',
    labelNames: ['version', 'duckdb', 'ducklake'],
    registers,
  }).set({ ...build }, 1);
  if (!duckdbMemory) return;
  new Gauge({
    name: 'canardstack_duckdb_memory_bytes',
    help: 'Memory that DuckDB has allocated, all uses together.',
    registers,
    async collect() {
      // A scrape must not fail because DuckDB is busy or away: the last value stays.
      const bytes = await duckdbMemory().catch(() => null);
      if (bytes !== null) this.set(bytes);
    },
  });
}
