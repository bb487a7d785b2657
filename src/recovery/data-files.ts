import type { DuckDBConnection } from '@duckdb/node-api';
import { asideSuffix } from '../lake/files/check.js';
import { tables, type TableDef } from '../schema/index.js';
import type { Storage, StoredObject } from '../storage/index.js';
import { parquetFacts, type ParquetFacts } from './parquet-facts.js';

/** An object below the data path, judged by its name. */
export interface FoundObject extends StoredObject {
  /**
   * `rows`: a table's Parquet; `deletes`: DuckLake's list of deleted rows; `derived`: Parquet of canardstack's own
   * tables, which follow from the others or from the catalog; `temporary`: half of a write; `aside`: a damaged file that
   * was set aside; `foreign`: not ours.
   */
  readonly kind: 'rows' | 'deletes' | 'derived' | 'temporary' | 'aside' | 'foreign';
  readonly table: TableDef | null;
}

/** A Parquet file of a table with what its footer tells. */
export interface DataFile extends FoundObject {
  readonly table: TableDef;
  /** As DuckDB opens it. */
  readonly path: string;
  readonly facts: ParquetFacts;
}

const byName = new Map<string, TableDef>(tables.map((table) => [table.name, table]));
export const progressFolder = 'main/canardstack_progress/';

function judge(object: StoredObject): FoundObject {
  const [schema, name = '', ...rest] = object.key.split('/');
  const file = rest.at(-1) ?? '';
  const table = schema === 'main' ? (byName.get(name) ?? null) : null;
  const own = schema === 'main' && (/^canardstack_/.test(name) || name === 'metadata_summary');
  const kind = () => {
    if (/\.tmp-[0-9a-f-]{36}$/.test(file)) return 'temporary';
    if (rest.length > 0 && file.endsWith(`.parquet${asideSuffix}`)) return 'aside';
    if (rest.length === 0 || !file.endsWith('.parquet')) return 'foreign';
    if (file.endsWith('-delete.parquet') && (own || table)) return 'deletes';
    if (own) return 'derived';
    return table ? 'rows' : 'foreign';
  };
  return { ...object, kind: kind(), table };
}

export async function listObjects(
  storage: Storage,
  onProgress: (objects: number) => void = () => undefined,
): Promise<FoundObject[]> {
  const found: FoundObject[] = [];
  for await (const object of storage.list()) {
    found.push(judge(object));
    if (found.length % 500 === 0) onProgress(found.length);
  }
  onProgress(found.length);
  return found;
}

/** Reads the footers of the tables' Parquet files among `objects`; `damaged`: those that are no whole Parquet file. */
export async function readDataFiles(
  connection: DuckDBConnection,
  dataPath: string,
  objects: readonly FoundObject[],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<{ files: DataFile[]; damaged: FoundObject[] }> {
  const rows = objects.filter(({ kind }) => kind === 'rows');
  const facts = await parquetFacts(
    connection,
    rows.map(({ key }) => dataPath + key),
    (done) => onProgress(done, rows.length),
  );
  const files: DataFile[] = [];
  const damaged: FoundObject[] = [];
  for (const object of rows) {
    const path = dataPath + object.key;
    const of = facts.get(path) ?? null;
    if (of === null || object.table === null) damaged.push(object);
    else files.push({ ...object, table: object.table, path, facts: of });
  }
  return { files, damaged };
}
