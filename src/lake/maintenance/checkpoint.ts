import { literal } from '../../duckdb/index.js';
import type { Faults } from '../../faults/index.js';
import { tables } from '../../schema/index.js';
import { utc } from '../schema.js';
import { refreshSummary } from './summary.js';
import type { TaskRun } from './task.js';

export interface CheckpointOptions {
  readonly snapshotRetentionSecs: number;
  /** Merging starts no further group of files after this; the next run goes on. */
  readonly mergeBudgetMs: number;
  /** Pauses after each merge for as long as it took, so that commits catch up: a merge takes every core. */
  readonly paced: boolean;
  readonly faults: Faults;
  /** Called with each part's name and duration in seconds. */
  readonly observe: (part: string, seconds: number) => void;
}

const MiB = 1024 * 1024;

/**
 * Files are merged with others of their own size class, as in a log-structured merge, and only once enough of
 * them are there; so a row is rewritten about twice, not once per CHECKPOINT of its day. A merge sorts all its rows
 * in memory, so what already is about as large as the target is left alone, sorted rows taking less than before.
 */
const sizeClasses = [
  { min: 0, below: 16 * MiB, enough: 4 },
  { min: 16 * MiB, below: 32 * MiB, enough: 4 },
];

/** Groups of files merged by one statement: bounds memory, and time until the next look at the budget. */
const groupsPerMerge = 1;

const progress = 'canardstack_progress';
const summary = 'metadata_summary';

/**
 * The parts of DuckLake's CHECKPOINT, table by table: inlined rows to Parquet, small files merged (sorted),
 * deleted rows removed, old snapshots expired, their files deleted. Never deletes files that the catalog does
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
  await part('merge', () => merge(task, performance.now() + options.mergeBudgetMs, options.paced));
  await part('expire', () => expire(task, options.snapshotRetentionSecs));
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

async function merge(task: TaskRun, deadline: number, paced: boolean): Promise<void> {
  for (const { name } of tables) {
    // Merging files that have deletions ends in a fatal error of DuckLake 1.0. Nothing here leaves any, but a
    // person's DELETE does; flush has just turned those of the catalog into delete files.
    if (await hasDeletions(task, name)) await task.rewritingExclusively(name, [rewriteSql(name)]);
    if (await hasDeletions(task, name)) continue;
    for (const size of sizeClasses) {
      while (performance.now() < deadline && (await mergeable(task, name, size)) >= size.enough) {
        const begun = performance.now();
        const before = await fileCount(task, name);
        await task.rewriting(name, [
          `CALL ducklake_merge_adjacent_files('lake', ${literal(name)}, schema => 'main', ` +
            `min_file_size => ${size.min}, max_file_size => ${size.below}, ` +
            `max_compacted_files => ${groupsPerMerge})`,
        ]);
        if ((await fileCount(task, name)) >= before) break;
        if (paced) await task.pause(performance.now() - begun);
      }
    }
  }
}

async function hasDeletions(task: TaskRun, table: string): Promise<boolean> {
  const rows = await task.rows(
    `SELECT count(*) FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE delete_file IS NOT NULL`,
  );
  return Number(rows[0]?.[0]) > 0;
}

/** Most files of one size class in one partition. */
async function mergeable(
  task: TaskRun,
  table: string,
  size: { min: number; below: number },
): Promise<number> {
  const rows = await task.rows(
    `SELECT coalesce(max(files), 0) FROM (
       SELECT count(*) AS files FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
       WHERE data_file_size_bytes >= ${size.min} AND data_file_size_bytes < ${size.below}
       GROUP BY regexp_extract(data_file, '^(.*)/', 1))`,
  );
  return Number(rows[0]?.[0]);
}

async function fileCount(task: TaskRun, table: string): Promise<number> {
  const rows = await task.rows(
    `SELECT count(*) FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')`,
  );
  return Number(rows[0]?.[0]);
}

async function expire(task: TaskRun, snapshotRetentionSecs: number): Promise<void> {
  const before = utc(Date.now() - snapshotRetentionSecs * 1000);
  await task.run(`CALL ducklake_expire_snapshots('lake', older_than => ${before})`);
  // Merged-away files are still read by queries that started before the merge.
  await task.run(`CALL ducklake_cleanup_old_files('lake', older_than => ${before})`);
}
