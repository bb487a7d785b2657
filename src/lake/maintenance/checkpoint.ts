import { LakeError } from '../../duckdb/index.js';
import type { Faults } from '../../faults/index.js';
import { tables } from '../../schema/index.js';
import { utc } from '../schema.js';
import { compact, type CompactionOptions } from './compaction/index.js';
import type { LakeTime } from '../types.js';
import { damageCure, damageText, type DamagedFile } from '../files/damaged.js';
import { rewriteDeletions } from './deletions.js';
import { flush, flushRows, flushWatermarks, type FlushOptions } from './flush.js';
import { takeInventory, type LakeFiles } from './inventory.js';
import { removeDead } from './metadata.js';
import { refreshSummary } from './summary.js';
import type { TaskRun } from './task.js';

export interface CheckpointOptions {
  readonly lakeFiles: LakeFiles;
  readonly snapshotRetentionSecs: number;
  readonly compaction: Omit<CompactionOptions, 'until'>;
  readonly time: LakeTime;
  readonly faults: Faults;
  /** Called with each part's name and duration in seconds. */
  readonly observe: (part: string, seconds: number) => void;
}

/** Stamps of other nodes' clocks may be ahead by a little. */
const futureMs = 86_400_000;
const stampedAtOnce = 500;
/** In the error. */
const namedFiles = 3;

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
  // What one file or the derived summary stops, stops nothing else.
  let failure: Error | undefined;
  const failed = (error: unknown) => {
    task.signal.throwIfAborted();
    failure ??= error instanceof Error ? error : new Error(String(error));
  };
  const { lakeFiles, faults } = options;
  const { fileStore, pending } = options.compaction;
  const flushing: FlushOptions = { lakeFiles, fileStore, pending, faults, failed };
  const watermarks = lakeFiles.catalogKind === 'quack' ? await flushWatermarks(task, flushing) : null;
  let counted: number | null = null;
  await part('summary', async () => {
    counted = await refreshSummary(task, lakeFiles);
  }).catch(failed);
  await part('flush', () =>
    watermarks === null ? flush(task, flushing, counted) : flushRows(task, flushing, watermarks),
  );
  faults?.('maintenance.checkpoint');
  await part('rewrite', () => rewriteDeletions(task, lakeFiles)).catch(failed);
  await part('compact', () =>
    compact(
      task,
      tables.map(({ name }) => name),
      { ...options.compaction, until: counted },
    ),
  );
  await part('expire', () => expire(task, options));
  await part('inventory', () => takeInventory(task, lakeFiles)).catch(failed);
  const damaged = lakeFiles.damaged.all;
  if (damaged.length > 0) throw damageError(damaged);
  if (failure) throw failure;
}

function damageError(damaged: readonly DamagedFile[]): LakeError {
  const some = damaged.slice(0, namedFiles).map(damageText).join(', ');
  const more = damaged.length > namedFiles ? ` and ${damaged.length - namedFiles} more` : '';
  return new LakeError(
    'unavailable',
    `all else is done, but of the lake's files ${some}${more}: ${damageCure}`,
  );
}

/** By the lake's time, and not at all while the wall clock contradicts it: stamps are of wall clocks. */
async function expire(
  task: TaskRun,
  { time, snapshotRetentionSecs, lakeFiles }: CheckpointOptions,
): Promise<void> {
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
  await removeDead(task, lakeFiles);
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
