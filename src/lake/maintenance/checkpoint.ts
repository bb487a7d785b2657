import { literal } from '../../duckdb/index.js';
import type { Faults } from '../../faults/index.js';
import { tables } from '../../schema/index.js';
import { utc } from '../schema.js';
import { compact, type CompactionOptions } from './compaction/index.js';
import type { LakeTime } from '../types.js';
import { refreshSummary } from './summary.js';
import type { TaskRun } from './task.js';

export interface CheckpointOptions {
  readonly snapshotRetentionSecs: number;
  readonly compaction: CompactionOptions;
  readonly time: LakeTime;
  readonly faults: Faults;
  /** Called with each part's name and duration in seconds. */
  readonly observe: (part: string, seconds: number) => void;
}

/** Stamps of other nodes' clocks may be ahead by a little. */
const futureMs = 86_400_000;
const stampedAtOnce = 500;

const progress = 'canardstack_progress';
const summary = 'metadata_summary';

/**
 * The parts of DuckLake's CHECKPOINT, table by table: inlined rows to Parquet, deleted rows removed, small
 * files compacted, old snapshots expired, their files deleted. Never deletes files that the catalog does
 * not know: after a restored or lost catalog those are the data.
 */
export async function checkpoint(task: TaskRun, options: CheckpointOptions): Promise<void> {
  const part = async (name: string, work: () => Promise<void>) => {
    const begun = performance.now();
    await work();
    options.observe(name, (performance.now() - begun) / 1000);
  };
  // The summary is derived data: when it fails, the lake is looked after all the same.
  let failure: Error | undefined;
  await part('summary', () => refreshSummary(task)).catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  await part('flush', () => flush(task));
  options.faults?.('maintenance.checkpoint');
  await part('rewrite', () => rewriteDeletions(task));
  await part('compact', () =>
    compact(
      task,
      tables.map(({ name }) => name),
      options.compaction,
    ),
  );
  await part('expire', () => expire(task, options));
  if (failure) throw failure;
}

async function flush(task: TaskRun): Promise<void> {
  for (const { name } of tables) await task.rewriting(name, [flushSql(name)]);
  // Every commit updates the watermarks, so this conflicts with any commit beside it. They are few.
  await task.rewritingExclusively(progress, [flushSql(progress), rewriteSql(progress)]);
  // Not beside commits either: when one comes between, DuckLake 1.0 tries the rewrite's COMMIT again and miscounts
  // the deleted rows, which is a fatal error.
  await task.rewritingExclusively(summary, [flushSql(summary), rewriteSql(summary)]);
}

function flushSql(table: string): string {
  return `CALL ducklake_flush_inlined_data('lake', schema_name => 'main', table_name => ${literal(table)})`;
}

/** Files without the rows deleted from them; those without any row left are dropped. */
function rewriteSql(table: string): string {
  return `CALL ducklake_rewrite_data_files('lake', ${literal(table)}, schema => 'main', delete_threshold => 0.0)`;
}

/** Files without the rows that a person deleted: compaction leaves files with deletions alone. */
async function rewriteDeletions(task: TaskRun): Promise<void> {
  for (const { name } of tables) {
    if (await hasDeletions(task, name)) await task.rewritingExclusively(name, [rewriteSql(name)]);
  }
}

async function hasDeletions(task: TaskRun, table: string): Promise<boolean> {
  const rows = await task.rows(
    `SELECT count(*) FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE delete_file IS NOT NULL`,
  );
  return Number(rows[0]?.[0]) > 0;
}

/** By the lake's time, and not at all while the wall clock contradicts it: stamps are of wall clocks. */
async function expire(task: TaskRun, { time, snapshotRetentionSecs }: CheckpointOptions): Promise<void> {
  const { safeMs, contradiction } = await time.look({ write: true });
  if (contradiction !== null) return;
  const beforeMs = safeMs - snapshotRetentionSecs * 1000;
  const before = utc(beforeMs);
  const stamped = await futureStamped(task, beforeMs, safeMs + futureMs);
  await task.run(`CALL ducklake_expire_snapshots('lake', older_than => ${before})`);
  if (stamped.length > 0) {
    await task.run(`CALL ducklake_expire_snapshots('lake', versions => [${stamped.join(', ')}])`);
  }
  // Merged-away files are still read by queries that started before the merge.
  await task.run(`CALL ducklake_cleanup_old_files('lake', older_than => ${before})`);
}

/**
 * Snapshots that a clock stamped far in the future, though one that came after them is old enough to expire: they would
 * hold their files until that time comes.
 */
async function futureStamped(task: TaskRun, beforeMs: number, futureFromMs: number): Promise<number[]> {
  const rows = await task.rows(
    `SELECT snapshot_id, epoch_ms(snapshot_time) FROM __ducklake_metadata_lake.ducklake_snapshot ORDER BY snapshot_id`,
  );
  const snapshots = rows.map(([id, ms]) => ({ id: Number(id), ms: Number(ms) }));
  const expiring = snapshots.findLast(({ ms }) => ms < beforeMs)?.id ?? -1;
  return snapshots
    .filter(({ id, ms }) => ms >= futureFromMs && id < expiring)
    .slice(0, stampedAtOnce)
    .map(({ id }) => id);
}
