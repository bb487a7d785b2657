import { LakeError, literal, qualified } from '../../duckdb/index.js';
import type { Faults } from '../../faults/index.js';
import { tables } from '../../schema/index.js';
import { utc } from '../schema.js';
import { compact, type CompactionOptions } from './compaction/index.js';
import type { LakeTime } from '../types.js';
import { checksumTable } from '../files/checksums.js';
import { lakeMetadata } from '../files/known-files.js';
import { damageCure, damageText, type DamagedFile } from '../files/damaged.js';
import { damagedAmong } from './damage.js';
import { takeInventory, type LakeFiles } from './inventory.js';
import { refreshSummary } from './summary.js';
import type { TaskRun } from './task.js';

export interface CheckpointOptions {
  readonly lakeFiles: LakeFiles;
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
/** Checksums stay in the catalog; those of files that are gone must not gather there for ever. */
const manyEndedRows = 5000;
/** In the error. */
const namedFiles = 3;

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
  // What one file or the derived summary stops, stops nothing else.
  let failure: Error | undefined;
  const failed = (error: unknown) => {
    task.signal.throwIfAborted();
    failure ??= error instanceof Error ? error : new Error(String(error));
  };
  await part('summary', () => refreshSummary(task)).catch(failed);
  await part('flush', () => flush(task, options.lakeFiles));
  options.faults?.('maintenance.checkpoint');
  await part('rewrite', () => rewriteDeletions(task, options.lakeFiles)).catch(failed);
  await part('compact', () =>
    compact(
      task,
      tables.map(({ name }) => name),
      options.compaction,
    ),
  );
  await part('expire', () => expire(task, options));
  await part('inventory', () => takeInventory(task, options.lakeFiles)).catch(failed);
  const damaged = options.lakeFiles.damaged.all;
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

/** Rows of a table that are inlined and deleted; DuckLake drops them only when it flushes the table. */
async function endedRows(task: TaskRun, table: string): Promise<number> {
  // One statement for each metadata table: a catalog server can't read two in one.
  const [found] = await task.rows(
    `SELECT table_id FROM ${qualified(lakeMetadata, 'ducklake_table')}
     WHERE table_name = ${literal(table)} AND end_snapshot IS NULL`,
  );
  const places = await task.rows(
    `SELECT DISTINCT table_name FROM ${qualified(lakeMetadata, 'ducklake_inlined_data_tables')}
     WHERE table_id = ${Number(found?.[0] ?? -1)}`,
  );
  let ended = 0;
  for (const [place] of places) {
    const [count] = await task.rows(
      `SELECT count(*) FROM ${qualified(lakeMetadata, String(place))} WHERE end_snapshot IS NOT NULL`,
    );
    ended += Number(count?.[0]);
  }
  return ended;
}

async function flush(task: TaskRun, lakeFiles: LakeFiles): Promise<void> {
  for (const { name } of tables) {
    // Over Quack the deletion of the inlined rows is no part of the transaction (DuckLake 1.0): a ROLLBACK after a
    // conflict would lose them.
    if (lakeFiles.catalogKind === 'quack') await task.rewritingExclusively(name, [flushSql(name)]);
    else await task.rewriting(name, [flushSql(name)]);
  }
  // Every commit updates the watermarks, so this conflicts with any commit beside it. They are few.
  await task.rewritingExclusively(progress, await flushOfOwn(task, lakeFiles, progress));
  // Not beside commits either: when one comes between, DuckLake 1.0 tries the rewrite's COMMIT again and miscounts
  // the deleted rows, which is a fatal error.
  await task.rewritingExclusively(summary, await flushOfOwn(task, lakeFiles, summary));
  if ((await endedRows(task, checksumTable)) > manyEndedRows) {
    await task.rewritingExclusively(checksumTable, await flushOfOwn(task, lakeFiles, checksumTable));
  }
}

function flushSql(table: string): string {
  return `CALL ducklake_flush_inlined_data('lake', schema_name => 'main', table_name => ${literal(table)})`;
}

/** Files without the rows deleted from them; those without any row left are dropped. */
function rewriteSql(table: string): string {
  return `CALL ducklake_rewrite_data_files('lake', ${literal(table)}, schema => 'main', delete_threshold => 0.0)`;
}

/** Files without the rows that a person deleted: compaction leaves files with deletions alone. */
async function rewriteDeletions(task: TaskRun, lakeFiles: LakeFiles): Promise<void> {
  for (const { name } of tables) {
    const files = await filesWithDeletions(task, name);
    // What is damaged would get a new, valid checksum.
    if (files.length === 0 || (await damagedAmong(task, lakeFiles, files)).length > 0) continue;
    await task.rewritingExclusively(name, [rewriteSql(name)]);
  }
}

/** Of a table of our own, whose files are rewritten in each run. */
async function flushOfOwn(task: TaskRun, lakeFiles: LakeFiles, table: string): Promise<string[]> {
  const files = await filesWithDeletions(task, table);
  const damaged = files.length > 0 && (await damagedAmong(task, lakeFiles, files)).length > 0;
  return damaged ? [flushSql(table)] : [flushSql(table), rewriteSql(table)];
}

/** The files from which rows are deleted, and the lists of those rows. */
async function filesWithDeletions(task: TaskRun, table: string): Promise<string[]> {
  const rows = await task.rows(
    `SELECT data_file, delete_file FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE delete_file IS NOT NULL`,
  );
  return rows.flat().map(String);
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
