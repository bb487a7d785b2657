import { ident, literal, qualified } from '../../duckdb/index.js';
import { atServer, catalogSql, lakeMetadata } from '../files/known-files.js';
import type { LakeFiles } from './inventory.js';

/** Reads the catalog. */
interface Reads {
  readonly rows: (sql: string) => Promise<unknown[][]>;
}

/** The tables of the lake, or those of the given numbers, that ever had a row. For each column of another one DuckLake would ask the catalog for statistics that are not there. */
export async function usedTables(
  task: Reads,
  { catalogKind }: Pick<LakeFiles, 'catalogKind'>,
  numbers: readonly string[] | null = null,
): Promise<ReadonlySet<string>> {
  if (numbers?.length === 0) return new Set();
  const among = numbers === null ? '' : ` AND table_id IN (${numbers.map(Number).join(', ')})`;
  const sql = `SELECT table_name FROM $ducklake_table WHERE table_id IN (SELECT table_id FROM $ducklake_table_stats)${among}`;
  const rows = await task.rows(catalogSql(catalogKind, sql));
  return new Set(rows.map(([name]) => String(name)));
}

/**
 * Deletes what DuckLake 1.0 leaves in the catalog though no snapshot shows it any more: inlined rows that were deleted,
 * unless it flushes their table itself, and, on a catalog server, inlined deletions from files that are gone. Each is one
 * statement.
 */
export async function removeDead(
  task: Reads & { readonly run: (sql: string) => Promise<unknown> },
  { catalogKind }: Pick<LakeFiles, 'catalogKind'>,
): Promise<void> {
  const [oldest] = await task.rows(
    `SELECT min(snapshot_id) FROM ${qualified(lakeMetadata, 'ducklake_snapshot')}`,
  );
  const places = await task.rows(
    `SELECT DISTINCT table_name FROM ${qualified(lakeMetadata, 'ducklake_inlined_data_tables')}`,
  );
  const ended = (table: string) => `DELETE FROM ${table} WHERE end_snapshot <= ${Number(oldest?.[0])}`;
  if (catalogKind !== 'quack') {
    for (const [place] of places) await task.run(ended(qualified(lakeMetadata, String(place))));
    return;
  }
  const deletions = await task.rows(
    atServer(
      `SELECT table_name FROM duckdb_tables() WHERE regexp_matches(table_name, '^ducklake_inlined_delete_[0-9]+$')`,
    ),
  );
  const statements = [
    ...places.map(([place]) => ended(ident(String(place)))),
    ...deletions.map(
      ([place]) =>
        `DELETE FROM ${ident(String(place))} WHERE file_id NOT IN (SELECT data_file_id FROM ducklake_data_file)`,
    ),
  ];
  // The server runs those of one request one by one.
  await task.run(`CALL quack_query_by_name(${literal(lakeMetadata)}, ${literal(statements.join('; '))})`);
}
