import type { DuckDBConnection } from '@duckdb/node-api';
import { qualified } from '../duckdb/index.js';

export interface KnownFile {
  /** Relative to the data path; absolute when the file lies elsewhere. */
  readonly key: string;
  readonly kind: 'data' | 'delete' | 'scheduled';
  readonly table: string;
  /** Bytes; null when the catalog does not say (files that wait for their deletion). */
  readonly size: number | null;
  /** Of the file in its own metadata table. */
  readonly id: number;
  /** True when the current snapshot has it. */
  readonly current: boolean;
}

/** Every file that some snapshot of the catalog in `database` needs, and those that DuckLake will delete. */
export async function knownFiles(
  connection: DuckDBConnection,
  database: string,
  dataPath: string,
): Promise<KnownFile[]> {
  const of = (table: string) => qualified(database, table);
  const part = (kind: string, id: string) => `
    SELECT '${kind}' AS kind, f.${id} AS id, f.path, f.path_is_relative AS relative, f.file_size_bytes AS size,
           f.end_snapshot IS NULL AS current, t.table_name AS "table",
           t.path AS table_path, t.path_is_relative AS table_relative,
           s.path AS schema_path, s.path_is_relative AS schema_relative
    FROM ${of(`ducklake_${kind}_file`)} f
    LEFT JOIN (SELECT table_id, arg_max(table_name, begin_snapshot) AS table_name, arg_max(path, begin_snapshot) AS path,
                      arg_max(path_is_relative, begin_snapshot) AS path_is_relative,
                      arg_max(schema_id, begin_snapshot) AS schema_id
               FROM ${of('ducklake_table')} GROUP BY table_id) t USING (table_id)
    LEFT JOIN (SELECT schema_id, arg_max(path, begin_snapshot) AS path,
                      arg_max(path_is_relative, begin_snapshot) AS path_is_relative
               FROM ${of('ducklake_schema')} GROUP BY schema_id) s USING (schema_id)`;
  const reader = await connection.runAndReadAll(
    `${part('data', 'data_file_id')} UNION ALL ${part('delete', 'delete_file_id')}
     UNION ALL
     SELECT 'scheduled', data_file_id, path, path_is_relative, NULL, false, '', '', true, '', true
     FROM ${of('ducklake_files_scheduled_for_deletion')}`,
  );
  return reader.getRowObjects().map((row) => {
    const relative = row['relative'] === true;
    const inTable = row['table_relative'] === true;
    const schema = row['schema_relative'] === true ? String(row['schema_path'] ?? '') : '';
    const folder = (inTable ? schema : '') + String(row['table_path'] ?? '');
    const path = (relative ? folder : '') + String(row['path']);
    return {
      key: path.startsWith(dataPath) ? path.slice(dataPath.length) : path,
      kind: row['kind'] as KnownFile['kind'],
      table: String(row['table'] ?? ''),
      size: row['size'] === null ? null : Number(row['size']),
      id: Number(row['id']),
      current: row['current'] === true,
    };
  });
}
