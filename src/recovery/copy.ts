import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, LakeError, literal, qualified } from '../duckdb/index.js';

/** Where DuckLake's metadata tables are: an attached database of this connection. */
export interface MetadataDb {
  readonly database: string;
  /** PostgreSQL has no type for some of DuckDB's; DuckLake then keeps inlined values as text or bytes. */
  readonly storesAs: 'duckdb' | 'postgres';
}

export interface CopyProgress {
  (done: number, total: number, table: string): void;
}

/** Rows of one metadata table, the same on both sides. */
export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
}

const inlinedTable = /^ducklake_inlined_(data|delete)_\d/;

/**
 * Copies all of a catalog into one that was just made, inside the caller's transaction: what it reads is one
 * snapshot. Counts are compared table by table. Throws LakeError('schema') when something can't be copied as it is.
 */
export async function copyCatalog(
  connection: DuckDBConnection,
  from: MetadataDb,
  to: MetadataDb,
  onProgress: CopyProgress = () => undefined,
): Promise<CopiedTable[]> {
  const base = await metadataTables(connection, to.database);
  const inlined = await inlinedTables(connection, from.database);
  const total = base.length + inlined.length;
  const copied: CopiedTable[] = [];
  for (const table of base) {
    onProgress(copied.length, total, table);
    const target = qualified(to.database, table);
    await connection.run(`DELETE FROM ${target}`);
    await connection.run(`INSERT INTO ${target} BY NAME FROM ${qualified(from.database, table)}`);
    copied.push(await compared(connection, from, to, table));
  }
  for (const { table, tableId } of inlined) {
    onProgress(copied.length, total, table);
    await copyInlined(connection, from, to, table, tableId);
    copied.push(await compared(connection, from, to, table));
  }
  onProgress(total, total, '');
  return copied;
}

async function metadataTables(connection: DuckDBConnection, database: string): Promise<string[]> {
  const reader = await connection.runAndReadAll(
    `SELECT table_name FROM duckdb_tables()
     WHERE database_name = ${literal(database)} AND starts_with(table_name, 'ducklake_') ORDER BY table_name`,
  );
  const names = reader.getRows().map(([name]) => String(name));
  return names.filter((name) => !inlinedTable.test(name));
}

/** DuckLake makes these as rows come: values of each version of a table, and deletions from its files. */
async function inlinedTables(
  connection: DuckDBConnection,
  database: string,
): Promise<{ table: string; tableId: number }[]> {
  const data = await connection.runAndReadAll(
    `SELECT DISTINCT table_name, table_id FROM ${qualified(database, 'ducklake_inlined_data_tables')} ORDER BY ALL`,
  );
  const tables = await connection.runAndReadAll(
    `SELECT DISTINCT table_id FROM ${qualified(database, 'ducklake_table')} ORDER BY ALL`,
  );
  const candidates = [
    ...data.getRows().map(([table, id]) => ({ table: String(table), tableId: Number(id) })),
    ...tables
      .getRows()
      .map(([id]) => ({ table: `ducklake_inlined_delete_${Number(id)}`, tableId: Number(id) })),
  ];
  const found = [];
  for (const each of candidates) if (await exists(connection, database, each.table)) found.push(each);
  return found;
}

export async function exists(
  connection: DuckDBConnection,
  database: string,
  table: string,
): Promise<boolean> {
  try {
    await connection.run(`SELECT 1 FROM ${qualified(database, table)} LIMIT 0`);
    return true;
  } catch (error) {
    if (/^Catalog Error/.test(String((error as Error).message))) return false;
    throw error;
  }
}

async function copyInlined(
  connection: DuckDBConnection,
  from: MetadataDb,
  to: MetadataDb,
  table: string,
  tableId: number,
): Promise<void> {
  const source = qualified(from.database, table);
  const target = qualified(to.database, table);
  const described = await connection.runAndReadAll(`DESCRIBE ${source}`);
  const columns = described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
  const types =
    from.storesAs === 'postgres' ? await lakeTypes(connection, from.database, tableId) : new Map();
  const definitions: string[] = [];
  const values: string[] = [];
  for (const { name, type } of columns) {
    const own = String(types.get(name) ?? type);
    const wanted = to.storesAs === 'postgres' ? postgresType(own) : own;
    definitions.push(`${ident(name)} ${wanted}`);
    values.push(`${converted(ident(name), type, wanted)} AS ${ident(name)}`);
  }
  if (await exists(connection, to.database, table)) await connection.run(`DROP TABLE ${target}`);
  await connection.run(`CREATE TABLE ${target} (${definitions.join(', ')})`);
  await connection.run(`INSERT INTO ${target} SELECT ${values.join(', ')} FROM ${source}`);
}

function converted(column: string, from: string, to: string): string {
  if (from === to) return column;
  if (from === 'BLOB' && to === 'VARCHAR') return `decode(${column})`;
  if (from === 'VARCHAR' && to === 'BLOB') return `encode(${column})`;
  return `CAST(${column} AS ${to})`;
}

const sameInPostgres = new Set([
  'BOOLEAN',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'FLOAT',
  'DOUBLE',
  'UUID',
  'BLOB',
]);

/** How DuckLake 1.0 declares the column of an inlined table in PostgreSQL, in DuckDB's words. */
function postgresType(type: string): string {
  if (sameInPostgres.has(type)) return type;
  return type === 'VARCHAR' ? 'BLOB' : 'VARCHAR';
}

const typeNames: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int8: 'TINYINT',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  uint64: 'UBIGINT',
  int128: 'HUGEINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  varchar: 'VARCHAR',
  blob: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  uuid: 'UUID',
};

/** DuckDB's types of a table's columns, by the catalog's own record of them. */
async function lakeTypes(
  connection: DuckDBConnection,
  database: string,
  tableId: number,
): Promise<Map<string, string>> {
  const reader = await connection.runAndReadAll(
    `SELECT column_id, column_name, column_type, parent_column FROM ${qualified(database, 'ducklake_column')}
     WHERE table_id = ${tableId} ORDER BY begin_snapshot`,
  );
  const rows = reader.getRows().map(([id, name, type, parent]) => ({
    id: Number(id),
    name: String(name),
    type: String(type),
    parent: parent === null ? null : Number(parent),
  }));
  const typeOf = (row: (typeof rows)[number]): string => {
    const [child] = rows.filter(({ parent }) => parent === row.id);
    const name = row.type === 'list' && child ? `${typeOf(child)}[]` : typeNames[row.type];
    if (name === undefined) {
      throw new LakeError('schema', `column ${row.name} has type ${row.type}, which can't be copied`);
    }
    return name;
  };
  return new Map(rows.filter(({ parent }) => parent === null).map((row) => [row.name, typeOf(row)]));
}

async function compared(
  connection: DuckDBConnection,
  from: MetadataDb,
  to: MetadataDb,
  table: string,
): Promise<CopiedTable> {
  const count = async (database: string) => {
    const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${qualified(database, table)}`);
    return Number(reader.getRows()[0]?.[0]);
  };
  const [there, here] = [await count(from.database), await count(to.database)];
  if (there !== here) {
    throw new LakeError('unavailable', `${table} has ${there} rows, but ${here} arrived in the copy`);
  }
  return { table, rows: here };
}
