import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, listLiteral, literal, timestampLiteral } from '../duckdb/index.js';
import { createTable } from '../lake/schema.js';
import { tables, type TableDef } from '../schema/index.js';
import type { Storage } from '../storage/index.js';
import { importFiles, type ImportReport } from './import-files.js';
import { knownFiles, lakeMetadata } from '../lake/files/known-files.js';
import { progressFolder, readDataFiles, type DataFile, type FoundObject } from './data-files.js';
import { forgetFiles } from '../lake/metadata-edits.js';
import type { SpoolStreams } from './spool-streams.js';
import { tableCounts } from './table-counts.js';

export type Progress = (step: string, done: number, total: number | null) => void;

export interface ReconcileOptions {
  /** Has the lake attached as `lake`, for writing; nobody else writes it. */
  readonly connection: DuckDBConnection;
  readonly storage: Storage;
  readonly objects: readonly FoundObject[];
  readonly spool: SpoolStreams;
  /** Takes all that the spool of this data folder holds for committed. */
  readonly assumeCommitted: boolean;
  /** Writes no Parquet. */
  readonly dryRun: boolean;
  readonly onProgress: Progress;
}

export interface ReconcileReport extends ImportReport {
  /** Files that the catalog named and that are gone. */
  readonly forgotten: readonly string[];
  readonly damaged: readonly string[];
  /** Files of commits that may not have happened; the spool still has their records and brings them again. */
  readonly leftToSpool: readonly string[];
  /** The stream positions that the catalog has now. */
  readonly watermarks: Readonly<Record<string, number>>;
}

/** Makes the tables of an empty lake, their columns numbered as in the Parquet files that DuckLake wrote. */
export async function createTables(connection: DuckDBConnection, files: readonly DataFile[]): Promise<void> {
  for (const table of tables) {
    await createTable(connection, table, ordered(table, files));
  }
}

function ordered(table: TableDef, files: readonly DataFile[]): TableDef['columns'] {
  const numbers = new Map<string, number>();
  const numbered = files.filter(
    (file) => file.table === table && [...file.facts.columns.values()].some((id) => id !== null),
  );
  // The newest knows the most columns.
  for (const { facts } of numbered.sort((a, b) => b.modifiedMs - a.modifiedMs)) {
    for (const [name, id] of facts.columns) if (id !== null && !numbers.has(name)) numbers.set(name, id);
  }
  const place = (name: string) => numbers.get(name) ?? Number.MAX_SAFE_INTEGER;
  return [...table.columns].sort((a, b) => place(a.name) - place(b.name));
}

/**
 * Brings a catalog in line with the Parquet files: forgets those that are gone, imports those that it does not know,
 * each row once, and moves the watermarks on to what the files hold.
 */
export async function reconcile(options: ReconcileOptions): Promise<ReconcileReport> {
  const { connection, storage, objects, spool, onProgress } = options;
  const known = await knownFiles(connection, storage.url);
  const found = new Set(objects.map(({ key }) => key));
  const gone = known.filter(({ key, kind }) => kind !== 'scheduled' && !found.has(key));
  await forgetFiles(connection, gone);
  const names = new Map(known.map((file) => [file.key, file]));
  const footers = (step: string, some: readonly FoundObject[]) =>
    readDataFiles(connection, storage.url, some, (done, total) => onProgress(step, done, total));
  const unknown = await footers(
    'reading unknown files',
    objects.filter(({ key, kind }) => kind === 'rows' && !names.has(key)),
  );
  const present = await footers(
    'reading known files',
    unknown.files.length === 0 ? [] : objects.filter(({ key }) => names.get(key)?.current === true),
  );
  const counts = await tableCounts(connection, lakeMetadata);
  const committed = await positions(
    connection,
    storage,
    objects,
    [...present.files, ...unknown.files],
    spool,
  );
  const leftToSpool = unknown.files.filter((file) => spool.brings(file, committed));
  const left = new Set(leftToSpool);
  const imported = await importFiles({
    connection,
    files: unknown.files.filter((file) => !left.has(file)),
    present: present.files,
    inlined: new Set(counts.filter(({ inlinedRows }) => inlinedRows > 0).map(({ table }) => table)),
    dryRun: options.dryRun,
    onProgress: (done, total) => onProgress('importing files', done, total),
  });
  if (options.assumeCommitted) {
    for (const [stream, head] of spool.heads)
      committed.set(stream, Math.max(head, committed.get(stream) ?? 0));
  }
  await setWatermarks(connection, committed);
  return {
    ...imported,
    forgotten: gone.map(({ key }) => key),
    damaged: unknown.damaged.map(({ key }) => key),
    leftToSpool: leftToSpool.map(({ key }) => key),
    watermarks: Object.fromEntries([...committed].sort()),
  };
}

/**
 * How far each stream is known to be in the files: by the catalog's own watermarks, by the copies of those that
 * CHECKPOINT wrote, and by what the files of commits note, unless those commits may not have happened.
 */
async function positions(
  connection: DuckDBConnection,
  storage: Storage,
  objects: readonly FoundObject[],
  files: readonly DataFile[],
  spool: SpoolStreams,
): Promise<Map<string, number>> {
  const committed = new Map<string, number>();
  const note = (stream: string, position: number) =>
    committed.set(stream, Math.max(position, committed.get(stream) ?? 0));
  const flushed = objects.filter(({ key, kind }) => kind === 'derived' && key.startsWith(progressFolder));
  const sources = ['SELECT stream, position FROM lake.main.canardstack_progress'];
  for (const { key } of flushed) {
    sources.push(`SELECT stream, position FROM read_parquet(${literal(storage.url + key)})`);
  }
  for (const source of sources) {
    const reader = await connection
      .runAndReadAll(`SELECT stream, max(position) FROM (${source}) GROUP BY stream`)
      // A copy that was not written whole; the others and the files tell.
      .catch((error: unknown) => {
        if (source === sources[0]) throw error;
        return null;
      });
    for (const [stream, position] of reader?.getRows() ?? []) note(String(stream), Number(position));
  }
  const unresolved = files.filter((file) => spool.isNoted(file));
  for (const file of files) {
    if (unresolved.includes(file)) continue;
    for (const { stream, to } of file.facts.streams ?? []) note(stream, to);
  }
  const taken = unresolved.filter((file) => !spool.brings(file, committed));
  for (const file of taken) for (const { stream, to } of file.facts.streams ?? []) note(stream, to);
  return committed;
}

async function setWatermarks(
  connection: DuckDBConnection,
  committed: ReadonlyMap<string, number>,
): Promise<void> {
  if (committed.size === 0) return;
  const now = timestampLiteral(Date.now());
  const rows = [...committed].map(
    ([stream, position]) =>
      `(${literal(stream)}, ${literal(position)}, ${literal(stream.split('/')[0] ?? '')}, ${now})`,
  );
  await inTransaction(connection, async () => {
    await connection.run(
      `DELETE FROM lake.main.canardstack_progress WHERE stream IN (SELECT unnest(${listLiteral([...committed.keys()])}))`,
    );
    await connection.run(
      `INSERT INTO lake.main.canardstack_progress (stream, position, node_id, updated_at) VALUES ${rows.join(', ')}`,
    );
  });
}
