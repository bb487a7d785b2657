import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, ident, inTransaction, literal, timestampLiteral } from '../../../duckdb/index.js';
import type { Faults } from '../../../faults/index.js';
import type { ColumnDef, ColumnType, TableName } from '../../../schema/index.js';
import type { Logger } from '../../../telemetry/index.js';
import type { PendingFiles } from '../../pending-files.js';
import type { FileStore } from '../../file-store.js';
import { putBeforeFooter } from '../../files/before-footer.js';
import { finishFile } from '../../files/finish.js';
import { IndexBuilder } from '../../token-index/index.js';
import { attributeOrigins, type ColumnChoice } from '../../attribute-columns/index.js';
import { lakeMetadata } from '../../files/known-files.js';
import { notedChecksums } from '../../files/checksums.js';
import { assertWhole, damagedAmong, keyOf } from '../damage.js';
import type { LakeFiles } from '../inventory.js';
import { compactedPrefix, flushedPrefix, hasPrefix, rewrittenPrefix } from '../moved.js';
import type { TaskRun } from '../task.js';
import { droppingFiles } from '../whole-files.js';
import { fileLayout } from './file-layout.js';
import { isIndexed, nextGroup, type DataFile } from './groups.js';
import { Sorter, type SorterOptions } from './sorter.js';

export interface CompactionOptions {
  readonly lakeFiles: LakeFiles;
  readonly sorter: SorterOptions;
  readonly fileStore: FileStore;
  readonly pending: PendingFiles;
  /** Which attributes get columns of their own. */
  readonly columns: (table: TableName) => ColumnChoice;
  /** Files get an index of the tokens of this column. */
  readonly tokens: (table: TableName) => string | null;
  /** Files tell of themselves what questions ask first. */
  readonly digests: boolean;
  readonly faults: Faults;
  readonly log: Logger;
  /** Files of commits after this snapshot are not yet counted in the summary, and wait; null: all are taken. */
  readonly until: number | null;
  /** Starts no further group after this (`performance.now()`); the next run goes on. */
  readonly deadline: number;
  /** Pauses after each group for as long as it took, so that commits catch up. */
  readonly paced: boolean;
  /** Called after each group that became one file. */
  readonly observe: (files: number, rows: number, bytes: number) => void;
}

const dayMs = 86_400_000;

/** The swap was not made, and nothing of it is in the catalog: the group is left for a later run. */
class SwapRefused extends Error {}

/**
 * Rewrites small files of one day as one that is sorted and has Bloom filters. The new file is written first, aside of
 * the lake; then one transaction between two commits takes the old files out of the table and puts the new one in, so a
 * kill at any point leaves either the old or the new. The old files stay for queries that began before, until their
 * snapshots expire. Done by ourselves because DuckLake's own merge has no options for the writer and takes several times
 * the memory (docs/decisions).
 */
export async function compact(
  task: TaskRun,
  tables: readonly TableName[],
  options: CompactionOptions,
): Promise<void> {
  let sorter: Sorter | null = null;
  const indexer = new IndexBuilder();
  const interrupt = () => sorter?.interrupt();
  task.signal.addEventListener('abort', interrupt, { once: true });
  try {
    for (const table of tables) {
      const failed = new Set<string>();
      const counted = await countedFiles(task, table, options.until);
      while (performance.now() < options.deadline) {
        task.signal.throwIfAborted();
        const live = await liveFiles(task, table);
        const { damaged } = options.lakeFiles;
        const whole = live.filter(
          ({ path }) => counted(path) && damaged.get(keyOf(options.lakeFiles, path)) === undefined,
        );
        const group = nextGroup(table, whole, failed);
        if (group === null) break;
        const begun = performance.now();
        sorter ??= await Sorter.open(options.sorter);
        try {
          await rewrite(task, table, group, { sorter, indexer }, options);
        } catch (error) {
          task.signal.throwIfAborted();
          // A file that can't be read must not keep the others from being compacted.
          const paths = group.map(({ path }) => path);
          const bad = await damagedAmong(task, options.lakeFiles, paths).catch(() => []);
          // Those that are damaged are out from now on, and the others may be compacted.
          for (const path of bad.length > 0 ? bad : paths) failed.add(path);
          options.log.warn({ table, files: group.length, err: firstLine(error) }, 'files were not compacted');
        }
        if (options.paced) await task.pause(performance.now() - begun);
      }
    }
  } finally {
    task.signal.removeEventListener('abort', interrupt);
    sorter?.close();
    await indexer.close();
    await rm(options.sorter.temporary, { recursive: true, force: true });
  }
}

async function liveFiles(task: TaskRun, table: TableName): Promise<DataFile[]> {
  const files = await task.rows(
    `SELECT data_file, data_file_size_bytes FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE delete_file IS NULL`,
  );
  if (files.length === 0) return [];
  // A catalog server can't read two tables in one statement, and names of files are random.
  const counts = await task.rows(
    `SELECT path, record_count FROM ${lakeMetadata}.ducklake_data_file WHERE end_snapshot IS NULL`,
  );
  const rows = new Map(counts.map(([path, count]) => [basename(String(path)), Number(count)]));
  return files.map(([file, bytes]) => {
    const path = String(file);
    return { path, bytes: Number(bytes), rows: rows.get(basename(path)) ?? 0 };
  });
}

async function countedFiles(
  task: TaskRun,
  table: TableName,
  until: number | null,
): Promise<(path: string) => boolean> {
  if (until === null) return () => true;
  const rows = await task.rows(
    `SELECT data_file FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main', snapshot_version => ${until})`,
  );
  const known = new Set(rows.map(([path]) => String(path)));
  const moved = [compactedPrefix, flushedPrefix, rewrittenPrefix];
  return (path) => known.has(path) || moved.some((prefix) => hasPrefix(path, prefix));
}

async function rewrite(
  task: TaskRun,
  table: TableName,
  group: readonly DataFile[],
  { sorter, indexer }: { readonly sorter: Sorter; readonly indexer: IndexBuilder },
  options: CompactionOptions,
): Promise<void> {
  const { fileStore, pending, faults } = options;
  const [first] = group;
  if (!first) return;
  const target = `${first.path.slice(0, first.path.lastIndexOf('/') + 1)}${compactedPrefix}${randomUUID()}.parquet`;
  const paths = group.map(({ path }) => path);
  const columns = await columnsOf(task, table);
  const origin = attributeOrigins.get(table);
  const indexed = isIndexed(table, group, Date.now()) ? options.tokens(table) : null;
  const targets = new Set([target]);
  await pending.add(target, []);
  const state = { commitSent: false };
  try {
    const written = await fileStore.begin(target);
    const inputs = await fetched(fileStore, paths);
    let rows: number;
    try {
      const copies = inputs.map(({ path: local }, i) => ({ path: paths[i] ?? '', local }));
      await assertWhole(options.lakeFiles, await task.retried(() => notedChecksums(task.connection)), copies);
      rows = await sorter.sort(
        inputs.map(({ path }) => path),
        written,
        columns,
        fileLayout(table, indexed !== null),
        origin === undefined ? null : { origin, ...options.columns(table) },
      );
    } finally {
      for (const input of inputs) await input.release();
    }
    const added = (what: string, make: () => Promise<Buffer | null>) =>
      addToFile(task, written, what, make, options.log);
    if (indexed !== null) {
      await added('token index', () => indexer.build(sorter.indexParts(written, indexed)));
    }
    if (options.digests) await added('digest', () => sorter.digest(written, table));
    const named = await finishFile(options, target, written, [], targets);
    await task.syncFiles(table);
    faults?.('maintenance.compacted');
    await task.exclusive((connection) => swap(connection, table, paths, named, rows, faults, state));
    await pending.committed([...targets]);
    options.observe(
      group.length,
      rows,
      group.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  } catch (error) {
    // Once a COMMIT was sent, only the catalog tells whether the file is the lake's.
    if (state.commitSent) pending.unknown([...targets]);
    else await pending.failed([...targets]);
    throw error;
  }
}

/** A file without it is read as a whole, so what keeps it from having one keeps nothing else. */
async function addToFile(
  task: TaskRun,
  path: string,
  what: string,
  make: () => Promise<Buffer | null>,
  log: Logger,
): Promise<void> {
  let bytes: Buffer | null;
  try {
    bytes = await make();
  } catch (error) {
    task.signal.throwIfAborted();
    log.warn({ err: firstLine(error) }, `a compacted file gets no ${what}`);
    return;
  }
  if (bytes !== null) await putBeforeFooter(path, bytes);
}

interface FetchedFile {
  readonly path: string;
  release(): Promise<void>;
}

async function fetched(fileStore: FileStore, paths: readonly string[]): Promise<FetchedFile[]> {
  const files: FetchedFile[] = [];
  try {
    for (const path of paths) files.push(await fileStore.fetch(path));
    return files;
  } catch (error) {
    for (const file of files) await file.release();
    throw error;
  }
}

/** The table's columns as they are now, which may be more than this release knows. */
async function columnsOf(task: TaskRun, table: TableName): Promise<ColumnDef[]> {
  const rows = await task.rows(
    `SELECT column_name, data_type FROM duckdb_columns()
     WHERE database_name = 'lake' AND schema_name = 'main' AND table_name = ${literal(table)} ORDER BY column_index`,
  );
  return rows.map(([name, type]) => ({ name: String(name), type: String(type) as ColumnType }));
}

/** DuckDB opens the first file that statistics leave, whatever its name: one of another day may be damaged. */
function ofDay(path: string): string {
  const [, year, month, day] = /year=(\d+)\/month=(\d+)\/day=(\d+)\/[^/]*$/.exec(path) ?? [];
  if (day === undefined) return '';
  const from = Date.UTC(Number(year), Number(month) - 1, Number(day));
  return ` AND timestamp >= ${timestampLiteral(from)} AND timestamp < ${timestampLiteral(from + dayMs)}`;
}

/** Old files out, new file in. Deleting every row of a file takes it out of the table whole. */
async function swap(
  connection: DuckDBConnection,
  table: TableName,
  paths: readonly string[],
  target: string,
  rows: number,
  faults: Faults,
  state: { commitSent: boolean },
): Promise<void> {
  const commit = () => {
    faults?.('maintenance.swap');
    state.commitSent = true;
    return connection.run('COMMIT');
  };
  await inTransaction(
    connection,
    async () => {
      const deleted = await droppingFiles(connection, () =>
        connection.run(
          `DELETE FROM lake.main.${ident(table)} WHERE filename IN (${paths.map(literal).join(', ')})${ofDay(target)}`,
        ),
      );
      // Fewer when someone deleted rows meanwhile, which the new file would bring back.
      if (deleted.rowsChanged !== rows) {
        throw new SwapRefused(`${deleted.rowsChanged} of ${rows} rows are still there`);
      }
      await connection.run(
        `CALL ducklake_add_data_files('lake', ${literal(table)}, ${literal(target)}, schema => 'main', hive_partitioning => true,
           ignore_extra_columns => true)`,
      );
    },
    commit,
  );
}
