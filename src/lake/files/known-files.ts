import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, literal, qualified } from '../../duckdb/index.js';

export interface KnownFile {
  /** Relative to the data path; absolute when the file lies elsewhere. */
  readonly key: string;
  readonly kind: 'data' | 'delete' | 'scheduled';
  readonly table: string;
  /** -1 for `scheduled`. */
  readonly tableId: number;
  /** Bytes; null when the catalog does not say (files that wait for their deletion). */
  readonly size: number | null;
  /** Of the file in its own metadata table. */
  readonly id: number;
  /** True when the current snapshot has it. */
  readonly current: boolean;
  /** That it holds, or of a `delete` file that it takes away; 0 for `scheduled`. */
  readonly rows: number;
}

/** The metadata database of the lake that a connection has attached as `lake`. */
export const lakeMetadata = '__ducklake_metadata_lake';

/** A query that a catalog server runs as one statement, so that it sees one state of the catalog. */
export function atServer(sql: string): string {
  return `FROM quack_query_by_name(${literal(lakeMetadata)}, ${literal(sql)})`;
}

/** A query of the catalog's own tables alone, so that no data file is opened for it: `$` stands before their names. */
export function catalogSql(catalogKind: string, sql: string): string {
  const names = /\$(\w+)/g;
  return catalogKind === 'quack'
    ? atServer(sql.replaceAll(names, (_, name: string) => ident(name)))
    : sql.replaceAll(names, (_, name: string) => qualified(lakeMetadata, name));
}

interface Folder {
  readonly name: string;
  readonly path: string;
  readonly relative: boolean;
  readonly parent: number | null;
}

/**
 * Every file that some snapshot of the attached lake needs, and those that DuckLake will delete. One statement for
 * each metadata table: a catalog server can't read two in one. Files that wait for their deletion are read last, so
 * that one which becomes such meanwhile is not missed.
 */
export async function knownFiles(connection: DuckDBConnection, dataPath: string): Promise<KnownFile[]> {
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjects();
  const of = (table: string) => qualified(lakeMetadata, table);
  const filesOf = async (kind: 'data' | 'delete') => {
    const found = await rows(
      `SELECT ${kind}_file_id AS id, table_id, path, path_is_relative AS relative, file_size_bytes AS size,
              end_snapshot IS NULL AS current, ${kind === 'data' ? 'record_count' : 'delete_count'} AS rows
       FROM ${of(`ducklake_${kind}_file`)}`,
    );
    return found.map((row) => ({ ...row, kind }));
  };
  const files = [...(await filesOf('data')), ...(await filesOf('delete'))];
  const scheduled = await rows(
    `SELECT data_file_id AS id, path, path_is_relative AS relative FROM ${of('ducklake_files_scheduled_for_deletion')}`,
  );
  const folders = async (kind: 'table' | 'schema') => {
    const found = await rows(
      `SELECT ${kind}_id AS id, arg_max(${kind}_name, begin_snapshot) AS name, arg_max(path, begin_snapshot) AS path,
              arg_max(path_is_relative, begin_snapshot) AS relative, arg_max(schema_id, begin_snapshot) AS parent
       FROM ${of(`ducklake_${kind}`)} GROUP BY ${kind}_id`,
    );
    return new Map(
      found.map((row): [number, Folder] => [
        Number(row['id']),
        {
          name: String(row['name']),
          path: String(row['path'] ?? ''),
          relative: row['relative'] === true,
          parent: kind === 'schema' ? null : Number(row['parent']),
        },
      ]),
    );
  };
  const tables = await folders('table');
  const schemas = await folders('schema');
  const folderOf = (table: Folder | undefined) => {
    const schema = table?.relative ? schemas.get(table.parent ?? -1) : undefined;
    return (schema?.relative ? schema.path : '') + (table?.path ?? '');
  };
  const known = (row: Record<string, unknown>, kind: KnownFile['kind'], tableId: number): KnownFile => {
    const table = tables.get(tableId);
    const path = (row['relative'] === true ? folderOf(table) : '') + String(row['path']);
    return {
      key: path.startsWith(dataPath) ? path.slice(dataPath.length) : path,
      kind,
      table: table?.name ?? '',
      tableId,
      size: typeof row['size'] === 'bigint' ? Number(row['size']) : null,
      id: Number(row['id']),
      current: row['current'] === true,
      rows: Number(row['rows'] ?? 0),
    };
  };
  return [
    ...files.map((row) => known(row, row.kind, Number((row as Record<string, unknown>)['table_id']))),
    ...scheduled.map((row) => known(row, 'scheduled', -1)),
  ];
}
