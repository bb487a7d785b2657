import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { layoutOf, metadataKinds, type MetadataKind } from './layout.js';
import { digestSql, hourNs, stageSql } from './stage.js';

/** The microseconds of an hour, by which row groups are skipped; the hour 0 is longer, as division rounds towards it. */
export function hourSql(hour: bigint): string {
  if (hour <= 0n) return 'TRUE';
  const micros = (hour * hourNs) / 1000n;
  return `timestamp >= make_timestamp(${micros}) AND timestamp < make_timestamp(${micros + hourNs / 1000n})`;
}

/** Beside the lake, every DuckDB instance has this database in memory. */
const schema = 'memory.main';
export const filesTable = `${schema}.metadata_files`;
/** Distinct rows. */
export const setsTable = (kind: MetadataKind) => `${schema}.metadata_sets_${kind}`;
/** Which of them a file has, hour by hour. */
export const seenTable = (kind: MetadataKind) => `${schema}.metadata_seen_${kind}`;

/** A file whose metadata are to be kept, under the number `file`. */
export interface FileToKeep {
  readonly kind: MetadataKind;
  readonly path: string;
  readonly file: number;
  /** New label sets get higher numbers. */
  readonly lastId: number;
}

export interface AddedFile {
  readonly entries: number;
  /** It is as of this one, or a later one. */
  readonly snapshot: bigint;
  /** Nanoseconds since the epoch; 1 and 0 for a file of no rows. */
  readonly first: bigint;
  readonly last: bigint;
}

/** The file has more than there is place for: queries go on reading it. */
export class TooMany extends Error {}

/** The table does not have the file any more: questions of an older snapshot must not take it for one of no rows. */
export class Gone extends Error {}

export async function createTables(connection: DuckDBConnection): Promise<void> {
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${filesTable}
       (kind VARCHAR, file INTEGER, path VARCHAR, snapshot BIGINT, first BIGINT, last BIGINT)`,
  );
  for (const kind of metadataKinds) {
    const columns = layoutOf(kind).columns.map(({ name, type }) => `${ident(name)} ${type}`);
    await connection.run(
      `CREATE TABLE IF NOT EXISTS ${setsTable(kind)} (id INTEGER, digest VARCHAR, ${columns.join(', ')})`,
    );
    await connection.run(
      `CREATE TABLE IF NOT EXISTS ${seenTable(kind)}
         (file INTEGER, id INTEGER, first BIGINT, last BIGINT, records BIGINT, bytes BIGINT)`,
    );
  }
}

/** Reads a file and keeps its metadata; throws TooMany for more than `maxEntries` of them, and Gone. */
export async function addFile(
  connection: DuckDBConnection,
  { kind, path, file, lastId }: FileToKeep,
  maxEntries: number,
): Promise<AddedFile> {
  try {
    // Of before the read: a deletion that comes during it makes the copy old.
    const snapshot = await only(connection, `SELECT id FROM ducklake_current_snapshot('lake')`);
    const rows = stageSql(kind, `filename = ${literal(path)}`);
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE metadata_stage AS SELECT ${file}::INTEGER AS file, ${digestSql(kind)} AS digest, * FROM (${rows})`,
    );
    const entries = await only(connection, 'SELECT count(*) FROM metadata_stage');
    if (entries > maxEntries) throw new TooMany(`${entries} entries`);
    // Looked for after the read: what is gone never comes back.
    if (entries === 0 && !(await isLive(connection, kind, path))) throw new Gone(`${path} is gone`);
    const { first, last } = (await edges(connection)).get(file) ?? noRows;
    await addStage(connection, kind, lastId, [{ file, path, snapshot: BigInt(snapshot) }]);
    return { entries, snapshot: BigInt(snapshot), first, last };
  } finally {
    await connection.run('DROP TABLE IF EXISTS metadata_stage').catch(() => undefined);
  }
}

/** One whose label sets or keys are in a file of their own, as `stageSql` gives them. */
export interface StagedFile {
  readonly file: number;
  readonly path: string;
  readonly stage: string;
}

/** Keeps the metadata of files of a kind as of `snapshot`, all or none. Gives the first and last time of each. */
export async function addStaged(
  connection: DuckDBConnection,
  {
    kind,
    lastId,
    snapshot,
  }: { readonly kind: MetadataKind; readonly lastId: number; readonly snapshot: bigint },
  files: readonly StagedFile[],
): Promise<ReadonlyMap<number, Times>> {
  const numbers = listLiteral(files.map(({ file }) => file));
  const stages = listLiteral(files.map(({ stage }) => stage));
  try {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE metadata_stage AS
       SELECT (${numbers}::INTEGER[])[file_index::BIGINT + 1] AS file, ${digestSql(kind)} AS digest, *
       FROM read_parquet(${stages}, hive_partitioning => false)`,
    );
    const times = await edges(connection);
    await addStage(
      connection,
      kind,
      lastId,
      files.map(({ file, path }) => ({ file, path, snapshot })),
    );
    return new Map(files.map(({ file }) => [file, times.get(file) ?? noRows]));
  } finally {
    await connection.run('DROP TABLE IF EXISTS metadata_stage').catch(() => undefined);
  }
}

/** What is staged of these files. */
async function addStage(
  connection: DuckDBConnection,
  kind: MetadataKind,
  lastId: number,
  files: readonly { readonly file: number; readonly path: string; readonly snapshot: bigint }[],
): Promise<void> {
  const names = layoutOf(kind)
    .columns.map(({ name }) => ident(name))
    .join(', ');
  const values = files.map(({ file, path, snapshot }) => `(${file}, ${literal(path)}, ${snapshot})`);
  await inTransaction(connection, async () => {
    await connection.run(
      `INSERT INTO ${setsTable(kind)}
       SELECT ${lastId} + row_number() OVER (), digest, ${names}
       FROM (SELECT DISTINCT ON (digest) digest, ${names} FROM metadata_stage
             WHERE digest NOT IN (SELECT digest FROM ${setsTable(kind)}))`,
    );
    await connection.run(
      `INSERT INTO ${seenTable(kind)}
       SELECT file, id, first, last, records, bytes FROM metadata_stage JOIN ${setsTable(kind)} USING (digest)`,
    );
    await connection.run(
      `INSERT INTO ${filesTable} SELECT ${literal(kind)}, file, path, snapshot, coalesce(min(first), 1), coalesce(max(last), 0)
       FROM (VALUES ${values.join(', ')}) files(file, path, snapshot) LEFT JOIN metadata_stage USING (file) GROUP BY file, path, snapshot`,
    );
  });
}

/** Keeps no other files of a kind, in new tables, as deleted rows would go on taking memory. */
export async function keepOnly(
  connection: DuckDBConnection,
  kind: MetadataKind,
  files: readonly number[],
): Promise<void> {
  const list = `(SELECT unnest(${listLiteral(files)}::INTEGER[]))`;
  await inTransaction(connection, async () => {
    for (const [kept, where] of [
      [seenTable(kind), `file IN ${list}`],
      [setsTable(kind), `id IN (SELECT id FROM ${seenTable(kind)})`],
    ] as const) {
      const fresh = `${kept}_fresh`;
      await connection.run(`CREATE TABLE ${fresh} AS FROM ${kept} WHERE ${where}`);
      await connection.run(`DROP TABLE ${kept}`);
      await connection.run(`ALTER TABLE ${fresh} RENAME TO ${ident(kept.slice(schema.length + 1))}`);
    }
    await connection.run(`DELETE FROM ${filesTable} WHERE kind = ${literal(kind)} AND file NOT IN ${list}`);
  });
}

interface Times {
  readonly first: bigint;
  readonly last: bigint;
}

const noRows: Times = { first: 1n, last: 0n };

/** By file, of what is staged. Before it is added, as what fails after that would leave ids that nobody knows of. */
async function edges(connection: DuckDBConnection): Promise<ReadonlyMap<number, Times>> {
  const reader = await connection.runAndReadAll(
    'SELECT file, min(first), max(last) FROM metadata_stage GROUP BY file',
  );
  const rows = reader.getRows() as [number, bigint, bigint][];
  return new Map(rows.map(([file, first, last]) => [file, { first, last }]));
}

async function isLive(connection: DuckDBConnection, kind: MetadataKind, path: string): Promise<boolean> {
  const { table } = layoutOf(kind);
  const files = `ducklake_list_files('lake', ${literal(table)}, schema => 'main')`;
  return (await only(connection, `SELECT count(*) FROM ${files} WHERE data_file = ${literal(path)}`)) > 0;
}

async function only(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0]);
}

async function inTransaction(connection: DuckDBConnection, work: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  try {
    await work();
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
