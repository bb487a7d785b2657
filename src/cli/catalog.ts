import { effective, type Config, type EffectiveConfig } from '../config/index.js';
import type { Contradiction, ForgetResult, RetentionResult } from '../lake/types.js';
import type { CatalogMaintenance, Progress, RecoveryConfig, VerifyOutcome } from '../recovery/index.js';
import { createTelemetry } from '../telemetry/index.js';
import { askAdmin } from './client.js';
import { CommandError } from './errors.js';

/** Bound of a request that may read every footer of a lake. */
const longRequestMs = 3_600_000;

/** Runs `work` on the lake itself, opened for reading; for when no server holds it. */
async function withoutServer<T>(
  config: Config,
  work: (catalogMaintenance: CatalogMaintenance) => Promise<T>,
): Promise<T> {
  const { openLake } = await import('../lake/index.js');
  const { CatalogMaintenance } = await import('../recovery/index.js');
  const telemetry = createTelemetry('silent');
  const lake = await openLake({ config: effective(config), telemetry, nodeId: 'catalog', readOnly: true });
  try {
    const catalogMaintenance = new CatalogMaintenance(lake, effective(config), telemetry);
    try {
      return await work(catalogMaintenance);
    } finally {
      await catalogMaintenance.stop();
    }
  } finally {
    await lake.close();
  }
}

export type StatusAnswer = Awaited<ReturnType<CatalogMaintenance['status']>>;
export type BackupAnswer = Awaited<ReturnType<CatalogMaintenance['backup']>>;

export async function status(config: Config): Promise<StatusAnswer> {
  const answer = await askAdmin(config, 'catalog', { timeoutMs: 60_000 });
  return (
    (answer as StatusAnswer | null) ??
    withoutServer(config, (catalogMaintenance) => catalogMaintenance.status())
  );
}

export async function backup(
  config: Config,
  to: string | undefined,
  onProgress: Progress,
): Promise<BackupAnswer> {
  if (to === undefined) {
    onProgress('backing up by the running server', 0, null);
    const answer = await askAdmin(config, 'catalog/backup', { body: {}, timeoutMs: longRequestMs });
    if (answer !== null) return answer as BackupAnswer;
  }
  // With a path of its own: a server never writes where its settings don't say.
  return withoutServer(
    { ...config, ...(to === undefined ? {} : { catalogBackupPath: to }) },
    (catalogMaintenance) =>
      catalogMaintenance.backup(
        (done, total) => onProgress('copying the catalog', done, total),
        to !== undefined,
      ),
  );
}

export async function verify(
  config: Config,
  options: { readonly repair: boolean; readonly deep: boolean; readonly minAgeSecs: number | undefined },
  onProgress: Progress,
): Promise<VerifyOutcome> {
  const { repair, deep, minAgeSecs } = options;
  onProgress('verifying by the running server', 0, null);
  // A server of an earlier release knows no deep verification.
  const body = { repair, ...(deep ? { deep } : {}), ...(minAgeSecs === undefined ? {} : { minAgeSecs }) };
  const answer = await askAdmin(config, 'catalog/verify', { body, timeoutMs: longRequestMs });
  if (answer !== null) return answer as VerifyOutcome;
  const minAge = minAgeSecs === undefined ? {} : { minAgeMs: minAgeSecs * 1000 };
  return withoutServer(config, (catalogMaintenance) =>
    catalogMaintenance.verify({ repair, deep, ...minAge }, onProgress),
  );
}

/** Maintenance is the running server's: only it may write the lake. */
async function askRunning(config: Config, path: string, body: unknown, also: readonly number[] = []) {
  const answer = await askAdmin(config, `maintenance/${path}`, { body, timeoutMs: longRequestMs, also });
  if (answer === null) throw new CommandError('no server runs with these settings: start it, then ask again');
  return answer;
}

/** What is due; with `confirm` a person's word, and what was deleted. */
export async function retention(config: Config, confirm: string | undefined): Promise<RetentionResult> {
  const path = confirm === undefined ? 'retention/dry-run' : 'retention/run';
  const body = confirm === undefined ? {} : { confirm };
  return (await askRunning(config, path, body, [409, 503])) as RetentionResult;
}

/** Gives up the rows of damaged files; `dryRun` only tells which. */
export async function forgetFile(
  config: Config,
  paths: readonly string[],
  dryRun: boolean,
): Promise<ForgetResult> {
  return (await askRunning(config, 'forget-file', { paths, dryRun })) as ForgetResult;
}

export interface ClockAnswer {
  readonly wall: string;
  readonly lake: string;
  readonly offsetSeconds: number;
  readonly contradiction: Contradiction | null;
}

export async function clock(config: Config, accept: boolean): Promise<ClockAnswer> {
  return (await askRunning(
    config,
    accept ? 'clock/accept' : 'clock',
    accept ? {} : undefined,
  )) as ClockAnswer;
}

export interface RecoverOptions {
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly assumeCommitted: boolean;
}

export async function restore(
  config: Config,
  options: RecoverOptions & {
    readonly from: string | undefined;
    readonly name: string | null;
    readonly import: boolean;
  },
  onProgress: Progress,
) {
  const { backupPath, restoreCatalog } = await import('../recovery/index.js');
  const { retentionCutoff } = await import('../lake/maintenance/retention.js');
  const { openStorage } = await import('../storage/index.js');
  const backups = openStorage(options.from ?? backupPath(config), config);
  try {
    return await restoreCatalog({
      ...options,
      config: recoveryConfig(config),
      telemetry: createTelemetry('warn'),
      backups,
      retentionCutoffMs: retentionCutoff(Date.now(), config.retentionDays).getTime(),
      onProgress,
    });
  } finally {
    backups.close();
  }
}

export async function rebuild(config: Config, options: RecoverOptions, onProgress: Progress) {
  const { rebuildCatalog } = await import('../recovery/index.js');
  return rebuildCatalog({
    ...options,
    config: recoveryConfig(config),
    telemetry: createTelemetry('warn'),
    onProgress,
  });
}

export async function migrate(
  config: Config,
  options: { readonly to: 'postgres' | 'local'; readonly dryRun: boolean },
  onProgress: Progress,
) {
  const { migrateCatalog } = await import('../recovery/index.js');
  return migrateCatalog({
    ...options,
    config: recoveryConfig(config),
    telemetry: createTelemetry('warn'),
    onProgress: (done, total) => onProgress('copying the catalog', done, total),
  });
}

/** The catalog's file by its own setting alone: where it is does not change with the kind that is in use. */
function recoveryConfig(config: Config): RecoveryConfig {
  const filled: EffectiveConfig = effective(config);
  return filled;
}
