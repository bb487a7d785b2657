import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { literal } from '../../src/duckdb/index.js';
import type { FaultPoint } from '../../src/faults/index.js';
import type { Lake, LakeConfig } from '../../src/lake/index.js';
import { columnBatch, type Row } from '../support/batch.js';
import { startCatalog, testCatalog, type CatalogProcess } from '../support/catalog-server.js';
import { openTestLake, rowsOf } from '../support/open-lake.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { temporaryFolder } from '../support/server.js';

const dayUs = 86_400_000_000;
/** Of each table in a commit: few enough to stay in the catalog. */
export const rowsAtOnce = 40;

/** Rows of two days. */
export function batch(i: number) {
  const rows = (name: string): Row[] =>
    Array.from({ length: rowsAtOnce }, (_, k) => ({
      timestamp: Math.floor(Date.now() * 1000) - (k % 2) * dayUs,
      service_name: `service ${k % 3}`,
      [name]: `commit ${i} row ${k}`,
    }));
  return columnBatch({ logs: rows('body'), spans: rows('span_name') });
}

export async function commit(lake: Lake, i: number): Promise<void> {
  await lake.commit([batch(i)], [{ stream: 'flush/all', position: i + 1 }]);
}

export async function checkpoint(lake: Lake): Promise<void> {
  const { status, error } = await lake.maintenance.checkpoint();
  assert.equal(status, 'ok', error);
}

export const position = async (lake: Lake) => (await lake.watermarks()).get('flush/all') ?? 0;

/** Each row is there once. */
export async function assertWhole(lake: Lake, what: string): Promise<number> {
  const commits = await position(lake);
  for (const [table, column] of Object.entries({ logs: 'body', spans: 'span_name' })) {
    const [found] = await rowsOf(
      lake,
      `SELECT count(${column}) AS n, count(DISTINCT ${column}) AS different FROM lake.main.${table}`,
    );
    const rows = commits * rowsAtOnce;
    assert.deepEqual([Number(found?.['n']), Number(found?.['different'])], [rows, rows], `${table}: ${what}`);
  }
  return commits;
}

export type Kind = 'local' | 'quack' | 'postgres';

/** Of a suite: its lake is there once its tests begin, and removed after them. */
export function lakeOfSuite(kind: Kind): () => FlushedLake {
  let flushed: FlushedLake | undefined;
  before(async () => {
    flushed = await FlushedLake.make(kind);
  });
  after(() => flushed?.remove());
  return () => {
    assert.ok(flushed);
    return flushed;
  };
}

/** A lake of one kind, with what serves its catalog, which one after the other opens. */
export class FlushedLake {
  private constructor(
    readonly kind: Kind,
    private readonly folder: string,
    private readonly config: Partial<LakeConfig>,
    private readonly catalog: CatalogProcess | null,
    private readonly postgres: TestPostgres | null,
  ) {}

  static async make(kind: Kind): Promise<FlushedLake> {
    const folder = await temporaryFolder();
    const config = { dataDir: join(folder, 'node'), ducklakeDataPath: join(folder, 'data') };
    if (kind === 'local') return new FlushedLake(kind, folder, config, null, null);
    if (kind === 'postgres') {
      const postgres = await startPostgres();
      const more = { ...config, postgresDsn: postgres.dsn, catalogCreateOverData: true };
      return new FlushedLake(kind, folder, more, null, postgres);
    }
    const server = await testCatalog(folder);
    const catalog = await startCatalog(server, {
      env: { CANARDSTACK_DUCKLAKE_DATA_PATH: join(folder, 'data') },
    });
    const more = {
      ...config,
      ducklakeAttachUri: server.nodeEnv['CANARDSTACK_DUCKLAKE_ATTACH_URI'],
      ducklakeQuackToken: server.token,
      ducklakeQuackInsecureTls: true,
      ducklakeQuackTimeoutMs: 15_000,
    };
    return new FlushedLake(kind, folder, more, catalog, null);
  }

  /** One statement on the catalog's own tables, which sees one state of them; `$` stands before their names. */
  metadata(lake: Lake, sql: string): Promise<number[]> {
    return lake.withConnection(async (connection) => {
      const statement =
        this.kind === 'quack'
          ? `FROM quack_query_by_name('__ducklake_metadata_lake', ${literal(sql.replaceAll('$', ''))})`
          : sql.replaceAll('$', '__ducklake_metadata_lake.');
      return ((await connection.runAndReadAll(statement)).getRows()[0] ?? []).map(Number);
    });
  }

  async opened(
    work: (lake: Lake) => Promise<void>,
    faults?: (point: FaultPoint) => void,
    more: Partial<LakeConfig> = {},
  ): Promise<void> {
    const lake = await openTestLake(this.folder, {
      config: { ...this.config, ...more },
      ...(faults ? { faults } : {}),
    });
    try {
      await work(lake);
    } finally {
      await lake.close();
    }
  }

  async inlinedTable(lake: Lake, table: string): Promise<{ id: number; name: string }> {
    const [id] = await this.metadata(
      lake,
      `SELECT max(table_id) FROM $ducklake_table WHERE table_name = ${literal(table)} AND end_snapshot IS NULL`,
    );
    const [version] = await this.metadata(
      lake,
      `SELECT max(schema_version) FROM $ducklake_inlined_data_tables WHERE table_id = ${id}`,
    );
    return { id: Number(id), name: `$ducklake_inlined_data_${id}_${version}` };
  }

  /** Two commits and a CHECKPOINT in a process of its own, which the fault ends. */
  async runChild(fault: string): Promise<NodeJS.Signals | null> {
    const child = fileURLToPath(new URL('./child.js', import.meta.url));
    const process_ = spawn(process.execPath, [child, JSON.stringify(this.config), fault], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, NODE_TEST_CONTEXT: '' },
    });
    const [, signal] = (await once(process_, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal;
  }

  async remove(): Promise<void> {
    await this.catalog?.stop();
    await this.postgres?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
