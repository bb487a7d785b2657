/** What recovery changes in DuckLake's own tables by hand, as no function of DuckLake does it. Nobody else writes the lake meanwhile. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, listLiteral, literal, qualified } from '../duckdb/index.js';
import { lakeMetadata } from '../lake/files/known-files.js';
import type { DataFile } from './data-files.js';
import { internalColumns } from './parquet-facts.js';
import { catalogVersion } from './table-counts.js';

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
  const of = (table: string) => qualified(lakeMetadata, table);
  const ids = (kind: string) => listLiteral(gone.filter((file) => file.kind === kind).map(({ id }) => id));
  if (gone.length === 0) return;
  await inTransaction(connection, async () => {
    const lost = `SELECT unnest(${ids('data')}::BIGINT[])`;
    await connection.run(
      `UPDATE ${of('ducklake_table_stats')} s
       SET record_count = record_count - f.rows, file_size_bytes = file_size_bytes - f.bytes
       FROM (SELECT table_id, sum(record_count)::BIGINT AS rows, sum(file_size_bytes)::BIGINT AS bytes
             FROM ${of('ducklake_data_file')} WHERE end_snapshot IS NULL AND data_file_id IN (${lost})
             GROUP BY table_id) f WHERE s.table_id = f.table_id`,
    );
    for (const table of [
      'ducklake_file_column_stats',
      'ducklake_file_partition_value',
      'ducklake_delete_file',
      'ducklake_data_file',
    ]) {
      await connection.run(`DELETE FROM ${of(table)} WHERE data_file_id IN (${lost})`);
    }
    await connection.run(
      `DELETE FROM ${of('ducklake_delete_file')} WHERE delete_file_id IN (SELECT unnest(${ids('delete')}::BIGINT[]))`,
    );
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
export async function readByNumber(connection: DuckDBConnection, files: readonly DataFile[]): Promise<void> {
  if (files.length === 0) return;
  const named = (which: readonly DataFile[]) =>
    which.map(({ key }) => literal(key.split('/').at(-1) ?? '')).join(', ');
  const table = qualified(lakeMetadata, 'ducklake_data_file');
  await connection.run(
    `UPDATE ${table} SET mapping_id = NULL WHERE parse_filename(path) IN (${named(files)})`,
  );
  const withIds = files.filter(({ facts }) => facts.columns.has(internalColumns.row));
  if (withIds.length === 0) return;
  await connection.run(
    `UPDATE ${table} SET row_id_start = NULL WHERE parse_filename(path) IN (${named(withIds)})`,
  );
}

/** New snapshots and rows are numbered after those that files remember: DuckLake hides rows of later snapshots. */
export async function continueNumbers(
  connection: DuckDBConnection,
  files: readonly DataFile[],
): Promise<void> {
  const of = (table: string) => qualified(lakeMetadata, table);
  const greatest = Math.max(-1, ...files.map(({ facts }) => facts.maxSnapshot ?? -1));
  const { snapshotId } = await catalogVersion(connection, lakeMetadata);
  if (greatest >= snapshotId) {
    await connection.run(
      `INSERT INTO ${of('ducklake_snapshot')} (snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
       SELECT ${greatest + 1}, now(), schema_version, next_catalog_id, next_file_id
       FROM ${of('ducklake_snapshot')} WHERE snapshot_id = ${snapshotId}`,
    );
    await connection.run(
      `INSERT INTO ${of('ducklake_snapshot_changes')} (snapshot_id, changes_made) VALUES (${greatest + 1}, '')`,
    );
  }
  for (const name of new Set(files.map(({ table }) => table.name))) {
    const ids = files.filter(({ table }) => table.name === name).map(({ facts }) => facts.maxRowId ?? -1);
    const next = Math.max(...ids) + 1;
    const table = `SELECT max(table_id) FROM ${of('ducklake_table')} WHERE table_name = ${literal(name)} AND end_snapshot IS NULL`;
    await connection.run(
      `UPDATE ${of('ducklake_table_stats')} SET next_row_id = greatest(next_row_id, ${next}) WHERE table_id = (${table})`,
    );
    await connection.run(
      `INSERT INTO ${of('ducklake_table_stats')} (table_id, record_count, next_row_id, file_size_bytes)
       SELECT id, 0, ${next}, 0 FROM (${table}) t(id)
       WHERE id NOT IN (SELECT table_id FROM ${of('ducklake_table_stats')})`,
    );
  }
}
