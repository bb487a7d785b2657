import { totalmem } from 'node:os';
import { duckdbShares, machine, type EffectiveConfig } from '../../config/index.js';
import { Gauge, type Telemetry } from '../../telemetry/index.js';

/** Tells at the start which bounds of memory this process has, in the log and as a metric. */
export function tellMemory(config: EffectiveConfig, telemetry: Telemetry): void {
  const { memoryBytes } = machine();
  const { lake, writer, sorterMost, footers } = duckdbShares(config.duckdbMemoryLimitBytes);
  const duckdb = { lake, writer, sorter: sorterMost, footers };
  const limits = new Gauge({
    name: 'canardstack_duckdb_memory_limit_bytes',
    help: 'Memory that each DuckDB instance of this process may take: lake (queries and commits), writer (files of commits), sorter (compaction, at most), footers (small answers from data files).',
    labelNames: ['instance'],
    registers: [telemetry.registry],
  });
  for (const [instance, bytes] of Object.entries(duckdb)) limits.set({ instance }, bytes);
  telemetry.log.info(
    {
      memoryBytes,
      memoryOf: memoryBytes < totalmem() ? 'cgroup' : 'machine',
      duckdb,
      queryBytes: config.queryMemoryLimitBytes,
      decodeBytes: config.decodeMemoryBytes,
      sampleCacheBytes: config.sampleCacheBytes,
      ingestCapBytes: config.memoryCapBytes,
    },
    'memory',
  );
}
