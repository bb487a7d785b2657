import { listLiteral, literal } from '../../duckdb/index.js';
import type { ColumnBatch, TableName } from '../../schema/index.js';

/** Key of the note in a file's metadata, JSON: `{column: [key, ...]}`. */
export const keysKey = 'canardstack_keys';

/** By column, the keys of the attributes of all rows, perhaps more; '' when some value is an object. */
export type AttributeKeys = ReadonlyMap<string, readonly string[]>;

const none: AttributeKeys = new Map();
const longestNote = 64 * 1024;

/** Of the rows of a table in these batches; of each column, nothing unless all of them tell. */
export function keysOf(batches: readonly ColumnBatch[], table: TableName): AttributeKeys {
  const tables = batches.flatMap(({ tables }) => tables.filter((one) => one.table === table && one.rows > 0));
  const [first] = tables;
  if (first?.keys === undefined) return none;
  return new Map(
    [...first.keys.keys()].flatMap((column) => {
      const each = tables.map(({ keys }) => keys?.get(column));
      if (!each.every((keys) => keys !== undefined)) return [];
      return [[column, [...new Set(each.flat())]] as const];
    }),
  );
}

/** Of the rows of all of some files together; of each column, nothing unless all of them tell. */
export function joinedKeys(files: readonly AttributeKeys[]): AttributeKeys {
  const [first = none] = files;
  const columns = [...first.keys()].filter((column) => files.every((keys) => keys.has(column)));
  return new Map(
    columns.map((column) => [column, [...new Set(files.flatMap((keys) => keys.get(column) ?? []))]]),
  );
}

/** As a note of COPY's KV_METADATA. */
export function keysNote(keys: AttributeKeys): Record<string, string> {
  if (keys.size === 0) return {};
  const text = JSON.stringify(Object.fromEntries(keys));
  return text.length > longestNote ? {} : { [keysKey]: text };
}

/** What the note of a file says. */
export function keysIn(note: string): AttributeKeys {
  return new Map(Object.entries(JSON.parse(note) as Record<string, readonly string[]>));
}

/** What files tell of their keys, by path; those that tell nothing are missing. */
export async function readKeysNotes(
  run: (sql: string) => Promise<unknown[][]>,
  paths: readonly string[],
): Promise<Map<string, AttributeKeys>> {
  const found = await run(
    `SELECT file_name, decode(value) FROM parquet_kv_metadata(${listLiteral(paths)}) WHERE key = ${literal(keysKey)}::BLOB`,
  );
  return new Map((found as [string, string][]).map(([path, text]) => [path, keysIn(text)]));
}
