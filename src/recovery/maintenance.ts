import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { catalogFrom, type Catalog } from '../catalog/index.js';
import type { Config } from '../config/settings.js';
import { firstLine, LakeError } from '../duckdb/index.js';
import type { Lake, LakeConfig } from '../lake/index.js';
import { lakeMetadata } from '../lake/files/known-files.js';
import { retentionCutoff } from '../lake/maintenance/retention.js';
import { openStorage, type Storage } from '../storage/index.js';
import { Gauge, type Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import type { BackupResult } from './backup.js';
import { CatalogBackups, type BackupAge } from './backups.js';
import type { CopyProgress } from './copy.js';
import { backupProblem, listBackups } from './manifest.js';
import { filesByDay, snapshots, type DayFiles, type SnapshotEntry } from './contents.js';
import { catalogStatus, summaryOf, type BackupSummary, type CatalogStatus } from './status.js';
import {
  removableOrphans,
  removeOrphans,
  verifyLake,
  type VerifyOptions,
  type VerifyReport,
} from './verify.js';

export type CatalogMaintenanceConfig = LakeConfig &
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
  /** Reads every file whole, and the backups. */
  readonly deep?: boolean;
  /** Keys that `repair` may remove; default: of all orphans that nobody misses. */
  readonly only?: ReadonlySet<string>;
}

export interface VerifyOutcome extends VerifyReport {
  /** Keys of what `repair` removed. */
  readonly removed: readonly string[];
  /** Backups that are not as they were made; of a deep verification alone. */
  readonly damagedBackups: readonly { readonly path: string; readonly problem: string }[];
}

const stopWaitMs = 2000;
const shortestLookMs = 5000;
const longestLookMs = 60_000;
/** At most so many in a log line. */
const namedFiles = 100;

/** The catalog's backups and checks, on demand and on a schedule, with metrics; on any node, one task at a time. */
export class CatalogMaintenance {
  readonly backups: Storage;
  readonly #catalog: Catalog;
  readonly #storage: Storage;
  readonly #metrics: ReturnType<typeof catalogMaintenanceMetrics>;
  readonly #schedule: CatalogBackups;
  #timer: NodeJS.Timeout | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #nextVerifyAt = Infinity;
  /** Keys of orphans that the last scheduled verification said it would remove. */
  #announced: ReadonlySet<string> = new Set();
  #stopped = false;

  /** Throws StorageError('invalid') when CANARDSTACK_CATALOG_BACKUP_PATH is no folder or URL. */
  constructor(
    private readonly lake: Pick<Lake, 'withConnection' | 'maintenance' | 'alone' | 'time' | 'damaged'>,
    private readonly config: CatalogMaintenanceConfig,
    private readonly telemetry: Telemetry,
  ) {
    this.#catalog = catalogFrom(config);
    this.backups = openStorage(backupPath(config), config);
    this.#storage = openStorage(this.#catalog.dataPath, config);
    this.#metrics = catalogMaintenanceMetrics(telemetry, this.#catalog.kind);
    const { kind, dataPath } = this.#catalog;
    this.#schedule = new CatalogBackups({
      config,
      storage: this.backups,
      telemetry,
      source: (work) =>
        this.lake.alone((connection, scratch) => work({ connection, scratch, kind, dataPath })),
    });
  }

  /** Of the newest backup; null where none are scheduled, as on the nodes of a catalog server. */
  backupAge(): BackupAge | null {
    return this.#schedule.age();
  }

  /** Starts the schedule. The catalog of a catalog server is backed up by that. */
  start(): void {
    if (this.#timer || this.#stopped) return;
    if (this.#catalog.kind !== 'quack') this.#schedule.start();
    const { catalogVerifyIntervalSecs: everySecs } = this.config;
    if (everySecs === undefined) return;
    this.#nextVerifyAt = performance.now() + everySecs * 1000;
    const look = Math.max(shortestLookMs, Math.min(longestLookMs, everySecs * 250));
    let busy = false;
    this.#timer = setInterval(() => {
      if (busy) return;
      busy = true;
      void this.#verifyIfDue(everySecs).finally(() => (busy = false));
    }, look);
    this.#timer.unref();
  }

  /** Waits a moment for a task under way; closing the lake ends it then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#schedule.stop();
    await within(stopWaitMs, this.#tail, () => undefined);
    this.backups.close();
    this.#storage.close();
  }

  status(): Promise<CatalogStatus> {
    return catalogStatus(this.lake, this.config, this.backups);
  }

  files(): Promise<DayFiles[]> {
    return this.lake.withConnection((connection) => filesByDay(connection, lakeMetadata));
  }

  snapshots(): Promise<SnapshotEntry[]> {
    return this.lake.withConnection((connection) => snapshots(connection, lakeMetadata));
  }

  /** Whole backups, the newest first. */
  async listed(): Promise<BackupSummary[]> {
    const entries = await listBackups(this.backups);
    return entries.reverse().map((entry) => summaryOf(entry, this.backups.url));
  }

  /**
   * Rejects with LakeError or StorageError. `throughServer`: someone who names the place himself may copy a served catalog
   * through its server, when no node commits.
   */
  backup(onProgress?: CopyProgress, throughServer = false): Promise<BackupResult> {
    if (this.#catalog.kind === 'quack' && !throughServer) {
      const reason =
        'the catalog server backs its catalog up (POST /backup on its CANARDSTACK_CATALOG_HEALTH_BIND)';
      return Promise.reject(new LakeError('unavailable', reason));
    }
    return this.#alone(() => this.#schedule.make(onProgress));
  }

  /** Rejects with LakeError or StorageError. */
  verify(request: VerifyRequest, onProgress?: VerifyOptions['onProgress']): Promise<VerifyOutcome> {
    return this.#alone(() =>
      this.lake.withConnection(async (connection, scratch) => {
        const { safeMs, contradiction } = await this.lake.time.look();
        const report = await verifyLake(connection, this.#storage, {
          now: safeMs,
          minAgeMs: request.minAgeMs ?? this.config.catalogOrphanMinAgeSecs * 1000,
          retentionCutoffMs: retentionCutoff(safeMs, this.config.retentionDays).getTime(),
          ...(request.deep === undefined ? {} : { deep: request.deep }),
          ...(onProgress === undefined ? {} : { onProgress }),
        });
        for (const file of report.damaged) this.lake.damaged.note(file);
        const { repair, only } = request;
        // While files of the lake are missing, what an orphan is worth takes a person to tell.
        if (repair && contradiction !== null && only === undefined) {
          throw new LakeError(
            'unavailable',
            `nothing is removed by age: ${contradiction.reason}; ${contradiction.cure}`,
          );
        }
        const due = repair && contradiction === null && (only === undefined || report.damaged.length === 0);
        const candidates = due ? removableOrphans(report).filter(({ key }) => only?.has(key) ?? true) : [];
        const removed = await removeOrphans(connection, this.#storage, candidates);
        if (removed.length > 0) this.telemetry.log.info({ files: removed.length }, 'removed orphans');
        const gone = new Set(removed);
        const left = report.orphans.filter(({ key }) => !gone.has(key));
        this.#metrics.verified({ ...report, orphans: left });
        const damagedBackups = request.deep === true ? await this.#damagedBackups(scratch) : [];
        return { ...report, ok: report.ok && damagedBackups.length === 0, removed, damagedBackups };
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

  /** On a node of a catalog server none: its backups are elsewhere. */
  async #damagedBackups(scratch: string): Promise<{ path: string; problem: string }[]> {
    const damaged = [];
    await mkdir(scratch, { recursive: true });
    for (const entry of await listBackups(this.backups)) {
      const problem = await backupProblem(this.backups, entry, join(scratch, `backup-${randomUUID()}`));
      if (problem !== null) damaged.push({ path: this.backups.url + entry.name, problem });
    }
    return damaged;
  }

  async #verifyIfDue(everySecs: number): Promise<void> {
    if (performance.now() < this.#nextVerifyAt) return;
    try {
      await this.scheduledVerify();
      this.#nextVerifyAt = performance.now() + everySecs * 1000;
    } catch (error) {
      if (!this.#stopped)
        this.telemetry.log.error({ err: firstLine(error) }, 'the catalog could not be verified');
    }
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

function catalogMaintenanceMetrics({ registry }: Telemetry, kind: string) {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  new Gauge({
    name: 'canardstack_catalog_info',
    help: 'Kind of the catalog: always 1.',
    labelNames: ['kind'],
    registers: [registry],
  }).set({ kind }, 1);
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
