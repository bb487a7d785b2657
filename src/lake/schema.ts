import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, inTransaction, LakeError, literal, messageOf, timestampLiteral } from '../duckdb/index.js';
import { tables, type TableDef } from '../schema/index.js';
import { dashboardTable } from './dashboards.js';
import { checksumTable } from './files/checksums.js';
import { isConflict } from './retry.js';
import { views } from './views.js';

/** Version of the lake's tables that this program writes. */
export const schemaVersion = 1;
/** Oldest version that this program still reads and can bring up to date. */
const oldestReadable = 1;
/** Programs that know less than this version must not touch a lake written by this one. */
const oldestReader = 1;

const schemaAttempts = 20;

export interface SchemaOptions {
  readonly snapshotRetentionSecs: number;
}

/** Size that compaction aims for; bounds the memory and time of one merge. */
const targetFileBytes = 64 * 1024 * 1024;

/** DuckLake's own options, kept in the catalog, so that any client which runs CHECKPOINT respects them. */
function lakeOptions(options: SchemaOptions): Readonly<Record<string, string>> {
  return {
    parquet_compression: 'zstd',
    // Level 1 gives files within 1 % of level 3's size for a sixth less CPU; version 2's encodings take off
    // another fifth.
    parquet_compression_level: '1',
    parquet_version: '2',
    // Sorting belongs to compaction: at insert it adds half to a commit's cost, for one second's rows.
    sort_on_insert: 'false',
    target_file_size: `${targetFileBytes / 1024 ** 2}MiB`,
    expire_older_than: `${options.snapshotRetentionSecs} seconds`,
    // For a plain CHECKPOINT from a shell, which also deletes files that the catalog does not know, by that machine's
    // clock: after a restored catalog those are data. So it finds none old enough.
    delete_older_than: '36500 days',
  };
}

const internalTables: readonly { name: string; columns: string }[] = [
  { name: 'canardstack_meta', columns: 'key VARCHAR, value VARCHAR' },
  {
    name: 'canardstack_progress',
    columns: 'stream VARCHAR, position BIGINT, node_id VARCHAR, updated_at TIMESTAMP, writer VARCHAR',
  },
  // Checksums of files whose name carries none (docs/decisions/0015-bit-rot.md).
  { name: checksumTable, columns: 'key VARCHAR, bytes BIGINT, crc32c VARCHAR, noted_at TIMESTAMP' },
  {
    name: dashboardTable,
    columns: 'id VARCHAR, revision BIGINT, title VARCHAR, body VARCHAR, updated_at TIMESTAMP',
  },
  {
    name: 'metadata_summary',
    columns:
      'signal VARCHAR, day DATE, kind VARCHAR, name VARCHAR, value VARCHAR, metric_type VARCHAR, ' +
      'metric_unit VARCHAR, metric_description VARCHAR, service_name VARCHAR, deployment_environment VARCHAR, ' +
      'severity_text VARCHAR, row_count BIGINT, first_seen TIMESTAMP, last_seen TIMESTAMP',
  },
];

/**
 * Brings the lake to this program's schema: creates what is missing, adds new columns, replaces changed views,
 * sets DuckLake's options. Idempotent; a start that finds nothing to do makes no snapshot. Throws
 * LakeError('schema') when the lake is too old or too new for this program.
 */
export async function ensureSchema(connection: DuckDBConnection, options: SchemaOptions): Promise<void> {
  const existing = await columnsByTable(connection);
  if (existing.has('canardstack_meta')) await checkVersion(connection);
  await inTransaction(connection, async () => {
    for (const table of internalTables) {
      if (!existing.has(table.name)) {
        await connection.run(`CREATE TABLE lake.main.${ident(table.name)} (${table.columns})`);
      }
    }
    const progress = existing.get('canardstack_progress');
    if (progress && !progress.has('writer')) {
      await connection.run('ALTER TABLE lake.main.canardstack_progress ADD COLUMN writer VARCHAR');
    }
    for (const table of tables) await ensureTable(connection, table, existing.get(table.name));
    if (!existing.has('canardstack_meta')) {
      await setMeta(connection, 'created_at', new Date().toISOString());
      await setMeta(connection, 'schema_oldest_reader', String(oldestReader));
      await setMeta(connection, 'schema_version', String(schemaVersion));
    }
  });
  await ensureViews(connection);
  await setOptions(connection, options);
}

/** The same with other nodes that do so at this moment: whoever comes second finds it done. */
export async function ensureTogether(connection: DuckDBConnection, options: SchemaOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ensureSchema(connection, options);
    } catch (error) {
      if (attempt === schemaAttempts || !(isConflict(error) || /already exists/i.test(messageOf(error))))
        throw error;
      await sleep(50 * attempt * (0.5 + Math.random()));
    }
  }
}

/** False for a catalog that is empty, or was left so by a start that was killed. */
export async function hasTables(connection: DuckDBConnection): Promise<boolean> {
  return (await columnsByTable(connection)).size > 0;
}

/** The same check for a lake opened read-only. */
export async function checkSchema(connection: DuckDBConnection): Promise<void> {
  const existing = await columnsByTable(connection);
  if (!existing.has('canardstack_meta')) {
    throw new LakeError(
      'schema',
      'this catalog holds no canardstack lake (there is no table canardstack_meta)',
    );
  }
  await checkVersion(connection);
}

/**
 * The same check for a node of a catalog server, which alone makes and changes tables: DuckLake does that statement by
 * statement over Quack, and a crash between two of them would leave half.
 */
export async function checkCurrentSchema(connection: DuckDBConnection): Promise<void> {
  await checkSchema(connection);
  const existing = await columnsByTable(connection);
  const missing = tables.flatMap((table) => {
    const columns = existing.get(table.name);
    if (!columns) return [table.name];
    return table.columns
      .filter((column) => !columns.has(column.name))
      .map((column) => `${table.name}.${column.name}`);
  });
  for (const name of [checksumTable, dashboardTable]) if (!existing.has(name)) missing.push(name);
  if (missing.length === 0) return;
  throw new LakeError(
    'schema',
    `the lake has no ${missing.slice(0, 5).join(', ')}, which this release writes: start serve-catalog of this ` +
      'release first, then its nodes',
  );
}

async function columnsByTable(connection: DuckDBConnection): Promise<Map<string, Map<string, string>>> {
  const reader = await connection.runAndReadAll(
    `SELECT table_name, column_name, data_type FROM duckdb_columns()
     WHERE database_name = 'lake' AND schema_name = 'main'`,
  );
  const found = new Map<string, Map<string, string>>();
  for (const [table, column, type] of reader.getRows() as [string, string, string][]) {
    const columns = found.get(table) ?? new Map<string, string>();
    columns.set(column, type);
    found.set(table, columns);
  }
  return found;
}

/** `columns`: the table's, when their order matters: DuckLake numbers them in it, and Parquet files hold the numbers. */
export async function createTable(
  connection: DuckDBConnection,
  table: TableDef,
  columns: TableDef['columns'] = table.columns,
): Promise<void> {
  const name = `lake.main.${ident(table.name)}`;
  const definitions = columns.map((column) => `${ident(column.name)} ${column.type}`);
  await connection.run(`CREATE TABLE ${name} (${definitions.join(', ')})`);
  await connection.run(
    `ALTER TABLE ${name} SET PARTITIONED BY (year(timestamp), month(timestamp), day(timestamp))`,
  );
  await connection.run(`ALTER TABLE ${name} SET SORTED BY (${table.sortedBy.map(ident).join(', ')})`);
}

async function ensureTable(
  connection: DuckDBConnection,
  table: TableDef,
  existing: ReadonlyMap<string, string> | undefined,
): Promise<void> {
  const name = `lake.main.${ident(table.name)}`;
  if (!existing) {
    await createTable(connection, table);
    return;
  }
  for (const column of table.columns) {
    const type = existing.get(column.name);
    if (type === undefined) {
      await connection.run(`ALTER TABLE ${name} ADD COLUMN ${ident(column.name)} ${column.type}`);
    } else if (type !== column.type) {
      throw new LakeError(
        'schema',
        `column ${table.name}.${column.name} is ${type} in the lake, this program writes ${column.type}: ` +
          `rename or drop that column, or use the program that made it`,
      );
    }
  }
}

async function ensureViews(connection: DuckDBConnection): Promise<void> {
  const hash = createHash('sha256').update(JSON.stringify(views)).digest('hex');
  if ((await readMeta(connection)).get('views') === hash) return;
  await inTransaction(connection, async () => {
    for (const view of views) {
      await connection.run(`CREATE OR REPLACE VIEW lake.main.${ident(view.name)} AS ${view.sql}`);
    }
    await setMeta(connection, 'views', hash);
  });
}

/**
 * Sets all of them, also those that the catalog has already: DuckLake reads options when it attaches, and another node
 * that makes the lake may have set them since.
 */
async function setOptions(connection: DuckDBConnection, options: SchemaOptions): Promise<void> {
  await inTransaction(connection, async () => {
    for (const [name, value] of Object.entries(lakeOptions(options))) {
      await connection.run(`CALL ducklake_set_option('lake', ${literal(name)}, ${literal(value)})`);
    }
  });
}

/** The key/value pairs of `canardstack_meta`. */
export async function readMeta(connection: DuckDBConnection): Promise<Map<string, string>> {
  const reader = await connection.runAndReadAll('SELECT key, value FROM lake.main.canardstack_meta');
  return new Map(reader.getRows() as [string, string][]);
}

/** Within the caller's transaction. */
export async function setMeta(connection: DuckDBConnection, key: string, value: string): Promise<void> {
  await connection.run(`DELETE FROM lake.main.canardstack_meta WHERE key = ${literal(key)}`);
  await connection.run(
    `INSERT INTO lake.main.canardstack_meta (key, value) VALUES (${literal(key)}, ${literal(value)})`,
  );
}

async function checkVersion(connection: DuckDBConnection): Promise<void> {
  const meta = await readMeta(connection);
  const version = Number(meta.get('schema_version'));
  const reader = Number(meta.get('schema_oldest_reader') ?? version);
  if (!Number.isInteger(version)) {
    throw new LakeError(
      'schema',
      'canardstack_meta holds no valid schema_version: restore the catalog from a backup, or rebuild it',
    );
  }
  if (version < oldestReadable) {
    throw new LakeError(
      'schema',
      `this lake has schema version ${version}; this program reads ${oldestReadable} to ${schemaVersion}. ` +
        `Start a release that writes version ${oldestReadable} on it first, then this one`,
    );
  }
  if (reader > schemaVersion) {
    throw new LakeError(
      'schema',
      `this lake has schema version ${version} and needs a program that knows version ${reader} or later; this ` +
        `one knows ${schemaVersion}. Use a newer release of canardstack`,
    );
  }
}

/** Exported for maintenance statements that compare instants. */
export function utc(epochMs: number): string {
  return `${timestampLiteral(epochMs)}::TIMESTAMPTZ`;
}
