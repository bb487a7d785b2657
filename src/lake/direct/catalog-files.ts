import { basename } from 'node:path';
import { listLiteral } from '../../duckdb/index.js';
import { tableDef, type TableName } from '../../schema/index.js';
import { lakeMetadata } from '../files/known-files.js';
import type { CatalogFile } from '../files/live-files.js';
import type { RunSql } from '../run-sql.js';

interface Times {
  readonly start: string;
  readonly end: string | null;
}

/** The columns of times by table. */
const times: ReadonlyMap<TableName, Times> = new Map<TableName, Times>([
  ['logs', { start: 'time_unix_nano', end: null }],
  ['spans', { start: 'start_time_unix_nano', end: 'end_time_unix_nano' }],
]);

interface NumberedFile extends CatalogFile {
  /** `data_file_id`. */
  readonly number: bigint;
}

interface Known {
  /** Files of a number up to this one have been asked for. */
  last: bigint;
  /** By the name of the file, without its folder. */
  readonly files: Map<string, NumberedFile>;
  /** Maps of column names, and whether each has all of the table's columns. */
  readonly maps: Map<bigint, boolean>;
  /** The numbers of the table's columns, by name. */
  ids: ReadonlyMap<string, bigint> | null;
}

/**
 * Which data files may be read without DuckLake because of what its catalog says, with no look into them: each new file is asked for
 * once. Nothing here tells whether rows of a file were deleted.
 */
export class CatalogFiles {
  readonly #tables = new Map<TableName, Known>();

  /** Whether files of a table are read by this alone, with no look into them. */
  knows(table: TableName): boolean {
    return times.has(table);
  }

  /** By path, those of `paths` that may. `id`: of the table in the catalog. */
  async of(
    table: TableName,
    id: string,
    paths: readonly string[],
    run: RunSql,
  ): Promise<ReadonlyMap<string, CatalogFile>> {
    const columns = times.get(table);
    if (columns === undefined) return new Map();
    let known = this.#tables.get(table);
    if (!known)
      this.#tables.set(table, (known = { last: -1n, files: new Map(), maps: new Map(), ids: null }));
    await load(known, table, id, columns, run);
    const found = new Map(
      paths.flatMap((path) => {
        const file = known.files.get(basename(path));
        return file ? [[path, file] as const] : [];
      }),
    );
    if (known.files.size > 2 * paths.length + 100) {
      const live = new Set(paths.map((path) => basename(path)));
      let newest = -1n;
      for (const { number } of found.values()) if (number > newest) newest = number;
      // Others beside this one may know of newer files, which are not asked for again.
      for (const [name, { number }] of known.files)
        if (number < newest && !live.has(name)) known.files.delete(name);
    }
    return found;
  }
}

/** One statement for each metadata table: a catalog server can't read two in one. */
async function load(
  known: Known,
  table: TableName,
  id: string,
  { start, end }: Times,
  run: RunSql,
): Promise<void> {
  const newer = `table_id = ${id} AND data_file_id > ${known.last}`;
  // Others need what DuckLake does with them: keys, snapshots and numbers of single rows, columns by number.
  const rows = await run(
    `SELECT data_file_id, path, row_id_start, mapping_id, record_count FROM ${lakeMetadata}.ducklake_data_file
     WHERE ${newer} AND end_snapshot IS NULL AND file_format = 'parquet' AND encryption_key IS NULL
       AND partial_max IS NULL AND mapping_id IS NOT NULL AND row_id_start IS NOT NULL AND record_count IS NOT NULL`,
  );
  if (rows.length === 0) return;
  const files = rows as [bigint, string, bigint, bigint, bigint][];
  const maps = [...new Set(files.map(([, , , map]) => map))];
  // Files of other columns come with a map of their own.
  if (known.ids === null || maps.some((map) => !known.maps.has(map))) known.ids = await columnIds(id, run);
  const { ids } = known;
  await loadMaps(known, table, ids, maps, run);
  const [startId, endId] = [ids.get(start), ids.get(end ?? start)];
  if (startId === undefined || endId === undefined) return;
  const stats = await run(
    `SELECT data_file_id, column_id, min_value, max_value FROM ${lakeMetadata}.ducklake_file_column_stats
     WHERE ${newer} AND column_id IN (${startId}, ${endId}) AND null_count = 0 AND min_value IS NOT NULL AND max_value IS NOT NULL`,
  );
  const [starts, ends] = [new Map<bigint, [bigint, bigint]>(), new Map<bigint, [bigint, bigint]>()];
  for (const [file, column, min, max] of stats as [bigint, bigint, string, string][]) {
    (column === startId ? starts : ends).set(file, [BigInt(min), BigInt(max)]);
  }
  for (const [file, path, firstRow, map, count] of files) {
    if (file > known.last) known.last = file;
    const range = starts.get(file);
    if (range === undefined || known.maps.get(map) !== true) continue;
    const [first, last] = range;
    known.files.set(basename(path), {
      ...{ number: file, firstRow, rows: count, first, last },
      latestEnd: ends.get(file)?.[1] ?? null,
    });
  }
}

/** Of the table's columns now, by name. */
async function columnIds(id: string, run: RunSql): Promise<Map<string, bigint>> {
  const rows = await run(
    `SELECT column_name, column_id FROM ${lakeMetadata}.ducklake_column
     WHERE table_id = ${id} AND end_snapshot IS NULL AND parent_column IS NULL`,
  );
  return new Map(rows as [string, bigint][]);
}

async function loadMaps(
  known: Known,
  table: TableName,
  ids: ReadonlyMap<string, bigint>,
  wanted: readonly bigint[],
  run: RunSql,
): Promise<void> {
  const unknown = wanted.filter((map) => !known.maps.has(map));
  if (unknown.length === 0) return;
  const rows = await run(
    `SELECT mapping_id, source_name, target_field_id FROM ${lakeMetadata}.ducklake_name_mapping
     WHERE list_contains(${listLiteral(unknown)}, mapping_id) AND parent_column IS NULL`,
  );
  const mapped = new Map<bigint, Map<string, bigint>>(unknown.map((map) => [map, new Map()]));
  for (const [map, name, target] of rows as [bigint, string, bigint][]) mapped.get(map)?.set(name, target);
  for (const [map, names] of mapped) {
    const has = (name: string) => names.has(name) && names.get(name) === ids.get(name);
    known.maps.set(
      map,
      tableDef(table).columns.every(({ name }) => has(name)),
    );
  }
}
