import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { catalogFrom } from '../../src/catalog/index.js';
import type { EffectiveConfig } from '../../src/config/index.js';
import { dayFile } from '../../src/lake/day-file.js';
import type { Lake } from '../../src/lake/index.js';
import { tableDef } from '../../src/schema/index.js';
import { openStorage, type Storage } from '../../src/storage/index.js';
import { columnBatch, type Row } from '../../test/support/batch.js';
import { percentile } from '../statistics.js';

interface Times {
  readonly p50: number;
  readonly p95: number;
}

/** Milliseconds. */
export interface Measured {
  /** A commit of 100 log records, which stay in the catalog. */
  readonly commit: Times;
  /** A commit of 2,000 log records, which are a Parquet file. */
  readonly fileCommit: Times;
  /** Of the count below. */
  readonly explain: Times;
  /** One row without a filter: the list of all files is made, one of them is read. */
  readonly anyRow: Times;
  /** A count over 10 s, which is in one of the files. */
  readonly query: Times;
  readonly checkpointMs: number;
}

const commits = 30;
const fileCommits = 10;
const queries = 15;
const rowsPerFile = 50;
const secondsPerFile = 10;
const filesPerTransaction = 100;
const dayUs = 86_400_000_000;

/** One lake, measured at one number of files after the other; each ends with CHECKPOINT. */
export class CatalogBench {
  #position = 0;
  readonly #startUs = Math.floor(Date.now() / 86_400_000) * dayUs;

  private constructor(
    private readonly lake: Lake,
    private readonly storage: Storage,
    private readonly scratch: string,
    private readonly dataPath: string,
  ) {}

  static async make(lake: Lake, config: EffectiveConfig): Promise<CatalogBench> {
    const { dataPath } = catalogFrom(config);
    const scratch = join(config.dataDir, 'bench-files');
    await mkdir(scratch, { recursive: true });
    return new CatalogBench(lake, openStorage(dataPath, config), scratch, dataPath);
  }

  close(): void {
    this.storage.close();
  }

  async measure(files: number): Promise<Measured> {
    await this.#fill(files);
    const there = (await this.lake.stats()).tables.find(({ table }) => table === 'logs')?.files ?? 0;
    if (there < files) throw new Error(`logs has ${there} files instead of ${files}`);
    const commit = await times(commits, () => this.#commit(100));
    const from = this.#startUs + Math.floor(files / 2) * secondsPerFile * 1_000_000;
    const range = `timestamp >= make_timestamp(${from}) AND timestamp < make_timestamp(${from + secondsPerFile * 1_000_000})`;
    const count = `SELECT count(*)::INTEGER AS n FROM lake.logs WHERE ${range}`;
    const explain = await times(queries, () => this.#query(`EXPLAIN ${count}`));
    const anyRow = await times(queries, () => this.#query('SELECT body FROM lake.logs LIMIT 1'));
    if (Number((await this.#query(count))[0]?.['n']) < rowsPerFile)
      throw new Error('the query found too few rows');
    const query = await times(queries, () => this.#query(count));
    const fileCommit = await times(fileCommits, () => this.#commit(2000));
    const result = await this.lake.maintenance.checkpoint();
    if (result.status !== 'ok') throw new Error(`CHECKPOINT: ${JSON.stringify(result)}`);
    return { commit, fileCommit, explain, anyRow, query, checkpointMs: result.milliseconds ?? NaN };
  }

  async #commit(rows: number): Promise<void> {
    const at = Date.now() * 1000;
    const logs = Array.from({ length: rows }, (_, i): Row => {
      return {
        timestamp: at,
        time_unix_nano: BigInt(at) * 1000n,
        service_name: 'bench',
        body: `record ${i}`,
      };
    });
    this.#position++;
    await this.lake.commit([columnBatch({ logs })], [{ stream: 'bench/logs', position: this.#position }]);
  }

  #query(sql: string): Promise<Record<string, unknown>[]> {
    return this.lake.readers.withSession(AbortSignal.timeout(60_000), (session) => session.rows(sql));
  }

  /** Adds so many small files of distinct times. */
  async #fill(files: number): Promise<void> {
    const adds: string[] = [];
    // A DuckDB of its own: that of the lake may write nowhere but into the lake.
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    try {
      const columns = tableDef('logs').columns.map(({ name, type }) => `"${name}" ${type}`);
      await connection.run(`CREATE TABLE seed (${columns.join(', ')})`);
      await connection.run(
        `INSERT INTO seed BY NAME SELECT make_timestamp(${this.#startUs} + i * 100000) AS timestamp, ` +
          `(${this.#startUs} + i * 100000) * 1000 AS time_unix_nano, 'bench' AS service_name, ` +
          `'a body of some length, number ' || i AS body FROM range(${rowsPerFile}) t(i)`,
      );
      for (let n = 0; n < files; n++) {
        const shift = n * secondsPerFile;
        const file = dayFile(
          this.dataPath,
          'logs',
          this.#startUs / 1000,
          `SELECT * REPLACE (timestamp + to_seconds(${shift}) AS timestamp, ` +
            `time_unix_nano + ${shift}::BIGINT * 1000000000 AS time_unix_nano) FROM seed`,
          [],
        );
        const local = join(this.scratch, `${n}.parquet`);
        await connection.run(file.write(local));
        await this.storage.putFile(file.path.slice(this.storage.url.length), local);
        await rm(local);
        adds.push(file.add(file.path));
      }
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
    await this.lake.withConnection(async (writer) => {
      for (let at = 0; at < adds.length; at += filesPerTransaction) {
        await writer.run('BEGIN TRANSACTION');
        for (const add of adds.slice(at, at + filesPerTransaction)) await writer.run(add);
        await writer.run('COMMIT');
      }
    });
  }
}

async function times(count: number, work: () => Promise<unknown>): Promise<Times> {
  const each: number[] = [];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    await work();
    each.push(performance.now() - begun);
  }
  return { p50: percentile(each, 0.5), p95: percentile(each, 0.95) };
}
