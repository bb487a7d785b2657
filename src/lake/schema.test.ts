import assert from 'node:assert/strict';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { columnBatch } from '../../test/support/batch.js';
import { lakeConfig, openTestLake, rowsOf } from '../../test/support/open-lake.js';
import { extensionDir, temporaryFolder } from '../../test/support/server.js';
import { tables } from '../schema/index.js';
import { LakeError } from './index.js';
import { schemaVersion } from './schema.js';

type Run = DuckDBConnection['run'];

describe('the schema of the lake', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs statements on the closed lake as any DuckDB shell could. */
  async function tamper(...statements: string[]): Promise<unknown[][]> {
    const instance = await DuckDBInstance.create(':memory:', { extension_directory: extensionDir() });
    const connection = await instance.connect();
    try {
      await connection.run('LOAD ducklake');
      await connection.run(`ATTACH 'ducklake:${folder}/canardstack.ducklake' AS other`);
      let rows: unknown[][] = [];
      for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRows();
      return rows;
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  async function create(): Promise<void> {
    const lake = await openTestLake(folder);
    await lake.commit(
      [
        columnBatch({
          logs: [{ timestamp: 1_764_000_000_000_000, service_name: 's', k8s_pod_name: 'pod-1', body: 'b' }],
        }),
      ],
      [{ stream: 'a', position: 1 }],
    );
    await lake.close();
  }

  const refused = (pattern: RegExp) =>
    assert.rejects(openTestLake(folder), (error) => {
      return error instanceof LakeError && error.kind === 'schema' && pattern.test(error.message);
    });

  it('is partitioned by day and sorted, with every table and column of the definition', async () => {
    await create();
    const columns = await tamper(
      `SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'other'`,
    );
    for (const table of tables) {
      const found = columns
        .filter(([name]) => name === table.name)
        .map(([, name, type]) => `${String(name)} ${String(type)}`);
      assert.deepEqual(
        found,
        table.columns.map((column) => `${column.name} ${column.type}`),
        table.name,
      );
    }
    const [partitions] = await tamper(
      `SELECT count(*) FROM __ducklake_metadata_other.ducklake_partition_column WHERE transform IN ('year', 'month', 'day')`,
    );
    assert.deepEqual(partitions, [BigInt(tables.length * 3)]);
  });

  it('is left alone by a start that finds nothing to do', async () => {
    await create();
    const fingerprint = () =>
      tamper(
        `SELECT (SELECT max(snapshot_id) FROM __ducklake_metadata_other.ducklake_snapshot),
           (SELECT list(key || '=' || value ORDER BY key) FROM __ducklake_metadata_other.ducklake_metadata)`,
      );
    const before = await fingerprint();
    const options = String((before[0]?.[1] as { items: string[] }).items.join(' '));
    assert.match(options, /parquet_compression=zstd/);
    assert.match(options, /sort_on_insert=false/);
    const statements: string[] = [];
    const run = Object.getOwnPropertyDescriptor(DuckDBConnection.prototype, 'run')?.value as Run;
    DuckDBConnection.prototype.run = function (this: DuckDBConnection, ...args: Parameters<Run>) {
      statements.push(args[0]);
      return run.apply(this, args);
    };
    try {
      await (await openTestLake(folder)).close();
    } finally {
      DuckDBConnection.prototype.run = run;
    }
    assert.deepEqual(await fingerprint(), before);
    // Options are set again, to what they are: this session may have attached before another one set them.
    assert.deepEqual(
      statements.filter((sql) => /^(CREATE|ALTER|CALL (?!ducklake_set_option)|INSERT|DELETE)/.test(sql)),
      [],
    );
  });

  it('shows its views to a plain DuckDB shell under any alias', async () => {
    await create();
    assert.deepEqual(await tamper('SELECT service_name, body FROM other.v_logs'), [['s', 'b']]);
    assert.deepEqual(await tamper('SELECT count(*) FROM other.v_errors'), [[0n]]);
  });

  it('gains promoted columns that a newer program knows, keeping the rows', async () => {
    await create();
    await tamper(
      'ALTER TABLE other.logs DROP COLUMN k8s_pod_name',
      `INSERT INTO other.logs (timestamp, body) VALUES (TIMESTAMP '2025-11-24 17:00:00', 'of the older program')`,
    );
    const lake = await openTestLake(folder);
    await lake.commit(
      [columnBatch({ logs: [{ timestamp: 1_764_010_000_000_000, k8s_pod_name: 'pod-2', body: 'new' }] })],
      [{ stream: 'a', position: 2 }],
    );
    assert.deepEqual(await rowsOf(lake, 'SELECT body, k8s_pod_name FROM lake.logs ORDER BY timestamp'), [
      { body: 'b', k8s_pod_name: null },
      { body: 'of the older program', k8s_pod_name: null },
      { body: 'new', k8s_pod_name: 'pod-2' },
    ]);
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n, count(k8s_pod_name) pods FROM lake.logs'), [
      { n: 3n, pods: 1n },
    ]);
    await lake.close();
  });

  it('refuses a column of another type', async () => {
    await create();
    await tamper(
      'ALTER TABLE other.logs DROP COLUMN event_name',
      'ALTER TABLE other.logs ADD COLUMN event_name INTEGER',
    );
    await refused(/logs\.event_name is INTEGER/);
  });

  it('refuses a lake that is too new or too old, saying what to do', async () => {
    await create();
    await tamper(`UPDATE other.canardstack_meta SET value = '0' WHERE key = 'schema_version'`);
    await refused(/schema version 0.*Start a release/s);
    await tamper(
      `UPDATE other.canardstack_meta SET value = '${schemaVersion + 5}' WHERE key IN ('schema_version', 'schema_oldest_reader')`,
    );
    await refused(/newer release/);
    // Newer, but by its own word still readable.
    await tamper(
      `UPDATE other.canardstack_meta SET value = '${schemaVersion}' WHERE key = 'schema_oldest_reader'`,
    );
    await (await openTestLake(folder)).close();
    await tamper(`DELETE FROM other.canardstack_meta WHERE key = 'schema_version'`);
    await refused(/no valid schema_version/);
  });

  it('follows a data folder that was moved as a whole, and refuses one that was only renamed in the settings', async () => {
    await create();
    const moved = `${folder}-moved`;
    await rename(folder, moved);
    try {
      const lake = await openTestLake(moved);
      assert.deepEqual(await rowsOf(lake, 'SELECT body FROM lake.logs'), [{ body: 'b' }]);
      await lake.maintenance.checkpoint();
      assert.deepEqual(await rowsOf(lake, 'SELECT body FROM lake.logs'), [{ body: 'b' }]);
      await lake.close();
    } finally {
      await rename(moved, folder);
    }
    await assert.rejects(
      openTestLake(folder, {
        config: { ...lakeConfig(folder), ducklakeDataPath: join(folder, 'elsewhere') },
      }),
      (error) => error instanceof LakeError && /DUCKLAKE_DATA_PATH/.test(error.message),
    );
  });
});
