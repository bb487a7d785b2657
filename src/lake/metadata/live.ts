import { ident, literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { atServer, lakeMetadata } from '../files/known-files.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RunSql } from '../run-sql.js';
import type { CatalogPlace } from './changes.js';

export type ListedFiles = Pick<LiveFiles, 'sizes' | 'rows' | 'touched' | 'inlined' | 'inlinedTables'>;

type DataFiles = Pick<LiveFiles, 'sizes' | 'rows' | 'touched'>;

/** Path, whether rows of it are deleted, bytes, how many rows; and tables of inlined rows, which have only the first. */
type Row = readonly [path: string, deleted: boolean | null, bytes: bigint | null, rows: bigint | null];

/**
 * Lists the files of tables. DuckLake's own list takes four times as long as the catalog's tables, so it is asked once for each table of a
 * catalog of this process: that tells in which folder the files are that the catalog names by what follows it.
 */
export class FileLists {
  /** Null: the catalog's table names other files. */
  readonly #folders = new Map<TableName, string | null>();

  constructor(private readonly place: CatalogPlace) {}

  /**
   * The files of a table at the transaction's `snapshot`, those of the last commits last. Rows in the catalog are counted where they are: a
   * look for them through the table decides for each of its files by name, which takes longer than all else.
   */
  async of(table: TableName, id: string | undefined, snapshot: bigint, run: RunSql): Promise<ListedFiles> {
    if (id === undefined) throw new Error(`the table ${table} has no number`);
    return filesOf(await this.#rows(table, id, snapshot, run), snapshot, run);
  }

  /** The same without DuckLake; null where it is not known in which folder they are. */
  async inCatalog(
    table: TableName,
    id: string | undefined,
    snapshot: bigint,
    run: RunSql,
  ): Promise<ListedFiles | null> {
    const folder = this.#folders.get(table);
    if (id === undefined || folder === null) return null;
    const named = (await run(filesSql(id, snapshot))) as unknown as NamedRow[];
    if (folder === undefined && named.some(([, deleted]) => deleted !== null)) return null;
    return filesOf(inFolder(folder ?? '', named), snapshot, run);
  }

  /** Data files as the catalog has them; null where it is not known in which folder they are. */
  within(table: TableName, named: readonly NamedRow[]): DataFiles | null {
    const folder = this.#folders.get(table) ?? null;
    return folder === null && named.length > 0 ? null : dataFiles(inFolder(folder ?? '', named));
  }

  async #rows(table: TableName, id: string, snapshot: bigint, run: RunSql): Promise<readonly Row[]> {
    const sql = this.place === 'quack' ? atServer(filesSql(id, snapshot, '')) : filesSql(id, snapshot);
    const named = async () => (await run(sql)) as unknown as NamedRow[];
    const folder = this.#folders.get(table);
    // Elsewhere DuckLake may see a newer snapshot than is to be seen in the catalog's tables.
    if (typeof folder === 'string' && this.place === 'here') return inFolder(folder, await named());
    const listed = (await run(
      `SELECT data_file, delete_file IS NOT NULL, data_file_size_bytes, NULL FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
       UNION ALL ${inlinedTables(id)}`,
    )) as unknown as Row[];
    const first = listed.find(([, deleted]) => deleted !== null)?.[0];
    if (folder === undefined && first !== undefined) {
      const rows = await named();
      const folder = folderOf(first, listed, rows);
      if (folder !== null || this.place === 'here') this.#folders.set(table, folder);
      if (folder !== null) return inFolder(folder, rows);
    }
    return listed;
  }
}

async function filesOf(rows: readonly Row[], snapshot: bigint, run: RunSql): Promise<ListedFiles> {
  const tables = rows.filter(([, deleted]) => deleted === null).map(([path]) => path);
  const files = dataFiles(rows.filter(([, deleted]) => deleted !== null));
  return { ...files, ...(await inlinedRows(tables, snapshot, run)) };
}

function dataFiles(rows: readonly Row[]): DataFiles {
  const sizes = new Map<string, number>();
  const rowsOf = new Map<string, number>();
  const touched = new Set<string>();
  for (const [path, deleted, bytes, count] of rows) {
    sizes.set(path, Number(bytes));
    if (count !== null) rowsOf.set(path, Number(count));
    if (deleted === true) touched.add(path);
  }
  return { sizes, rows: rowsOf, touched };
}

/** As the catalog has them: with whether the path is within the table's folder, which is not known of tables of inlined rows. */
export type NamedRow = readonly [...Row, relative: boolean | null];

function inFolder(folder: string, rows: readonly NamedRow[]): Row[] {
  return rows.map(([path, deleted, bytes, count, relative]) => [
    ...([relative ? folder + path : path, deleted, bytes, count] as const),
  ]);
}

/** Of one of the files; null unless all are found there. */
function folderOf(first: string, listed: readonly Row[], named: readonly NamedRow[]): string | null {
  const [path] = named.find(([path, , , , relative]) => relative === true && first.endsWith(path)) ?? [];
  if (path === undefined) return null;
  const folder = first.slice(0, -path.length);
  const texts = (all: readonly Row[]) =>
    all
      .map(([path, deleted, bytes]) => `${path} ${deleted} ${bytes}`)
      .sort()
      .join('\n');
  return texts(inFolder(folder, named)) === texts(listed) ? folder : null;
}

const attached = `${lakeMetadata}.`;

function inlinedTables(id: string, prefix = attached): string {
  return `SELECT table_name, NULL, NULL, NULL FROM ${prefix}ducklake_inlined_data_tables WHERE table_id = ${id}`;
}

function filesSql(id: string, snapshot: bigint, prefix = attached): string {
  const current = `table_id = ${id} AND begin_snapshot <= ${snapshot} AND (end_snapshot IS NULL OR end_snapshot > ${snapshot})`;
  const deleted = `SELECT data_file_id FROM ${prefix}ducklake_delete_file WHERE ${current}`;
  return (
    `(SELECT path, coalesce(data_file_id IN (${deleted}), FALSE), file_size_bytes, record_count, path_is_relative FROM ${prefix}ducklake_data_file ` +
    `WHERE ${current} ORDER BY data_file_id) UNION ALL SELECT *, NULL FROM (${inlinedTables(id, prefix)})`
  );
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
