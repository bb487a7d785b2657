import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { layoutOf, metadataKinds, type MetadataKind } from './layout.js';

/** Presence is kept by the hour, so that a window which ends within a file leaves little of it to read. */
export const hourNs = 3_600_000_000_000n;

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

/** Reads a file and keeps its metadata; throws TooMany for more than `maxEntries` of them. */
export async function addFile(
  connection: DuckDBConnection,
  { kind, path, file, lastId }: FileToKeep,
  maxEntries: number,
): Promise<AddedFile> {
  const names = layoutOf(kind)
    .columns.map(({ name }) => ident(name))
    .join(', ');
  try {
    // Of before the read: a deletion that comes during it makes the copy old.
    const snapshot = await only(connection, `SELECT id FROM ducklake_current_snapshot('lake')`);
    await connection.run(`CREATE OR REPLACE TEMP TABLE metadata_stage AS ${stageSql(kind, path)}`);
    const entries = await only(connection, 'SELECT count(*) FROM metadata_stage');
    if (entries > maxEntries) throw new TooMany(`${entries} entries`);
    await inTransaction(connection, async () => {
      await connection.run(
        `INSERT INTO ${setsTable(kind)}
         SELECT ${lastId} + row_number() OVER (), digest, ${names}
         FROM (SELECT DISTINCT ON (digest) digest, ${names} FROM metadata_stage
               WHERE digest NOT IN (SELECT digest FROM ${setsTable(kind)}))`,
      );
      await connection.run(
        `INSERT INTO ${seenTable(kind)}
         SELECT ${file}, id, first, last, records, bytes FROM metadata_stage JOIN ${setsTable(kind)} USING (digest)`,
      );
      await connection.run(
        `INSERT INTO ${filesTable} SELECT ${literal(kind)}, ${file}, ${literal(path)}, ${snapshot},
           coalesce(min(first), 1), coalesce(max(last), 0) FROM metadata_stage`,
      );
    });
    const [first, last] = await edges(connection, file);
    return { entries, snapshot: BigInt(snapshot), first, last };
  } finally {
    await connection.run('DROP TABLE IF EXISTS metadata_stage').catch(() => undefined);
  }
}

function stageSql(kind: MetadataKind, path: string): string {
  const { columns, select } = layoutOf(kind);
  const names = columns.map(({ name }) => ident(name));
  const packed = names.map((name) => `${name} := ${name}`).join(', ');
  // Rows without a time are in no window.
  return (
    `SELECT sha256(to_json(struct_pack(${packed}))::VARCHAR) AS digest, * FROM (` +
    `SELECT ${names.join(', ')}, min(t) AS first, max(t) AS last, count(*) AS records, sum(bytes)::BIGINT AS bytes ` +
    `FROM (${select(`filename = ${literal(path)}`)}) WHERE t IS NOT NULL GROUP BY ${names.join(', ')}, t // ${hourNs})`
  );
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

async function edges(connection: DuckDBConnection, file: number): Promise<[bigint, bigint]> {
  const reader = await connection.runAndReadAll(`SELECT first, last FROM ${filesTable} WHERE file = ${file}`);
  return reader.getRows()[0] as [bigint, bigint];
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
