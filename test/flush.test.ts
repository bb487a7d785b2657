import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { literal } from '../src/duckdb/index.js';
import { faultsFrom, type FaultPoint } from '../src/faults/index.js';
import type { Lake, LakeConfig } from '../src/lake/index.js';
import { columnBatch, type Row } from './support/batch.js';
import { startCatalog, testCatalog, type CatalogProcess } from './support/catalog-server.js';
import { openTestLake, rowsOf } from './support/open-lake.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from './support/postgres.js';
import { temporaryFolder } from './support/server.js';

const self = fileURLToPath(import.meta.url);
const dayUs = 86_400_000_000;
/** Of each table in a commit: few enough to stay in the catalog. */
const rowsAtOnce = 40;

/** Rows of two days. */
function batch(i: number) {
  const rows = (name: string): Row[] =>
    Array.from({ length: rowsAtOnce }, (_, k) => ({
      timestamp: Math.floor(Date.now() * 1000) - (k % 2) * dayUs,
      service_name: `service ${k % 3}`,
      [name]: `commit ${i} row ${k}`,
    }));
  return columnBatch({ logs: rows('body'), spans: rows('span_name') });
}

async function commit(lake: Lake, i: number): Promise<void> {
  await lake.commit([batch(i)], [{ stream: 'flush/all', position: i + 1 }]);
}

async function checkpoint(lake: Lake): Promise<void> {
  const { status, error } = await lake.maintenance.checkpoint();
  assert.equal(status, 'ok', error);
}

const position = async (lake: Lake) => (await lake.watermarks()).get('flush/all') ?? 0;

/** Each row is there once. */
async function assertWhole(lake: Lake, what: string): Promise<number> {
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

/** Two commits and a CHECKPOINT, which the fault ends; run as a process of its own. */
async function child(config: Partial<LakeConfig>, fault: string): Promise<void> {
  const lake = await openTestLake(config.dataDir ?? '', { config, faults: faultsFrom(fault) });
  for (let i = await position(lake), end = i + 2; i < end; i++) await commit(lake, i);
  await lake.maintenance.checkpoint();
  await lake.close();
}

async function runChild(config: Partial<LakeConfig>, fault: string): Promise<NodeJS.Signals | null> {
  const process_ = spawn(process.execPath, [self, 'child', JSON.stringify(config), fault], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: '' },
  });
  const [, signal] = (await once(process_, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal;
}

type Kind = 'local' | 'quack' | 'postgres';

function tests(kind: Kind): void {
  let folder: string;
  let config: Partial<LakeConfig>;
  let catalog: CatalogProcess | null = null;
  let postgres: TestPostgres | null = null;

  /** One statement on the catalog's own tables, which sees one state of them; `$` stands before their names. */
  const metadata = (lake: Lake, sql: string): Promise<number[]> =>
    lake.withConnection(async (connection) => {
      const statement =
        kind === 'quack'
          ? `FROM quack_query_by_name('__ducklake_metadata_lake', ${literal(sql.replaceAll('$', ''))})`
          : sql.replaceAll('$', '__ducklake_metadata_lake.');
      return ((await connection.runAndReadAll(statement)).getRows()[0] ?? []).map(Number);
    });
  const withLake = async (
    work: (lake: Lake) => Promise<void>,
    faults?: (point: FaultPoint) => void,
    more: Partial<LakeConfig> = {},
  ) => {
    const lake = await openTestLake(folder, {
      config: { ...config, ...more },
      ...(faults ? { faults } : {}),
    });
    try {
      await work(lake);
    } finally {
      await lake.close();
    }
  };
  const inlinedTable = async (lake: Lake, table: string) => {
    const [id] = await metadata(
      lake,
      `SELECT max(table_id) FROM $ducklake_table WHERE table_name = ${literal(table)} AND end_snapshot IS NULL`,
    );
    const [version] = await metadata(
      lake,
      `SELECT max(schema_version) FROM $ducklake_inlined_data_tables WHERE table_id = ${id}`,
    );
    return { id: Number(id), name: `$ducklake_inlined_data_${id}_${version}` };
  };

  before(async () => {
    folder = await temporaryFolder();
    config = { dataDir: join(folder, 'node'), ducklakeDataPath: join(folder, 'data') };
    if (kind === 'postgres') {
      postgres = await startPostgres();
      config = { ...config, postgresDsn: postgres.dsn, catalogCreateOverData: true };
    }
    if (kind === 'quack') {
      const server = await testCatalog(folder);
      catalog = await startCatalog(server, {
        env: { CANARDSTACK_DUCKLAKE_DATA_PATH: join(folder, 'data') },
      });
      config = {
        ...config,
        ducklakeAttachUri: server.nodeEnv['CANARDSTACK_DUCKLAKE_ATTACH_URI'],
        ducklakeQuackToken: server.token,
        ducklakeQuackInsecureTls: true,
        ducklakeQuackTimeoutMs: 15_000,
      };
    }
  });
  after(async () => {
    await catalog?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('loses nothing by a transaction that is rolled back', async () => {
    let broken = true;
    const faults = (point: FaultPoint) => {
      if (broken && point === 'maintenance.flushed') throw new Error('asked for by the test');
    };
    await withLake(async (lake) => {
      for (let i = 0; i < 3; i++) await commit(lake, i);
      assert.match((await lake.maintenance.checkpoint()).error ?? '', /asked for by the test/);
      await assertWhole(lake, 'rolled back');
      broken = false;
      await checkpoint(lake);
      await assertWhole(lake, 'flushed');
      const { name } = await inlinedTable(lake, 'logs');
      assert.deepEqual(
        await metadata(lake, `SELECT count(*) FROM ${name} WHERE end_snapshot IS NULL`),
        [0],
        'nothing is left inlined',
      );
    }, faults);
  });

  it('loses nothing by a process that is killed in it', async () => {
    // Of the watermarks and of the first day of logs, as far as each is a transaction of its own.
    const kills = kind === 'quack' ? 2 : 1;
    for (let nth = 1; nth <= kills; nth++) {
      assert.equal(await runChild(config, `maintenance.flushed:${nth}`), 'SIGKILL');
      await withLake(async (lake) => {
        // The server would keep them for the dead process until they run out.
        if (kind === 'quack') await metadata(lake, 'DELETE FROM gate.main.locks');
        await assertWhole(lake, `killed in flush ${nth}`);
      });
    }
    await withLake(async (lake) => {
      await checkpoint(lake);
      assert.equal(await assertWhole(lake, 'flushed at last'), 3 + 2 * kills);
    });
  });

  it('shows each row once, whenever one looks', async () => {
    await withLake(async (lake) => {
      const logs = await inlinedTable(lake, 'logs');
      const inCatalog =
        `SELECT (SELECT coalesce(sum(record_count), 0) FROM $ducklake_data_file WHERE table_id = ${logs.id} AND end_snapshot IS NULL)` +
        ` + (SELECT count(*) FROM ${logs.name} WHERE end_snapshot IS NULL)`;
      const queried = async () =>
        Number(
          (await rowsOf(lake, 'SELECT count(DISTINCT body) n, count(body) FROM lake.main.logs'))[0]?.['n'],
        );
      let begun = await position(lake);
      let done = begun;
      let over = false;
      let looks = 0;
      const watch = async (look: () => Promise<number>) => {
        while (!over) {
          const least = done * rowsAtOnce;
          const rows = await look();
          assert.ok(
            rows >= least && rows <= begun * rowsAtOnce && rows % rowsAtOnce === 0,
            `${rows} rows while ${least} to ${begun * rowsAtOnce} were there`,
          );
          looks++;
          await sleep(10);
        }
      };
      const work = async () => {
        try {
          for (let round = 0; round < (kind === 'quack' ? 2 : 1); round++) {
            const running = checkpoint(lake);
            for (let i = 0; i < 2; i++) {
              begun++;
              await commit(lake, begun - 1);
              done++;
            }
            await running;
          }
        } finally {
          over = true;
        }
      };
      await Promise.all([
        work(),
        watch(async () => Number((await metadata(lake, inCatalog))[0])),
        watch(queried),
      ]);
      assert.ok(looks > 10, `${looks} looks`);
      await assertWhole(lake, 'at the end');
    });
  });

  if (kind !== 'quack') {
    const alter = (lake: Lake, table: string, sql: string) =>
      lake.withConnection((connection) => connection.run(`ALTER TABLE lake.main.${table} ${sql}`));
    /** Tables of inlined rows. */
    const places = async (lake: Lake, table: string): Promise<string[]> => {
      const { id } = await inlinedTable(lake, table);
      const found = await rowsOf(
        lake,
        `SELECT table_name AS place FROM __ducklake_metadata_lake.ducklake_inlined_data_tables WHERE table_id = ${id}`,
      );
      return found.map(({ place }) => String(place));
    };
    const inlinedRows = async (lake: Lake, table: string): Promise<number> => {
      let sum = 0;
      for (const place of await places(lake, table)) {
        const [rows] = await metadata(lake, `SELECT count(*) FROM $${place} WHERE end_snapshot IS NULL`);
        sum += Number(rows);
      }
      return sum;
    };
    // Compaction may have taken them since.
    const flushedFiles = async (lake: Lake) =>
      Number(
        (
          await metadata(
            lake,
            `SELECT count(*) FROM $ducklake_data_file WHERE path LIKE '%canardstack-flushed-%'`,
          )
        )[0],
      );
    /** `table` with rows in two places. */
    const withTwo = async (lake: Lake, table: string): Promise<void> => {
      await commit(lake, await position(lake));
      await alter(lake, table, 'ADD COLUMN extra INTEGER');
      await commit(lake, await position(lake));
    };

    it('is by ourselves where a table has several of inlined rows, which DuckLake flushes side by side', async () => {
      await withLake(async (lake) => {
        await checkpoint(lake);
        await withTwo(lake, 'logs');
        assert.equal((await places(lake, 'logs')).length, 2);
        const before = await flushedFiles(lake);
        await checkpoint(lake);
        // A file for each of the two days.
        assert.equal(await flushedFiles(lake), before + 2);
        await assertWhole(lake, 'flushed by ourselves');
        await commit(lake, await position(lake));
        await checkpoint(lake);
        await assertWhole(lake, 'flushed again');
        assert.equal(await inlinedRows(lake, 'logs'), 0);
      });
    });

    it('is that of DuckLake again once no snapshot shows the rows of the old one, whose table it drops', async () => {
      await withLake(
        async (lake) => {
          for (let i = 0; i < 3; i++) await checkpoint(lake);
          assert.equal((await places(lake, 'logs')).length, 1);
          await commit(lake, await position(lake));
          await checkpoint(lake);
          assert.equal(await inlinedRows(lake, 'logs'), 0);
          await assertWhole(lake, "DuckLake's again");
          await alter(lake, 'logs', 'DROP COLUMN extra');
        },
        undefined,
        { snapshotRetentionSecs: 0 },
      );
    });

    it('leaves rows that the summary has not counted where they are', async () => {
      await withLake(async (lake) => {
        await withTwo(lake, 'logs');
        let over = false;
        const running = checkpoint(lake).finally(() => (over = true));
        while (!over) await commit(lake, await position(lake));
        await running;
        await checkpoint(lake);
        const rows = (await assertWhole(lake, 'beside commits')) * rowsAtOnce;
        const [counted] = await rowsOf(
          lake,
          `SELECT sum(row_count) AS n FROM lake.main.metadata_summary
           WHERE signal = 'logs' AND kind = 'label_value' AND name = 'service_name'`,
        );
        assert.equal(Number(counted?.['n']), rows);
        await alter(lake, 'logs', 'DROP COLUMN extra');
      });
    });

    // The same statements on each catalog, which take minutes on PostgreSQL.
    for (const table of kind === 'local' ? ['canardstack_progress', 'metadata_summary'] : []) {
      it(`is by ourselves for ${table}, too`, async () => {
        await withLake(async (lake) => {
          const idle = [{ stream: `idle/${table}`, position: 7 }];
          await lake.commit(
            [batch(await position(lake))],
            [...idle, { stream: 'flush/all', position: (await position(lake)) + 1 }],
          );
          await withTwo(lake, table);
          const expected = [...(await lake.watermarks())].sort();
          await checkpoint(lake);
          await commit(lake, await position(lake));
          await checkpoint(lake);
          assert.equal(await inlinedRows(lake, table), 0);
          const now = await lake.watermarks();
          assert.deepEqual(
            [...now].sort(),
            expected.map(([stream, at]) => [stream, stream === 'flush/all' ? at + 1 : at]),
          );
          await assertWhole(lake, table);
          await alter(lake, table, 'DROP COLUMN extra');
        });
      });
    }

    it('loses nothing by a process that is killed in that of ourselves', async () => {
      await withLake(async (lake) => {
        await withTwo(lake, 'logs');
        await alter(lake, 'canardstack_progress', 'ADD COLUMN extra INTEGER');
      });
      // Of the first day of logs, and of the watermarks.
      for (const nth of [1, 4]) {
        assert.equal(await runChild(config, `maintenance.flushed:${nth}`), 'SIGKILL');
        await withLake(async (lake) => void (await assertWhole(lake, `killed in flush ${nth}`)));
      }
      await withLake(async (lake) => {
        await checkpoint(lake);
        await assertWhole(lake, 'flushed at last');
        assert.equal(await inlinedRows(lake, 'logs'), 0);
        assert.equal(await inlinedRows(lake, 'canardstack_progress'), 0);
        for (const table of ['logs', 'canardstack_progress']) await alter(lake, table, 'DROP COLUMN extra');
      });
    });
  }

  it('keeps deletions, and leaves nothing of them in the catalog once their snapshots have expired', async () => {
    await withLake(
      async (lake) => {
        const remove = (suffix: string) =>
          lake.withConnection((connection) =>
            connection.run(`DELETE FROM lake.main.logs WHERE body LIKE '%row ${suffix}'`),
          );
        const rows = async () =>
          Number((await rowsOf(lake, 'SELECT count(DISTINCT body) n FROM lake.main.logs'))[0]?.['n']);
        const first = await position(lake);
        for (let i = 0; i < 2; i++) await commit(lake, first + i);
        // Of rows in files, of rows in the catalog, and of rows that go from there to a file in between.
        await remove('1');
        await checkpoint(lake);
        await commit(lake, first + 2);
        await remove('1_');
        const left = await rows();
        assert.equal(left, (first + 3) * (rowsAtOnce - 11) + 1);
        for (let i = 0; i < 2; i++) {
          await checkpoint(lake);
          assert.equal(await rows(), left);
        }
        const { id, name } = await inlinedTable(lake, 'logs');
        assert.deepEqual(await metadata(lake, `SELECT count(*) FROM ${name}`), [0]);
        assert.deepEqual(await metadata(lake, `SELECT count(*) FROM $ducklake_inlined_delete_${id}`), [0]);
        const { name: meta } = await inlinedTable(lake, 'canardstack_meta');
        const [ended] = await metadata(lake, `SELECT count(*) FROM ${meta} WHERE end_snapshot IS NOT NULL`);
        assert.ok(Number(ended) < 5, `${ended} old rows`);
      },
      undefined,
      { snapshotRetentionSecs: 0 },
    );
  });

  if (kind !== 'quack') return;
  it("is refused when it is DuckLake's own, over Quack, and takes nothing away", async () => {
    await withLake(async (lake) => {
      const first = await position(lake);
      await commit(lake, first);
      const count = async () =>
        Number((await rowsOf(lake, 'SELECT count(body) n FROM lake.main.logs'))[0]?.['n']);
      const there = await count();
      await lake.withConnection(async (connection) => {
        await connection.run('BEGIN');
        await assert.rejects(
          connection.run(
            `CALL ducklake_flush_inlined_data('lake', schema_name => 'main', table_name => 'logs')`,
          ),
          /not authorized|Authorization failed/i,
        );
        await connection.run('ROLLBACK');
      });
      assert.equal(await count(), there);
    });
  });
}

if (process.argv[2] === 'child') {
  await child(JSON.parse(process.argv[3] ?? '{}') as Partial<LakeConfig>, process.argv[4] ?? '');
} else {
  describe('the flush of inlined rows', () => {
    describe('on a local catalog', () => tests('local'));
    describe('on a catalog server', () => tests('quack'));
    describe('on PostgreSQL', { skip: skipWithoutPostgres() }, () => tests('postgres'));
  });
}
