import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { listLiteral } from '../../src/duckdb/index.js';
import { extensionDir } from '../../test/support/server.js';

export interface PlainDuckdb {
  /** Gives the number of rows. */
  ask(sql: string): Promise<number>;
  /** Bytes of the data files of all tables, without those that wait for clean-up. */
  readonly liveBytes: number;
  close(): void;
}

/**
 * DuckDB on the files of a lake, without the catalog, which the server holds later: call it while no server runs on the
 * folder. Rows that are inlined in the catalog are not there.
 */
export async function plainDuckdb(dataDir: string): Promise<PlainDuckdb> {
  const instance = await DuckDBInstance.create(':memory:', { extension_directory: extensionDir() });
  const connection: DuckDBConnection = await instance.connect();
  await connection.run('LOAD ducklake');
  await connection.run(`ATTACH 'ducklake:${join(dataDir, 'canardstack.ducklake')}' AS held (READ_ONLY)`);
  const views: string[] = [];
  for (const table of ['logs', 'spans']) {
    const files = await connection.runAndReadAll(
      `SELECT data_file FROM ducklake_list_files('held', '${table}')`,
    );
    const list = listLiteral(files.getRows().map(([file]) => String(file)));
    if (list !== '[]') views.push(`CREATE VIEW lake.${table} AS FROM read_parquet(${list})`);
  }
  const [[bytes] = [0]] = (
    await connection.runAndReadAll(`SELECT sum(file_size_bytes) FROM ducklake_table_info('held')`)
  ).getRows();
  await connection.run('DETACH held');
  await connection.run('CREATE SCHEMA lake');
  for (const view of views) await connection.run(view);
  return {
    liveBytes: Number(bytes),
    async ask(sql) {
      return (await connection.runAndReadAll(sql)).currentRowCount;
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
