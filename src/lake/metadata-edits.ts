/** What is changed in DuckLake's own tables by hand, as no function of DuckLake does it. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, literal, qualified } from '../duckdb/index.js';
import { lakeMetadata } from './files/known-files.js';

/** The name of one of DuckLake's tables, in SQL. */
type Naming = (table: string) => string;

const ofLake: Naming = (table) => qualified(lakeMetadata, table);

/** A Parquet file that is entered into the catalog, with what the file itself tells. */
export interface EnteredFile {
  readonly key: string;
  readonly table: { readonly name: string };
  readonly facts: {
    readonly maxSnapshot: number | null;
    readonly maxRowId: number | null;
  };
}

/** Statements that take files out of the catalog, from every snapshot, with what the catalog notes of them. */
export function removalOf(
  data: readonly number[],
  deletes: readonly number[],
  of: Naming = ofLake,
): string[] {
  const remove = (table: string, column: string, ids: readonly number[]) =>
    ids.length === 0 ? [] : [`DELETE FROM ${of(table)} WHERE ${column} IN (${ids.join(', ')})`];
  return [
    ...remove('ducklake_file_column_stats', 'data_file_id', data),
    ...remove('ducklake_file_partition_value', 'data_file_id', data),
    ...remove('ducklake_delete_file', 'data_file_id', data),
    ...remove('ducklake_delete_file', 'delete_file_id', deletes),
    ...remove('ducklake_data_file', 'data_file_id', data),
  ];
}

/** The newest snapshot and the counters that go on from it. */
export interface LastSnapshot {
  readonly id: number;
  readonly counters: readonly number[];
}

export async function lastSnapshot(connection: DuckDBConnection): Promise<LastSnapshot> {
  const reader = await connection.runAndReadAll(
    `SELECT snapshot_id, schema_version, next_catalog_id, next_file_id
     FROM ${ofLake('ducklake_snapshot')} ORDER BY snapshot_id DESC LIMIT 1`,
  );
  const [id, ...counters] = (reader.getRows()[0] ?? []).map(Number);
  return { id: Number(id), counters };
}

/** Statements that make snapshot `id`; `changes` as in ducklake_snapshot_changes. */
export function snapshotAfter(
  last: LastSnapshot,
  id: number,
  changes: string,
  of: Naming = ofLake,
): string[] {
  return [
    `INSERT INTO ${of('ducklake_snapshot')} (snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
     VALUES (${id}, now(), ${last.counters.join(', ')})`,
    `INSERT INTO ${of('ducklake_snapshot_changes')} (snapshot_id, changes_made) VALUES (${id}, ${literal(changes)})`,
  ];
}

/** For a catalog whose Parquet files lie elsewhere by now. */
export async function setDataPath(
  connection: DuckDBConnection,
  database: string,
  dataPath: string,
): Promise<void> {
  await connection.run(
    `UPDATE ${qualified(database, 'ducklake_metadata')} SET value = ${literal(dataPath)}
     WHERE key = 'data_path' AND scope IS NULL`,
  );
}

/** Takes files that are gone out of the catalog, from every snapshot, with what the catalog notes of them. */
export async function forgetFiles(
  connection: DuckDBConnection,
  gone: readonly { readonly kind: string; readonly id: number }[],
): Promise<void> {
  if (gone.length === 0) return;
  const ids = (kind: string) => gone.filter((file) => file.kind === kind).map(({ id }) => id);
  const [data, deletes] = [ids('data'), ids('delete')];
  await inTransaction(connection, async () => {
    if (data.length > 0) {
      await connection.run(
        `UPDATE ${ofLake('ducklake_table_stats')} s
         SET record_count = record_count - f.rows, file_size_bytes = file_size_bytes - f.bytes
         FROM (SELECT table_id, sum(record_count)::BIGINT AS rows, sum(file_size_bytes)::BIGINT AS bytes
               FROM ${ofLake('ducklake_data_file')} WHERE end_snapshot IS NULL AND data_file_id IN (${data.join(', ')})
               GROUP BY table_id) f WHERE s.table_id = f.table_id`,
      );
    }
    for (const statement of removalOf(data, deletes)) await connection.run(statement);
  });
}

/** The numbers of the tables' top-level columns. */
export async function columnNumbers(connection: DuckDBConnection): Promise<Map<string, Map<string, number>>> {
  const reader = await connection.runAndReadAll(
    `SELECT t.table_name, c.column_name, c.column_id
     FROM ${qualified(lakeMetadata, 'ducklake_column')} c JOIN ${qualified(lakeMetadata, 'ducklake_table')} t USING (table_id)
     WHERE c.end_snapshot IS NULL AND t.end_snapshot IS NULL AND c.parent_column IS NULL`,
  );
  const found = new Map<string, Map<string, number>>();
  for (const [table, column, id] of reader.getRows()) {
    const of = found.get(String(table)) ?? new Map<string, number>();
    found.set(String(table), of.set(String(column), Number(id)));
  }
  return found;
}

/**
 * Files with DuckLake's own columns are entered as DuckLake enters them: columns by number, row ids from the file.
 * By name it would not find its own columns, and every later merge of the file would fail.
 */
export async function readByNumber<T extends EnteredFile>(
  connection: DuckDBConnection,
  files: readonly T[],
  hasRowIds: (file: T) => boolean,
): Promise<void> {
  if (files.length === 0) return;
  const named = (which: readonly T[]) =>
    which.map(({ key }) => literal(key.split('/').at(-1) ?? '')).join(', ');
  const table = ofLake('ducklake_data_file');
  await connection.run(
    `UPDATE ${table} SET mapping_id = NULL WHERE parse_filename(path) IN (${named(files)})`,
  );
  const withIds = files.filter(hasRowIds);
  if (withIds.length === 0) return;
  await connection.run(
    `UPDATE ${table} SET row_id_start = NULL WHERE parse_filename(path) IN (${named(withIds)})`,
  );
}

/** New snapshots and rows are numbered after those that files remember: DuckLake hides rows of later snapshots. */
export async function continueNumbers(
  connection: DuckDBConnection,
  files: readonly EnteredFile[],
): Promise<void> {
  const greatest = Math.max(-1, ...files.map(({ facts }) => facts.maxSnapshot ?? -1));
  const last = await lastSnapshot(connection);
  if (greatest >= last.id) {
    for (const statement of snapshotAfter(last, greatest + 1, '')) await connection.run(statement);
  }
  for (const name of new Set(files.map(({ table }) => table.name))) {
    const ids = files.filter(({ table }) => table.name === name).map(({ facts }) => facts.maxRowId ?? -1);
    const next = Math.max(...ids) + 1;
    const table = `SELECT max(table_id) FROM ${ofLake('ducklake_table')} WHERE table_name = ${literal(name)} AND end_snapshot IS NULL`;
    await connection.run(
      `UPDATE ${ofLake('ducklake_table_stats')} SET next_row_id = greatest(next_row_id, ${next}) WHERE table_id = (${table})`,
    );
    await connection.run(
      `INSERT INTO ${ofLake('ducklake_table_stats')} (table_id, record_count, next_row_id, file_size_bytes)
       SELECT id, 0, ${next}, 0 FROM (${table}) t(id)
       WHERE id NOT IN (SELECT table_id FROM ${ofLake('ducklake_table_stats')})`,
    );
  }
}
