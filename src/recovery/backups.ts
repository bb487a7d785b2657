import type { Config } from '../config/settings.js';
import { firstLine, LakeError } from '../duckdb/index.js';
import type { Storage } from '../storage/index.js';
import { Counter, Gauge, type Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import { backupCatalog, type BackupResult, type BackupSource } from './backup.js';
import type { CopyProgress } from './copy.js';
import { listBackups, quickBackupProblem, type BackupEntry } from './manifest.js';

export interface BackupsOptions {
  readonly config: Pick<Config, 'catalogBackupIntervalSecs' | 'catalogBackupKeep' | 'duckdbExtensionDir'>;
  readonly storage: Storage;
  readonly telemetry: Telemetry;
  /**
   * Gives `work` a catalog that is one snapshot for the length of a transaction; resolves with null when another node is at it.
   * A failure of `work` must touch nothing else.
   */
  readonly source: (work: (source: BackupSource) => Promise<BackupResult>) => Promise<BackupResult | null>;
}

const shortestLookMs = 500;
const longestLookMs = 60_000;
const firstPauseMs = 5000;
const longestPauseMs = 15 * 60_000;
const stopWaitMs = 2000;
/** Kept backups are read again, the first time soon after the start. */
const firstCheckMs = 15 * 60_000;
const checkMs = 86_400_000;
/** The newest good backup is too old after so many intervals. */
const tooOldIntervals = 2;

/** The age of the newest good backup. */
export interface BackupAge {
  readonly ageSeconds: number;
  readonly limitSeconds: number;
}

/**
 * Makes backups when the newest one is old enough, by the monotonic clock. One that fails is tried again with growing pauses.
 */
export class CatalogBackups {
  readonly #metrics: ReturnType<typeof backupMetrics>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #busy = false;
  #stopped = false;
  #failures = 0;
  #notBefore = -Infinity;
  /** The newest good backup, and when it was made by the monotonic clock; null until one was seen. */
  #newest: { name: string; madeAt: number } | null = null;
  #watchedSince = performance.now();
  #nextCheckAt = performance.now() + firstCheckMs;
  /** Names of backups that are not as they were made. */
  readonly #damaged = new Set<string>();

  constructor(private readonly options: BackupsOptions) {
    this.#metrics = backupMetrics(options.telemetry, () => this.age());
  }

  start(): void {
    if (this.#timer || this.#stopped) return;
    this.#watchedSince = performance.now();
    const everyMs = this.#intervalMs / 4;
    const look = Math.max(shortestLookMs, Math.min(longestLookMs, everyMs));
    this.#timer = setInterval(() => void this.#due(), look).unref();
    void this.#due();
  }

  /** Waits a moment for one under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await within(stopWaitMs, Promise.resolve(this.#running), () => undefined);
  }

  /** Null when nothing is scheduled here. */
  age(): BackupAge | null {
    if (this.#timer === undefined) return null;
    const since = this.#newest?.madeAt ?? this.#watchedSince;
    return {
      ageSeconds: Math.round((performance.now() - since) / 1000),
      limitSeconds: (tooOldIntervals * this.#intervalMs) / 1000,
    };
  }

  /** Rejects with LakeError or StorageError. */
  async make(onProgress?: CopyProgress): Promise<BackupResult> {
    const { config, storage, source, telemetry } = this.options;
    try {
      const result = await source((from) =>
        backupCatalog(from, storage, config.catalogBackupKeep, onProgress, config.duckdbExtensionDir),
      );
      if (result === null) {
        throw new LakeError(
          'unavailable',
          'another node maintains or backs up the catalog at the moment: try again',
        );
      }
      this.#metrics.backups.inc({ status: 'ok' });
      this.#seen(result, 0);
      const { path, manifest, milliseconds } = result;
      telemetry.log.info(
        { path, snapshotId: manifest.snapshotId, bytes: manifest.file.bytes, milliseconds },
        'backed up the catalog',
      );
      return result;
    } catch (error) {
      this.#metrics.backups.inc({ status: 'error' });
      throw error;
    }
  }

  async #due(): Promise<void> {
    if (this.#busy || this.#stopped || performance.now() < this.#notBefore) return;
    this.#busy = true;
    const work = this.#makeIfDue();
    this.#running = work;
    await work;
    this.#busy = false;
  }

  async #makeIfDue(): Promise<void> {
    try {
      if (performance.now() >= this.#nextCheckAt) await this.check();
      await this.#refresh();
      const madeAt = this.#newest?.madeAt ?? -Infinity;
      if (performance.now() - madeAt < this.#intervalMs) return;
      await this.make();
      this.#failures = 0;
    } catch (error) {
      if (this.#stopped) return;
      this.#failures++;
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1), this.#intervalMs);
      this.#notBefore = performance.now() + pause;
      const { log } = this.options.telemetry;
      const again = {
        err: firstLine(error),
        failures: this.#failures,
        againInSeconds: Math.ceil(pause / 1000),
      };
      log.error(again, 'the backup of the catalog failed');
    }
  }

  /** Reads the kept backups again. A damaged one counts as none, so that another is made when no good one is new enough. */
  async check(): Promise<void> {
    const { storage, telemetry } = this.options;
    const entries = await listBackups(storage);
    for (const entry of entries) {
      const { name } = entry;
      const problem = await quickBackupProblem(storage, entry);
      if (problem === null) this.#damaged.delete(name);
      else if (!this.#damaged.has(name)) {
        this.#damaged.add(name);
        telemetry.log.error({ backup: storage.url + name, problem }, 'a backup of the catalog is damaged');
      }
    }
    const names = new Set(entries.map(({ name }) => name));
    for (const name of this.#damaged) if (!names.has(name)) this.#damaged.delete(name);
    if (this.#newest !== null && this.#damaged.has(this.#newest.name)) this.#newest = null;
    this.#metrics.damaged.set(this.#damaged.size);
    this.#nextCheckAt = performance.now() + checkMs;
  }

  /** Whichever node made it. */
  async #refresh(): Promise<void> {
    const last = (await listBackups(this.options.storage)).findLast(({ name }) => !this.#damaged.has(name));
    if (last === undefined) {
      this.#newest = null;
      return;
    }
    if (last.name === this.#newest?.name) return;
    // Its age by the wall clock is believed once, at the first sight; a time to come is no age, and one is due.
    const byWall = Date.now() - Date.parse(last.manifest.createdAt);
    const first = this.#newest === null;
    this.#seen(last, !first ? 0 : byWall < 0 ? this.#intervalMs : byWall);
  }

  #seen(entry: BackupEntry, ageMs: number): void {
    this.#newest = { name: entry.name, madeAt: performance.now() - ageMs };
    this.#metrics.backedUp(entry.manifest);
  }

  get #intervalMs(): number {
    return this.options.config.catalogBackupIntervalSecs * 1000;
  }
}

function backupMetrics({ registry }: Telemetry, age: () => BackupAge | null) {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const time = gauge(
    'canardstack_catalog_backup_timestamp_seconds',
    'Time of the last whole backup of the catalog.',
  );
  const snapshot = gauge(
    'canardstack_catalog_backup_snapshot_id',
    'Snapshot of the last whole backup of the catalog.',
  );
  const bytes = gauge('canardstack_catalog_backup_bytes', 'Size of the last whole backup of the catalog.');
  for (const [name, help, key] of [
    [
      'canardstack_catalog_backup_age_seconds',
      'Age of the newest good backup by the monotonic clock, or how long this process has seen none.',
      'ageSeconds',
    ],
    ['canardstack_catalog_backup_age_limit_seconds', 'Age from which on it is too old.', 'limitSeconds'],
  ] as const) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const now = age();
        // Nothing is shown where nothing is scheduled.
        this.reset();
        if (now === null) this.remove();
        else this.set(now[key]);
      },
    });
  }
  const backups = new Counter({
    name: 'canardstack_catalog_backups_total',
    help: 'Backups of the catalog by this process, by status.',
    labelNames: ['status'],
    registers: [registry],
  });
  for (const status of ['ok', 'error']) backups.inc({ status }, 0);
  return {
    backups,
    damaged: gauge(
      'canardstack_catalog_damaged_backups',
      'Kept backups of the catalog that are not as they were made, by the last daily check.',
    ),
    backedUp(manifest: BackupEntry['manifest']) {
      time.set(Date.parse(manifest.createdAt) / 1000);
      snapshot.set(manifest.snapshotId);
      bytes.set(manifest.file.bytes);
    },
  };
}
