import { atServer, lakeMetadata } from '../files/known-files.js';
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

/**
 * `here`: in a file of this process, where looks for changes cost little but DuckLake's planning. Of the others each statement is a request: in
 * `postgres` those of a transaction see one state of the catalog's tables, and in `quack` each sees what is the newest then.
 */
export type CatalogPlace = 'here' | 'postgres' | 'quack';

const changes = 'ducklake_snapshot_changes';
const record = `${lakeMetadata}.${changes}`;
const figures = `count(snapshot_id), string_agg(DISTINCT changes_made, ',')`;
const newest = `ducklake_current_snapshot('lake')`;

/** What changed up to the snapshot of the transaction that it begins. */
export async function beginAt(since: bigint | null, place: CatalogPlace, run: RunSql): Promise<Changes> {
  if (place === 'here') return upTo(since, await beginHere(run), run);
  if (since === null) {
    const [row = []] = await run(`BEGIN TRANSACTION READ ONLY; SELECT id FROM ${newest}`);
    return upTo(since, row[0] as bigint | null, run);
  }
  // One statement, as beside ingest each waits for its turn.
  const sql = `SELECT any_value(id), ${figures} FROM ${newest} LEFT JOIN ${record} ON snapshot_id > ${since} AND snapshot_id <= id`;
  return changesOf(since, await run(`BEGIN TRANSACTION READ ONLY; ${sql}`));
}

/** Commits may come between the two begins of a transaction, hardly so often in turn. */
const begins = 10;

/**
 * DuckLake reads the catalog in a transaction of its own, beside the one in which its tables are read straight. Both begin with this
 * statement, and a commit between them would have them see two snapshots: then it begins once more.
 */
async function beginHere(run: RunSql): Promise<bigint | null> {
  for (let begun = 1; ; begun++) {
    const [[ofLake, ofTables] = []] = await run(
      `BEGIN TRANSACTION READ ONLY;
       SELECT id, (SELECT max(snapshot_id) FROM ${lakeMetadata}.ducklake_snapshot) FROM ${newest}`,
    );
    if (ofLake === ofTables) return ofLake as bigint | null;
    if (begun === begins) throw new Error('the catalog changed with each look at its newest snapshot');
    await run('ROLLBACK');
  }
}

/** The same without a transaction. */
export async function changesSince(since: bigint | null, place: CatalogPlace, run: RunSql): Promise<Changes> {
  if (place === 'here') {
    const [row = []] = await run(`SELECT max(snapshot_id) FROM ${lakeMetadata}.ducklake_snapshot`);
    return upTo(since, row[0] as bigint | null, run);
  }
  if (place === 'postgres') return attachedChangesSince(since, run);
  return changesOf(since, await run(atServer(changesSql(since, changes))));
}

/** The same by one statement on the catalog as it is attached, wherever it is. */
export async function attachedChangesSince(since: bigint | null, run: RunSql): Promise<Changes> {
  return changesOf(since, await run(changesSql(since)));
}

function changesSql(since: bigint | null, from = record): string {
  return `SELECT max(snapshot_id), ${figures} FROM ${from} WHERE snapshot_id > ${since ?? -1n}`;
}

/** What changed up to the newest snapshot of a transaction that it begins on the catalog's tables alone, which DuckLake does not take part in. */
export async function beginCatalog(since: bigint | null, place: CatalogPlace, run: RunSql): Promise<Changes> {
  if (place !== 'here') {
    return changesOf(since, await run(`BEGIN TRANSACTION READ ONLY; ${changesSql(since)}`));
  }
  const [row = []] = await run(
    `BEGIN TRANSACTION READ ONLY; SELECT max(snapshot_id) FROM ${lakeMetadata}.ducklake_snapshot`,
  );
  return upTo(since, row[0] as bigint | null, run);
}

/** Of a catalog of this process: it is asked for what changed only where something did. */
async function upTo(since: bigint | null, newest: bigint | null, run: RunSql): Promise<Changes> {
  const snapshot = BigInt(newest ?? since ?? 0n);
  if (since === null || snapshot <= since) {
    return { since, snapshot, unknown: false, changed: [], deleted: [] };
  }
  // Not put together here as there, which takes longer than to look.
  const changes = await run(
    `SELECT changes_made FROM ${record} WHERE snapshot_id > ${since} AND snapshot_id <= ${snapshot}`,
  );
  const texts = new Set(changes.map(([text]) => text as string | null));
  return changesOf(since, [[snapshot, BigInt(changes.length), [...texts].join()]]);
}

function changesOf(since: bigint | null, [row = []]: unknown[][]): Changes {
  const [id, count, texts] = row as [bigint | number | null, bigint?, (string | null)?];
  const snapshot = BigInt(id ?? since ?? 0n);
  const ids = (change: RegExp) => [...(texts ?? '').matchAll(change)].map(([, table = '']) => table);
  return {
    since,
    snapshot,
    unknown: since !== null && BigInt(count ?? 0n) < snapshot - since,
    changed: ids(/:(\d+)/g),
    deleted: ids(/inlined_delete:(\d+)/g),
  };
}
