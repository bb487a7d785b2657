import { ident, literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { lakeMetadata } from '../files/known-files.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RunSql } from '../run-sql.js';

type ListedFiles = Pick<LiveFiles, 'sizes' | 'touched' | 'inlined'> & {
  /** The catalog's tables that hold inlined rows. */
  readonly inlinedTables: readonly string[];
};

/**
 * The files of a table at the transaction's `snapshot`. Rows in the catalog are counted where they are: a look for them through the table
 * decides for each of its files by name, which takes longer than all else.
 */
export async function liveFiles(
  table: TableName,
  id: string | undefined,
  snapshot: bigint,
  run: RunSql,
): Promise<ListedFiles> {
  if (id === undefined) throw new Error(`the table ${table} has no number`);
  const found = await run(
    `SELECT data_file, delete_file IS NOT NULL, data_file_size_bytes FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     UNION ALL SELECT table_name, NULL, NULL FROM ${lakeMetadata}.ducklake_inlined_data_tables WHERE table_id = ${id}`,
  );
  const sizes = new Map<string, number>();
  const touched = new Set<string>();
  const tables: string[] = [];
  for (const [path, deleted, bytes] of found as [string, boolean | null, bigint | null][]) {
    if (deleted === null) tables.push(path);
    else sizes.set(path, Number(bytes));
    if (deleted === true) touched.add(path);
  }
  return { sizes, touched, ...(await inlinedRows(tables, snapshot, run)) };
}

/** One statement for each table: a catalog server can't read two in one. */
async function inlinedRows(
  tables: readonly string[],
  snapshot: bigint,
  run: RunSql,
): Promise<Pick<ListedFiles, 'inlined' | 'inlinedTables'>> {
  let inlined = 0;
  const inlinedTables: string[] = [];
  for (const table of tables) {
    const [[count] = []] = await run(
      `SELECT count(*) FROM ${lakeMetadata}.${ident(table)}
       WHERE begin_snapshot <= ${snapshot} AND (end_snapshot IS NULL OR end_snapshot > ${snapshot})`,
    );
    if (Number(count) === 0) continue;
    inlined += Number(count);
    inlinedTables.push(table);
  }
  return { inlined, inlinedTables };
}
