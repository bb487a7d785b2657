import { readFileSync } from 'node:fs';
import { availableParallelism, homedir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { DecodeLimits } from '../schema/index.js';
import type { Config } from './settings.js';

type Computed =
  | 'duckdbMemoryLimitBytes'
  | 'duckdbThreads'
  | 'decodeThreads'
  | 'queryThreads'
  | 'memoryCapBytes'
  | 'decodeMemoryBytes'
  | 'maxRequestRowBytes'
  | 'queryMemoryLimitBytes'
  | 'duckdbExtensionDir'
  | 'ducklakeCatalogPath'
  | 'ducklakeDataPath';

/** The configuration with every computed default filled in. */
export type EffectiveConfig = Config & { readonly [K in Computed]: NonNullable<Config[K]> };

export interface Machine {
  readonly memoryBytes: number;
  readonly cores: number;
}

/** Memory and cores this process may use; both know cgroup limits, of CPU those of the files in `cgroup`. */
export function machine(cgroup = '/sys/fs/cgroup'): Machine {
  const constrained = process.constrainedMemory?.() ?? 0;
  // Without a limit the kernel gives 0 or a number far above what is there.
  const memoryBytes = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  return { memoryBytes, cores: Math.max(1, Math.min(availableParallelism(), cpuQuota(cgroup))) };
}

/** Whole cores of the cgroup's CPU quota (v2, then v1), which availableParallelism does not see. */
function cpuQuota(cgroup: string): number {
  const read = (file: string): string => {
    try {
      return readFileSync(join(cgroup, file), 'utf8').trim();
    } catch {
      return '';
    }
  };
  const [quota = '', period = ''] = read('cpu.max').split(' ');
  const v2 = Number(quota) / Number(period);
  if (v2 > 0 && Number.isFinite(v2)) return Math.ceil(v2);
  const v1 = Number(read('cpu/cpu.cfs_quota_us') || '-1') / Number(read('cpu/cpu.cfs_period_us') || '0');
  return v1 > 0 && Number.isFinite(v1) ? Math.ceil(v1) : Infinity;
}

/** Where the system keeps a user's caches. */
function userCacheDir(): string {
  const named = process.env['XDG_CACHE_HOME'];
  if (named) return named;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  if (process.platform === 'win32') return process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  return join(homedir(), '.cache');
}

/** Compaction sorts in it, and spills to disk beyond: more would be taken for little speed. */
export function defaultDuckdbMemoryBytes(memoryBytes: number): number {
  return Math.min(Math.floor(memoryBytes * 0.4), 4 * 1024 ** 3);
}

/** A request exists several times over on its way to a file: decoded, packed, in DuckDB. */
function defaultRequestRowBytes(memoryBytes: number): number {
  return Math.min(Math.floor(memoryBytes / 8), 256 * 1024 ** 2);
}

/** Fills in the defaults that depend on the machine or on other settings. */
export function effective(config: Config, host: Machine = machine()): EffectiveConfig {
  const duckdbMemoryLimitBytes = config.duckdbMemoryLimitBytes ?? defaultDuckdbMemoryBytes(host.memoryBytes);
  return {
    ...config,
    duckdbMemoryLimitBytes,
    duckdbThreads: config.duckdbThreads ?? host.cores,
    decodeThreads: config.decodeThreads ?? Math.max(1, host.cores - 1),
    queryThreads: config.queryThreads ?? (host.cores >= 4 ? 2 : 1),
    memoryCapBytes: config.memoryCapBytes ?? Math.floor(host.memoryBytes * 0.8),
    decodeMemoryBytes: config.decodeMemoryBytes ?? Math.min(Math.floor(host.memoryBytes / 4), 2 * 1024 ** 3),
    maxRequestRowBytes: config.maxRequestRowBytes ?? defaultRequestRowBytes(host.memoryBytes),
    queryMemoryLimitBytes: config.queryMemoryLimitBytes ?? Math.floor(duckdbMemoryLimitBytes * 0.75),
    duckdbExtensionDir: config.duckdbExtensionDir ?? join(userCacheDir(), 'canardstack', 'extensions'),
    ducklakeCatalogPath: config.ducklakeCatalogPath ?? join(config.dataDir, 'canardstack.ducklake'),
    ducklakeDataPath: config.ducklakeDataPath ?? join(config.dataDir, 'data'),
  };
}

/** What requests received with this configuration may become. */
export function decodeLimits(config: EffectiveConfig): DecodeLimits {
  const { maxDecodedBodyBytes, maxRequestRecords, maxRequestRowBytes, maxRecordBytes, maxRecordElements } =
    config;
  return { maxDecodedBodyBytes, maxRequestRecords, maxRequestRowBytes, maxRecordBytes, maxRecordElements };
}
