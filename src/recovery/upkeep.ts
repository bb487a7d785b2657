import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { catalogFrom, type Catalog } from '../catalog/index.js';
import type { Config } from '../config/settings.js';
import { firstLine } from '../duckdb/index.js';
import type { Lake, LakeConfig } from '../lake/index.js';
import { retentionCutoff } from '../lake/maintenance/retention.js';
import { openStorage, type Storage } from '../storage/index.js';
import { Counter, Gauge, type Telemetry } from '../telemetry/index.js';
import { backupCatalog, type BackupResult } from './backup.js';
import type { CopyProgress } from './copy.js';
import { listBackups } from './manifest.js';
import { catalogStatus, type CatalogStatus } from './status.js';
import {
  removableOrphans,
  removeOrphans,
  verifyLake,
  type VerifyOptions,
  type VerifyReport,
} from './verify.js';

export type UpkeepConfig = LakeConfig &
  Pick<
    Config,
    | 'catalogBackupPath'
    | 'catalogBackupIntervalSecs'
    | 'catalogBackupKeep'
    | 'catalogVerifyIntervalSecs'
    | 'catalogVerifyRepair'
    | 'catalogOrphanMinAgeSecs'
  >;

export interface VerifyRequest {
  /** Removes orphans that nobody misses. */
  readonly repair: boolean;
  /** Default: CANARDSTACK_CATALOG_ORPHAN_MIN_AGE_SECS. */
  readonly minAgeMs?: number;
  /** Keys that `repair` may remove; default: of all orphans that nobody misses. */
  readonly only?: ReadonlySet<string>;
}

export interface VerifyOutcome extends VerifyReport {
  /** Keys of what `repair` removed. */
  readonly removed: readonly string[];
}

const stopWaitMs = 2000;
const shortestLookMs = 5000;
const longestLookMs = 60_000;
/** At most so many in a log line. */
const namedFiles = 100;

/** The catalog's backups and checks, on demand and on a schedule, with metrics; on any node, one task at a time. */
export class CatalogUpkeep {
  readonly backups: Storage;
  readonly #catalog: Catalog;
  readonly #storage: Storage;
  readonly #metrics: ReturnType<typeof upkeepMetrics>;
  #timer: NodeJS.Timeout | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #nextVerifyAt = 0;
  /** Keys of orphans that the last scheduled verification said it would remove. */
  #announced: ReadonlySet<string> = new Set();
  #stopped = false;

  /** Throws StorageError('invalid') when CANARDSTACK_CATALOG_BACKUP_PATH is no folder or URL. */
  constructor(
    private readonly lake: Pick<Lake, 'withConnection' | 'maintenance'>,
    private readonly config: UpkeepConfig,
    private readonly telemetry: Telemetry,
  ) {
    this.#catalog = catalogFrom(config);
    this.backups = openStorage(backupPath(config), config);
    this.#storage = openStorage(this.#catalog.dataPath, config);
    this.#metrics = upkeepMetrics(telemetry, this.#catalog.kind);
  }

  /** Starts the schedule. */
  start(): void {
    const intervals = [this.config.catalogBackupIntervalSecs, this.config.catalogVerifyIntervalSecs];
    const shortest = Math.min(...intervals.map((secs) => secs ?? Infinity)) * 1000;
    if (this.#timer || this.#stopped || shortest === Infinity) return;
    this.#nextVerifyAt = Date.now() + (this.config.catalogVerifyIntervalSecs ?? Infinity) * 1000;
    const look = Math.max(shortestLookMs, Math.min(longestLookMs, shortest / 4));
    let busy = false;
    this.#timer = setInterval(() => {
      if (busy) return;
      busy = true;
      void this.#due().finally(() => (busy = false));
    }, look);
    this.#timer.unref();
  }

  /** Waits a moment for a task under way; closing the lake ends it then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const timeout = new AbortController();
    const late = sleep(stopWaitMs, undefined, { signal: timeout.signal }).catch(() => undefined);
    await Promise.race([this.#tail, late]);
    timeout.abort();
    this.backups.close();
    this.#storage.close();
  }

  status(): Promise<CatalogStatus> {
    return catalogStatus(this.lake, this.config, this.backups);
  }

  /** Rejects with LakeError or StorageError. */
  backup(onProgress?: CopyProgress): Promise<BackupResult> {
    return this.#alone(async () => {
      try {
        const result = await this.lake.withConnection((connection, scratch) =>
          backupCatalog(
            { connection, scratch, kind: this.#catalog.kind, dataPath: this.#catalog.dataPath },
            this.backups,
            this.config.catalogBackupKeep,
            onProgress,
          ),
        );
        this.#metrics.backups.inc({ status: 'ok' });
        this.#metrics.backedUp(result.manifest);
        const { path, manifest, milliseconds } = result;
        this.telemetry.log.info(
          { path, snapshotId: manifest.snapshotId, bytes: manifest.file.bytes, milliseconds },
          'backed up the catalog',
        );
        return result;
      } catch (error) {
        this.#metrics.backups.inc({ status: 'error' });
        throw error;
      }
    });
  }

  /** Rejects with LakeError or StorageError. */
  verify(request: VerifyRequest, onProgress?: VerifyOptions['onProgress']): Promise<VerifyOutcome> {
    return this.#alone(() =>
      this.lake.withConnection(async (connection) => {
        const report = await verifyLake(connection, this.#storage, {
          minAgeMs: request.minAgeMs ?? this.config.catalogOrphanMinAgeSecs * 1000,
          retentionCutoffMs: retentionCutoff(Date.now(), this.config.retentionDays).getTime(),
          ...(onProgress === undefined ? {} : { onProgress }),
        });
        const { repair, only } = request;
        // While files of the lake are missing, what an orphan is worth takes a person to tell.
        const due = repair && (only === undefined || report.damaged.length === 0);
        const candidates = due ? removableOrphans(report).filter(({ key }) => only?.has(key) ?? true) : [];
        const removed = await removeOrphans(connection, this.#storage, candidates);
        if (removed.length > 0) this.telemetry.log.info({ files: removed.length }, 'removed orphans');
        const gone = new Set(removed);
        const left = report.orphans.filter(({ key }) => !gone.has(key));
        this.#metrics.verified({ ...report, orphans: left });
        return { ...report, removed };
      }),
    );
  }

  /**
   * A verification as the schedule runs it. With CANARDSTACK_CATALOG_VERIFY_REPAIR it removes orphans that nobody
   * misses, but only those that the one before named in the log, so that there is time to object.
   */
  async scheduledVerify(): Promise<VerifyOutcome> {
    const repair = this.config.catalogVerifyRepair;
    const outcome = await this.verify({ repair, only: this.#announced });
    const gone = new Set(outcome.removed);
    const due = repair && outcome.damaged.length === 0 ? removableOrphans(outcome) : [];
    this.#announced = new Set(due.map(({ key }) => key).filter((key) => !gone.has(key)));
    if (this.#announced.size > 0) {
      const files = [...this.#announced].slice(0, namedFiles);
      this.telemetry.log.warn(
        { files, count: this.#announced.size },
        'orphans that nobody misses: the next verification removes them',
      );
    }
    return outcome;
  }

  async #due(): Promise<void> {
    const { catalogBackupIntervalSecs: everySecs, catalogVerifyIntervalSecs: verifySecs } = this.config;
    try {
      if (everySecs !== undefined && (await this.#ageSecs()) >= everySecs) await this.backup();
    } catch (error) {
      if (!this.#stopped)
        this.telemetry.log.error({ err: firstLine(error) }, 'the backup of the catalog failed');
    }
    if (verifySecs === undefined || Date.now() < this.#nextVerifyAt) return;
    try {
      await this.scheduledVerify();
      this.#nextVerifyAt = Date.now() + verifySecs * 1000;
    } catch (error) {
      if (!this.#stopped)
        this.telemetry.log.error({ err: firstLine(error) }, 'the catalog could not be verified');
    }
  }

  /** Of the newest backup, whichever node made it. */
  async #ageSecs(): Promise<number> {
    const last = (await listBackups(this.backups)).at(-1);
    if (last === undefined) return Infinity;
    this.#metrics.backedUp(last.manifest);
    return (Date.now() - Date.parse(last.manifest.createdAt)) / 1000;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(() => {
      if (this.#stopped) throw new Error('the server is shutting down');
      return work();
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** Where backups go. */
export function backupPath(config: Pick<Config, 'catalogBackupPath' | 'dataDir'>): string {
  return config.catalogBackupPath ?? join(resolve(config.dataDir), 'backups');
}

function upkeepMetrics({ registry }: Telemetry, kind: string) {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  new Gauge({
    name: 'canardstack_catalog_info',
    help: 'Kind of the catalog: always 1.',
    labelNames: ['kind'],
    registers: [registry],
  }).set({ kind }, 1);
  const time = gauge(
    'canardstack_catalog_backup_timestamp_seconds',
    'Time of the last whole backup of the catalog.',
  );
  const snapshot = gauge(
    'canardstack_catalog_backup_snapshot_id',
    'Snapshot of the last whole backup of the catalog.',
  );
  const bytes = gauge('canardstack_catalog_backup_bytes', 'Size of the last whole backup of the catalog.');
  const backups = new Counter({
    name: 'canardstack_catalog_backups_total',
    help: 'Backups of the catalog by this process, by status.',
    labelNames: ['status'],
    registers: [registry],
  });
  for (const status of ['ok', 'error']) backups.inc({ status }, 0);
  const checked = gauge(
    'canardstack_catalog_verify_timestamp_seconds',
    'Time of the last check of the catalog against storage.',
  );
  const missing = gauge(
    'canardstack_catalog_damaged_files',
    'Files of the catalog that are missing or of a wrong size, by the last check.',
  );
  const orphans = new Gauge({
    name: 'canardstack_catalog_orphan_files',
    help: 'Files under the data path that the catalog does not know, by the last check and by what they are.',
    labelNames: ['state'],
    registers: [registry],
  });
  const orphanBytes = gauge('canardstack_catalog_orphan_bytes', 'Bytes of those files, young ones left out.');
  return {
    backups,
    backedUp(manifest: { createdAt: string; snapshotId: number; file: { bytes: number } }) {
      time.set(Date.parse(manifest.createdAt) / 1000);
      snapshot.set(manifest.snapshotId);
      bytes.set(manifest.file.bytes);
    },
    verified(report: VerifyReport) {
      checked.set(Date.now() / 1000);
      missing.set(report.damaged.length);
      orphans.reset();
      for (const { state } of report.orphans) orphans.inc({ state });
      const old = report.orphans.filter(({ state }) => state !== 'young');
      orphanBytes.set(old.reduce((sum, each) => sum + each.bytes, 0));
    },
  };
}
