import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, inTransaction, literal, timestampLiteral } from '../../duckdb/index.js';
import type { Faults } from '../../faults/index.js';
import { tableDef, tables, type TableName } from '../../schema/index.js';
import { tableFile, type DayFile } from '../day-file.js';
import { catalogSql } from '../files/known-files.js';
import { writeDayFiles } from '../files/write.js';
import type { FileStore } from '../file-store.js';
import { isInlined } from '../inlining.js';
import type { PendingFiles } from '../pending-files.js';
import { deletionsOf, rewriteDeletionsOf, rewriteSql } from './deletions.js';
import type { LakeFiles } from './inventory.js';
import { usedTables } from './metadata.js';
import { flushedPrefix } from './moved.js';
import type { TaskRun } from './task.js';

export interface FlushOptions {
  readonly lakeFiles: LakeFiles;
  readonly fileStore: FileStore;
  readonly pending: PendingFiles;
  readonly faults: Faults;
  /** Called with the error of a table or day that keeps its inlined rows for now; the others go on. */
  readonly failed: (error: unknown) => void;
}

const progress = 'canardstack_progress';
const summary = 'metadata_summary';
/** A catalog server is told each deleted row in a statement of its own: this bounds how long commits wait. */
const rowsAtOnce = 5000;
const dayMs = 86_400_000;

/**
 * Inlined rows to Parquet, table by table, on a catalog that DuckLake itself flushes in one transaction. Not the tables that have
 * several of inlined rows, as after a new column: DuckLake 1.0 flushes these side by side, and corrupts its memory. Of such a table,
 * the rows of snapshots up to `counted`, which the summary has counted; null: none. A file of ours has a snapshot of its own, by
 * which rows that came later would be left out of the summary.
 */
export async function flush(task: TaskRun, options: FlushOptions, counted: number | null): Promise<void> {
  const beforeCommit = () => options.faults?.('maintenance.flushed');
  const used = await usedTables(task, options.lakeFiles);
  for (const { name } of tables) {
    if (!used.has(name)) continue;
    if ((await inlinedPlaces(task, options, name)).length <= 1) {
      await task.rewriting(name, [flushSql(name)], beforeCommit);
    } else if (counted !== null) {
      const found = await inlinedRows(task, options, [name], counted);
      await flushTable(task, options, name, found.get(name) ?? []);
    }
  }
  // Every commit updates the watermarks, so this conflicts with any commit beside it. They are few.
  await flushOfOwn(task, options, progress);
  // Not beside commits either: when one comes between, DuckLake 1.0 tries the rewrite's COMMIT again and miscounts
  // the deleted rows, which is a fatal error.
  await flushOfOwn(task, options, summary);
}

function flushSql(table: string): string {
  return `CALL ducklake_flush_inlined_data('lake', schema_name => 'main', table_name => ${literal(table)})`;
}

/** Of a table of our own, whose files are rewritten in each run. */
async function flushOfOwn(task: TaskRun, options: FlushOptions, table: string): Promise<void> {
  const damaged = (await deletionsOf(task, options.lakeFiles, table)) === 'damaged';
  const several = (await inlinedPlaces(task, options, table)).length > 1;
  if (several) {
    await task.exclusive(async (connection) =>
      moveAll(task, options, connection, table, await currentSnapshot(task)),
    );
  }
  await task.rewritingExclusively(table, [
    ...(several ? [] : [flushSql(table)]),
    ...(damaged ? [] : [rewriteSql(table)]),
  ]);
}

/** The inlined rows of a table of our own, of snapshots up to `until`; between two commits. */
async function moveAll(
  task: TaskRun,
  options: FlushOptions,
  connection: DuckDBConnection,
  table: string,
  until: number,
): Promise<void> {
  const found = (await inlinedRows(task, options, [table], until)).get(table) ?? [];
  const rows = found.reduce((sum, each) => sum + each.rows, 0);
  if (rows === 0) return;
  const where = `${isInlined} AND snapshot_id <= ${until}`;
  const file = tableFile(options.lakeFiles.storage.url, {
    table,
    day: null,
    prefix: flushedPrefix,
    select: `SELECT * FROM lake.main.${ident(table)} WHERE ${where}`,
  });
  await move(task, options, connection, { table, where, file, rows }, (work) => work(connection));
}

/**
 * The watermarks to Parquet, on a catalog server, and the snapshot that they tell of: a catalog that is made anew finds
 * rows up to there in files once `flushRows` has been.
 */
export async function flushWatermarks(task: TaskRun, options: FlushOptions): Promise<number> {
  await rewriteDeletionsOf(task, options.lakeFiles, [progress, summary]);
  return task.exclusive(async (connection) => {
    const snapshot = await currentSnapshot(task);
    await moveAll(task, options, connection, progress, snapshot);
    return snapshot;
  });
}

async function currentSnapshot(task: TaskRun): Promise<number> {
  const [[snapshot] = []] = await task.rows(`SELECT id FROM ducklake_current_snapshot('lake')`);
  return Number(snapshot);
}

/**
 * Inlined rows of snapshots up to `until` to Parquet, on a catalog server. DuckLake's own flush takes them out of the
 * catalog before its file is in it, statement by statement, and its ROLLBACK does not bring them back; and whoever is
 * reading at an older snapshot finds them in neither. So the file is written first, then one transaction deletes these
 * very rows and adds the file: at each snapshot they are in one place (docs/decisions/0020-flush-over-quack.md).
 */
export async function flushRows(task: TaskRun, options: FlushOptions, until: number): Promise<void> {
  const found = await inlinedRows(
    task,
    options,
    tables.map(({ name }) => name),
    until,
  );
  for (const { name } of tables) await flushTable(task, options, name, found.get(name) ?? []);
}

async function flushTable(
  task: TaskRun,
  options: FlushOptions,
  name: TableName,
  found: readonly Inlined[],
): Promise<void> {
  try {
    for (const part of parts(name, found, options)) {
      task.signal.throwIfAborted();
      await move(task, options, task.connection, part, (work) => task.exclusive(work));
    }
  } catch (error) {
    // A damaged file of the day, which DuckDB opens first, must not keep other tables from it.
    task.signal.throwIfAborted();
    options.failed(error);
  }
}

/** Rows of one commit and day. */
interface Inlined {
  readonly snapshot: number;
  /** Midnight UTC, ms; null where rows have no timestamp, or the table has none. */
  readonly day: number | null;
  readonly rows: number;
}

/** DuckLake's tables of inlined rows: one for each schema that the table had since it was last flushed. */
async function inlinedPlaces(task: TaskRun, options: FlushOptions, table: string): Promise<string[]> {
  return (await placesOf(task, options, [table])).map(({ place }) => place);
}

async function placesOf(
  task: TaskRun,
  options: FlushOptions,
  names: readonly string[],
): Promise<{ table: string; place: string }[]> {
  const places = await task.rows(
    catalogSql(
      options.lakeFiles.catalogKind,
      `SELECT DISTINCT t.table_name, i.table_name FROM $ducklake_inlined_data_tables i JOIN $ducklake_table t USING (table_id)
       WHERE t.table_name IN (${names.map(literal).join(', ')}) AND t.end_snapshot IS NULL`,
    ),
  );
  return places.map(([table, place]) => ({ table: String(table), place: String(place) }));
}

/** Of snapshots up to `until`, by table. All tables in one statement, as a catalog server takes each by itself. */
async function inlinedRows(
  task: TaskRun,
  options: FlushOptions,
  names: readonly string[],
  until: number,
): Promise<ReadonlyMap<string, readonly Inlined[]>> {
  const places = await placesOf(task, options, names);
  if (places.length === 0) return new Map();
  // Text in PostgreSQL.
  const day = (table: string) =>
    table === progress || table === summary
      ? 'NULL::BIGINT'
      : 'epoch_ms(date_trunc(\'day\', "timestamp"::TIMESTAMP))';
  const each = places.map(
    ({ table, place }) =>
      `SELECT ${literal(table)}, begin_snapshot, ${day(table)} AS day, count(*) FROM $${place}
       WHERE end_snapshot IS NULL AND begin_snapshot <= ${until} GROUP BY ALL`,
  );
  const found = new Map<string, Inlined[]>();
  const sql = catalogSql(options.lakeFiles.catalogKind, each.join(' UNION ALL '));
  for (const [table, snapshot, ms, count] of await task.rows(sql)) {
    const rows = found.get(String(table)) ?? [];
    const at = ms === null ? null : Number(ms);
    rows.push({ snapshot: Number(snapshot), day: at, rows: Number(count) });
    found.set(String(table), rows);
  }
  for (const rows of found.values())
    rows.sort((a, b) => (a.day ?? 0) - (b.day ?? 0) || a.snapshot - b.snapshot);
  return found;
}

/** Rows that go into one file, in one transaction. */
interface Part {
  readonly table: string;
  /** Which rows they are. */
  readonly where: string;
  readonly file: DayFile;
  readonly rows: number;
}

/** `found` is ordered by day, then by snapshot. Rows without a time are in no partition, and stay. */
function parts(table: TableName, found: readonly Inlined[], { lakeFiles }: FlushOptions): Part[] {
  const groups: { day: number; from: number; to: number; rows: number }[] = [];
  for (const { day, snapshot, rows } of found) {
    if (day === null) continue;
    const last = groups.at(-1);
    if (last?.day === day && (last.to === snapshot || last.rows + rows <= rowsAtOnce)) {
      groups[groups.length - 1] = { ...last, to: snapshot, rows: last.rows + rows };
    } else {
      groups.push({ day, from: snapshot, to: snapshot, rows });
    }
  }
  return groups.map(({ day, from, to, rows }) => {
    const where =
      `${isInlined} AND snapshot_id BETWEEN ${from} AND ${to} ` +
      `AND timestamp >= ${timestampLiteral(day)} AND timestamp < ${timestampLiteral(day + dayMs)}`;
    const order = tableDef(table).sortedBy.map(ident).join(', ');
    const select = `SELECT * FROM lake.main.${ident(table)} WHERE ${where} ORDER BY ${order}`;
    return {
      table,
      where,
      file: tableFile(lakeFiles.storage.url, { table, day, prefix: flushedPrefix, select }),
      rows,
    };
  });
}

/** Writes the file of a part, then makes it the lake's in the rows' stead, as `alone` lets it. */
async function move(
  task: TaskRun,
  options: FlushOptions,
  reader: DuckDBConnection,
  part: Part,
  alone: (work: (connection: DuckDBConnection) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { pending } = options;
  const targets = new Set<string>();
  const uploads: Promise<void>[] = [];
  const state = { commitSent: false };
  try {
    const run = (sql: string) => task.bounded(reader, () => reader.run(sql));
    const adds = await writeDayFiles(options, run, [part.file], part.rows, [], targets, uploads);
    await Promise.all(uploads);
    await task.syncFiles(part.table);
    await alone((connection) => swap(connection, part, adds, options.faults, state));
    await pending.committed([...targets]);
  } catch (error) {
    await Promise.allSettled(uploads);
    // Once a COMMIT was sent, only the catalog tells whether the file is the lake's.
    if (state.commitSent) pending.unknown([...targets]);
    else await pending.failed([...targets]);
    throw error;
  }
}

async function swap(
  connection: DuckDBConnection,
  { table, where, rows }: Part,
  adds: readonly string[],
  faults: Faults,
  state: { commitSent: boolean },
): Promise<void> {
  await inTransaction(
    connection,
    async () => {
      const deleted = await connection.run(`DELETE FROM lake.main.${ident(table)} WHERE ${where}`);
      // Fewer when someone deleted rows meanwhile, which the file would bring back.
      if (deleted.rowsChanged !== rows) {
        throw new Error(`${deleted.rowsChanged} of ${rows} inlined rows of ${table} are still there`);
      }
      for (const add of adds) await connection.run(add);
    },
    () => {
      faults?.('maintenance.flushed');
      state.commitSent = true;
      return connection.run('COMMIT');
    },
  );
}
