import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

export interface TestDuckDb {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  /** Empty at first. */
  readonly folder: string;
  /** Removes the folder too. */
  close(): Promise<void>;
}

/** A DuckDB in memory, and a folder for files that it reads and writes. */
export async function testDuckDb(): Promise<TestDuckDb> {
  const folder = await mkdtemp(join(tmpdir(), 'canardstack-duckdb-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  return {
    instance,
    connection,
    folder,
    async close() {
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
