import { literal } from '../../duckdb/index.js';
import { lakeMetadata } from '../files/known-files.js';
import type { RunSql } from '../run-sql.js';

/** The newest snapshot, and which tables changed since another one. */
export interface Changes {
  /** Null: nothing is known of what changed. */
  readonly since: bigint | null;
  readonly snapshot: bigint;
  /** Some of the snapshots have expired, so that any table may have changed. */
  readonly unknown: boolean;
  /** Numbers of tables: changed in any way, and those of which single rows were deleted in the catalog alone. */
  readonly changed: readonly string[];
  readonly deleted: readonly string[];
}

const record = `${lakeMetadata}.ducklake_snapshot_changes`;
const figures = `count(snapshot_id), ${idsOf(':')}, ${idsOf('inlined_delete:')}`;

/** What changed up to the snapshot of the transaction that it begins. One statement, as beside ingest each waits for its turn. */
export async function beginAt(since: bigint | null, run: RunSql): Promise<Changes> {
  const newest = `ducklake_current_snapshot('lake')`;
  const sql =
    since === null
      ? `SELECT id FROM ${newest}`
      : `SELECT any_value(id), ${figures} FROM ${newest} LEFT JOIN ${record} ON snapshot_id > ${since} AND snapshot_id <= id`;
  return changesOf(since, await run(`BEGIN TRANSACTION READ ONLY; ${sql}`));
}

/** The same without a transaction. */
export async function changesSince(since: bigint | null, run: RunSql): Promise<Changes> {
  return changesOf(
    since,
    await run(`SELECT max(snapshot_id), ${figures} FROM ${record} WHERE snapshot_id > ${since ?? -1n}`),
  );
}

function changesOf(since: bigint | null, [row = []]: unknown[][]): Changes {
  const [id, count, changed, deleted] = row as [bigint | null, bigint?, string?, string?];
  const snapshot = BigInt(id ?? since ?? 0n);
  return {
    since,
    snapshot,
    unknown: since !== null && BigInt(count ?? 0n) < snapshot - since,
    changed: changed?.match(/\d+/g) ?? [],
    deleted: deleted?.match(/\d+/g) ?? [],
  };
}

/** The numbers of tables that changes of a kind name, as text. */
function idsOf(change: string): string {
  return `list(DISTINCT regexp_extract_all(changes_made, ${literal(`${change}(\\d+)`)}, 1))::VARCHAR`;
}
