import { LakeError } from '../../duckdb/index.js';
import type { Faults } from '../../faults/index.js';
import { tables } from '../../schema/index.js';
import { tableSizes } from '../stats.js';
import type {
  CheckpointResult,
  ClockReading,
  ForgetResult,
  LakeTime,
  Maintenance,
  MaintenanceState,
  RetentionDay,
  RetentionHeld,
  RetentionOptions,
  RetentionResult,
  ScrubOutcome,
} from '../types.js';
import { checkpoint } from './checkpoint.js';
import { Learned, type CompactionOptions, type SpareCpu } from './compaction/index.js';
import { forgetFiles } from './forget.js';
import type { LakeFiles } from './inventory.js';
import { maintenanceMetrics, type MaintenanceMetrics } from './metrics.js';
import { planRetention } from './plausible.js';
import {
  dayMs,
  deleteBefore,
  dueBefore,
  isoDay,
  readDone,
  retentionCutoff,
  shareOf,
  writeDone,
  type RetentionDone,
} from './retention.js';
import { TaskRunner, type RunnerOptions } from './runner.js';
import { scrub } from './scrub.js';
import type { TaskRun } from './task.js';

export interface MaintenanceOptions extends RunnerOptions {
  readonly config: {
    readonly checkpointIntervalSecs: number;
    readonly retentionDays: number;
    readonly retentionMaxSharePercent?: number;
    readonly snapshotRetentionSecs: number;
    readonly scrubBytesPerDay?: number;
  };
  /** What compaction needs of the lake. */
  readonly compaction: () => Pick<
    CompactionOptions,
    'sorter' | 'fileStore' | 'pending' | 'columns' | 'digests' | 'tokens'
  >;
  readonly spareCpu: SpareCpu;
  readonly lakeFiles: LakeFiles;
  readonly faults: Faults;
  readonly time: LakeTime;
}

/** How often the clock is looked at, at least. */
const lookMs = 60_000;
/** How often a table that retention leaves waiting is logged again. */
const sayAgainMs = 3_600_000;
const retentionIntervalMs = 3_600_000;
const defaultMaxSharePercent = 25;
/** An on-demand run waits for nothing: it does all there is to do. */
const onDemandBudgetMs = 10 * 60_000;

/** Runs CHECKPOINT and retention, on a schedule and on demand, one at a time. */
export class LakeMaintenance implements Maintenance {
  readonly #metrics: MaintenanceMetrics;
  readonly #runner: TaskRunner;
  #timer: NodeJS.Timeout | undefined;
  #lastCheckpoint: MaintenanceState['lastCheckpoint'] = null;
  #lastRetention: MaintenanceState['lastRetention'] = null;
  #lastCheckpointAt = 0;
  #looking: NodeJS.Timeout | undefined;
  /** By the monotonic clock, as every interval. */
  #nextRetentionAt = -Infinity;
  #held: RetentionHeld | null = null;
  #saidHeldAt = -Infinity;
  #scrubbedAt = performance.now();
  /** Bytes. */
  #scrubCredit = 0;
  readonly #learned = new Learned();

  constructor(private readonly options: MaintenanceOptions) {
    this.#metrics = maintenanceMetrics(options.telemetry.registry);
    this.#runner = new TaskRunner(options, this.#metrics);
  }

  start(): void {
    if (this.#timer || this.#runner.stopped || this.options.readOnly) return;
    const intervalMs = this.options.config.checkpointIntervalSecs * 1000;
    this.#timer = setInterval(() => void this.#scheduled(intervalMs / 2), intervalMs);
    this.#timer.unref();
    const look = () => this.options.time.look({ write: true }).catch(() => undefined);
    this.#looking = setInterval(() => void look(), Math.min(lookMs, intervalMs)).unref();
    void look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#looking);
    this.#timer = undefined;
    await this.#runner.stop();
  }

  pause(): void {
    this.#runner.pause();
  }

  resume(): void {
    this.#runner.resume();
  }

  state(): MaintenanceState {
    const last = this.#lastCheckpoint;
    const ageSeconds = Math.round((performance.now() - this.#lastCheckpointAt) / 1000);
    return {
      paused: this.#runner.paused,
      running: this.#runner.running,
      lastCheckpoint: last && { ...last, ageSeconds },
      lastRetention: this.#lastRetention,
      consecutiveFailures: this.#runner.consecutiveFailures,
      history: this.#runner.history,
      clock: this.options.time.reading?.contradiction ?? null,
      held: this.#held,
      damaged: this.options.lakeFiles.damaged.all,
    };
  }

  checkpoint(): Promise<CheckpointResult> {
    return this.#checkpoint(onDemandBudgetMs, false);
  }

  async retention({ dryRun, confirm }: RetentionOptions): Promise<RetentionResult> {
    let cutoff = '';
    const outcome = await this.#runner.alone('retention', async (task) => {
      const time = await this.options.time.look({ write: !dryRun });
      cutoff = retentionCutoff(time.safeMs, this.options.config.retentionDays).toISOString();
      return this.#retention(task, time, dryRun, confirm);
    });
    const none = { dryRun, tables: [], days: [], share: 0, held: null };
    if (outcome.status !== 'ok') {
      const error = 'error' in outcome ? { error: outcome.error } : {};
      if (outcome.status === 'error') this.#lastRetention = { at: new Date().toISOString(), status: 'error' };
      return { ...none, cutoff, ran: outcome.status === 'error', status: outcome.status, ...error };
    }
    const { days, share, held, deleted } = outcome.value;
    const due = { dryRun, cutoff, tables: byTable(days), days, share, held };
    if (dryRun) return { ...due, ran: true, status: 'ok' };
    this.#hold(held, days);
    const status = held === null ? 'ok' : 'held';
    this.#lastRetention = { at: new Date().toISOString(), status };
    const rows = deleted.reduce((sum, day) => sum + day.rows, 0);
    this.#metrics.retentionRows.inc(rows);
    if (rows > 0) this.options.telemetry.log.info({ cutoff, rows }, 'old rows deleted');
    if (held !== null) return { ...due, ran: false, status };
    return { ...due, tables: byTable(deleted), days: deleted, ran: true, status };
  }

  async forget(files: readonly string[], dryRun: boolean): Promise<ForgetResult> {
    const outcome = await this.#runner.alone('forget', (task) =>
      forgetFiles(task, this.options.lakeFiles, files, dryRun),
    );
    if (outcome.status === 'ok') {
      const { files: given, refused } = outcome.value;
      if (!dryRun && refused.length === 0)
        this.options.telemetry.log.warn({ files: given }, "damaged files are given up, on a person's word");
      return outcome.value;
    }
    const reason = 'error' in outcome ? outcome.error : `maintenance is ${outcome.status}: try again`;
    throw new LakeError('unavailable', reason);
  }

  async scrub({ bytes = Infinity, again = false } = {}): Promise<ScrubOutcome> {
    const outcome = await this.#runner.alone('scrub', (task) =>
      scrub(task, {
        ...this.options.lakeFiles,
        time: this.options.time,
        bytes,
        again,
        observe: (read) => this.#metrics.scrubbed(read),
      }),
    );
    if (outcome.status !== 'ok') return { ...outcome, ran: false };
    if (outcome.value.complete) this.#metrics.scrubComplete.set(Date.now() / 1000);
    return { ran: true, status: 'ok', ...outcome.value };
  }

  async #retention(
    task: TaskRun,
    time: ClockReading,
    dryRun: boolean,
    confirm: string | undefined,
  ): Promise<{
    days: readonly RetentionDay[];
    share: number;
    held: RetentionHeld | null;
    deleted: readonly RetentionDay[];
  }> {
    const { retentionDays, retentionMaxSharePercent = defaultMaxSharePercent } = this.options.config;
    const cutoff = retentionCutoff(time.safeMs, retentionDays);
    const due = await dueBefore(task, this.options.lakeFiles, cutoff);
    const done = await readDone(task);
    const maxShare = retentionMaxSharePercent / 100;
    const plan = planRetention({ cutoff, due, done, time, retentionDays, maxShare, confirm });
    const found = { days: due.days, share: shareOf(due.days, due), held: plan.held };
    if (dryRun || plan.cutoff === null) return { ...found, deleted: [] };
    const until = plan.cutoff;
    await deleteBefore(task, this.options.lakeFiles, until, due);
    const now: RetentionDone = {
      cutoffMs: until.getTime(),
      retentionDays,
      // What is left over stays explained by the pause.
      lakeMs: plan.partial ? until.getTime() + retentionDays * dayMs : time.lakeMs,
      provenMs: time.provenMs,
      partial: plan.partial,
    };
    if (
      done?.cutoffMs !== now.cutoffMs ||
      done.retentionDays !== retentionDays ||
      done.partial !== now.partial
    )
      await writeDone(task, now);
    return { ...found, deleted: due.days.filter(({ day }) => day < isoDay(until)) };
  }

  #hold(held: RetentionHeld | null, days: readonly RetentionDay[]): void {
    const rows = held === null ? 0 : days.reduce((sum, day) => sum + day.rows, 0);
    this.#metrics.retentionHeld.set(rows);
    const changed = this.#held?.reason !== held?.reason;
    this.#held = rows === 0 ? null : held;
    if (this.#held === null || (!changed && performance.now() - this.#saidHeldAt < sayAgainMs)) return;
    this.#saidHeldAt = performance.now();
    const { reason, how } = this.#held;
    this.options.telemetry.log.error(
      { reason, how, rows },
      'retention deletes nothing until a person says so',
    );
  }

  async #scheduled(compactionBudgetMs: number): Promise<void> {
    if (this.#runner.paused || this.#runner.running !== null) return;
    await this.#checkpoint(compactionBudgetMs, true);
    if (performance.now() >= this.#nextRetentionAt) await this.#scheduledRetention();
    await this.#scheduledScrub();
  }

  async #scheduledRetention(): Promise<void> {
    const result = await this.retention({ dryRun: false });
    // What is held is looked at again soon: the clock may be right by then, or a person have spoken elsewhere.
    if (result.status === 'ok') this.#nextRetentionAt = performance.now() + retentionIntervalMs;
  }

  /** What the daily budget gives since the last time; a file that goes beyond it is made up for later. */
  async #scheduledScrub(): Promise<void> {
    const perDay = this.options.config.scrubBytesPerDay ?? 0;
    const now = performance.now();
    const elapsedMs = Math.min(now - this.#scrubbedAt, dayMs / 24);
    this.#scrubbedAt = now;
    this.#scrubCredit = Math.min(this.#scrubCredit + (perDay * elapsedMs) / dayMs, perDay);
    if (perDay === 0 || this.#scrubCredit <= 0) return;
    const outcome = await this.scrub({ bytes: this.#scrubCredit });
    if (outcome.ran) this.#scrubCredit = outcome.complete ? 0 : this.#scrubCredit - outcome.bytes;
  }

  async #checkpoint(compactionBudgetMs: number, paced: boolean): Promise<CheckpointResult> {
    const begun = performance.now();
    const outcome = await this.#runner.alone('checkpoint', async (task) => {
      await checkpoint(task, {
        time: this.options.time,
        lakeFiles: this.options.lakeFiles,
        snapshotRetentionSecs: this.options.config.snapshotRetentionSecs,
        compaction: {
          ...this.options.compaction(),
          lakeFiles: this.options.lakeFiles,
          faults: this.options.faults,
          log: this.options.telemetry.log,
          budgetMs: compactionBudgetMs,
          pace: paced ? this.options.spareCpu : null,
          learned: this.#learned,
          observe: (group, rows) => this.#metrics.compacted(group, rows),
          joined: (table, files) => this.#metrics.joined(table, files),
        },
        faults: this.options.faults,
        observe: (part, seconds) => this.#metrics.seconds.observe({ task: `checkpoint_${part}` }, seconds),
      });
      const sizes = await task.retried(() => tableSizes(task.connection));
      this.#metrics.sizes(sizes.snapshotId, sizes.tables);
    });
    const { status } = outcome;
    this.#metrics.checkpoints.inc({ status });
    if (status === 'busy' || status === 'paused') return { ran: false, status };
    const milliseconds = performance.now() - begun;
    this.#lastCheckpointAt = performance.now();
    this.#lastCheckpoint = { at: new Date().toISOString(), status, milliseconds };
    return { ran: true, status, milliseconds, ...(status === 'error' ? { error: outcome.error } : {}) };
  }
}

function byTable(days: readonly RetentionDay[]): RetentionResult['tables'] {
  return tables.map(({ name }) => {
    const own = days.filter(({ table }) => table === name);
    const sum = (key: 'rows' | 'files' | 'bytes') => own.reduce((total, day) => total + day[key], 0);
    return { table: name, rows: sum('rows'), files: sum('files'), bytes: sum('bytes') };
  });
}
