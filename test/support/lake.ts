import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { ident, inTransaction } from '../../src/duckdb/index.js';
import { CommitWatch } from '../../src/lake/commit-watch.js';
import { KeptFooters } from '../../src/lake/direct/kept-footers.js';
import { FileDigests } from '../../src/lake/file-digest/index.js';
import { MetadataCache } from '../../src/lake/metadata/index.js';
import { TokenIndexes } from '../../src/lake/token-index/index.js';
import { ConnectionPool } from '../../src/lake/readers.js';
import { createTable } from '../../src/lake/schema.js';
import { QueryGuard, type QueryLimits } from '../../src/query/server/guard.js';
import { openStorage } from '../../src/storage/index.js';
import { tableDef, tables, type TableName } from '../../src/schema/index.js';
import { createTelemetry, type Registry } from '../../src/telemetry/index.js';
import { LakeStates } from './lake-states.js';
import type { SharedCatalog } from './shared-catalog.js';
import { lakeConfig } from './open-lake.js';
import { extensionDir } from './server.js';

export const testLimits: QueryLimits = {
  concurrency: 4,
  queueLength: 16,
  // Beyond that of a test file: only a test of the time limit itself has a query end by it, on whatever machine.
  timeoutMs: 600_000,
  maxRangeMs: 31 * 86_400_000,
  retentionMs: Infinity,
  maxRows: 100_000,
  maxSamples: 20_000_000,
  maxSeries: 50_000,
  scopeLabels: true,
  promqlExperimental: true,
  spanMetrics: { dimensions: [] },
};

export interface TestLake {
  /** Where a test may put files of its own; it goes with the lake. */
  readonly folder: string;
  readonly connection: DuckDBConnection;
  /** Another one, which the caller closes; `reads`: as questions have it. */
  connect(reads?: boolean): Promise<DuckDBConnection>;
  readonly guard: QueryGuard;
  /** The same with metadata from the cache. */
  readonly cached: QueryGuard;
  readonly cachedWith: (limits: Partial<QueryLimits>) => QueryGuard;
  readonly cache: MetadataCache;
  readonly registry: Registry;
  /** Inserts rows; columns left out are NULL. Values are SQL literals made from JS values. */
  insert(table: TableName, rows: readonly Record<string, unknown>[]): Promise<void>;
  /** Rewrites the files of a table that have no deletions, a day's as one. */
  compact(table: TableName): Promise<void>;
  /** Joins the files of commits of a table, a day's as one. */
  join(table: TableName): Promise<void>;
  /** Files of inserts become as commits write theirs. */
  commit(table: TableName): Promise<void>;
  close(): Promise<void>;
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'number' && !Number.isFinite(value)) return `'${value}'::DOUBLE`;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `${value}`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.replaceAll("'", "''")}'`;
}

/** As a table has that ever had a row. Without them DuckLake asks the catalog for them once for each column of each statement. */
async function giveStatistics(connection: DuckDBConnection): Promise<void> {
  for (const change of ['INSERT INTO', 'DELETE FROM']) {
    await inTransaction(connection, async () => {
      for (const { name } of tables) {
        const values = change === 'INSERT INTO' ? ' (timestamp) VALUES (NULL)' : '';
        await connection.run(`${change} lake.main.${ident(name)}${values}`);
      }
    });
  }
}

/**
 * A real DuckLake in a temporary folder with canardstack's tables (attached as `lake`), for query tests without a server.
 * `rowsIn`: rows of an insert are spread over the states that rows have in a lake, or come in one commit. `waitMs`: how long the cache leaves new files alone.
 * With a `catalog` that is no file of this process, `connection` is one of a DuckDB of its own, as of another node.
 */
export async function testLake(
  limits: Partial<QueryLimits> = {},
  rowsIn: 'every state' | 'one commit' = 'every state',
  waitMs = 0,
  catalog: SharedCatalog | null = null,
): Promise<TestLake> {
  const folder = await mkdtemp(join(tmpdir(), 'canardstack-lake-'));
  const open = (temporary: string) =>
    DuckDBInstance.create(':memory:', {
      extension_directory: extensionDir(),
      autoinstall_known_extensions: 'false',
      temp_directory: join(folder, temporary),
    });
  const instance = await open('tmp');
  const commits = new CommitWatch();
  const connect = async (reads = false) => commits.watched(await instance.connect(), reads);
  const writer = catalog === null ? instance : await open('tmp-writer');
  const connection = catalog === null ? await connect() : await writer.connect();
  const data = catalog?.dataPath ?? join(folder, 'data');
  const others = catalog === null ? [] : [await connect()];
  const attached: (() => Promise<void>)[] = [];
  for (const each of [connection, ...others]) {
    await each.run('LOAD ducklake');
    if (catalog === null)
      await each.run(`ATTACH 'ducklake:${folder}/canardstack.ducklake' AS lake (DATA_PATH '${data}')`);
    else attached.push(await catalog.attach(each, data));
    if (each !== connection || catalog?.dataPath) continue;
    await inTransaction(connection, async () => {
      for (const table of tables) await createTable(connection, table);
    });
  }
  await giveStatistics(connection);
  const states = new LakeStates(connection, join(folder, 'sort'));
  const source = { connect: () => connect(true) };
  const pool = new ConnectionPool(source, 100_000);
  const host = {
    generation: 0,
    acquire: () => connect(),
    release: (used: DuckDBConnection) => used.closeSync(),
  };
  const telemetry = createTelemetry('silent');
  const cache = new MetadataCache({
    host,
    ...(catalog === null ? { commits } : { catalog: catalog.place }),
    maxEntries: 100_000,
    maxSampleBytes: 64 * 1024 * 1024,
    smallestSampleFile: 0,
    waitMs,
    searchedWaitMs: 0,
    telemetry,
    digests: {
      files: new FileDigests(openStorage(data, lakeConfig(folder)), telemetry),
      scratch: () => join(folder, 'tmp'),
    },
    tokens: new TokenIndexes(openStorage(data, lakeConfig(folder)), telemetry),
    footers: new KeptFooters({
      ...{ folder: `${data}/`, temporary: () => join(folder, 'tmp'), threads: 2, telemetry },
    }),
  });
  const cachedPool = new ConnectionPool(source, 100_000, null, cache);
  return {
    folder,
    connection,
    connect,
    guard: new QueryGuard(pool, { ...testLimits, ...limits }),
    cached: new QueryGuard(cachedPool, { ...testLimits, ...limits }),
    cachedWith: (others) => new QueryGuard(cachedPool, { ...testLimits, ...limits, ...others }),
    cache,
    registry: telemetry.registry,
    async insert(table, rows) {
      if (rows.length === 0) return;
      const names = tableDef(table).columns.map((column) => column.name);
      for (const row of rows) {
        const unknown = Object.keys(row).find((key) => !names.includes(key));
        if (unknown) throw new Error(`${table} has no column ${unknown}`);
      }
      const values = rows.map((row) => `(${names.map((name) => literal(row[name])).join(', ')})`);
      if (rowsIn === 'every state') await states.insert(table, values);
      else await connection.run(`INSERT INTO lake.main.${table} VALUES ${values.join(', ')}`);
    },
    compact: (table) => states.compact(table),
    join: (table) => states.join(table),
    commit: (table) => states.commit(table),
    async close() {
      await states.close();
      pool.close();
      cachedPool.close();
      await cache.close();
      for (const each of [connection, ...others]) each.closeSync();
      for (const each of new Set([writer, instance])) each.closeSync();
      for (const close of attached) await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
