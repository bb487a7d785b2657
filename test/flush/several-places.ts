import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Lake } from '../../src/lake/index.js';
import { rowsOf } from '../support/open-lake.js';
import {
  assertWhole,
  batch,
  checkpoint,
  commit,
  position,
  rowsAtOnce,
  type FlushedLake,
  type Kind,
} from './flushed-lake.js';

/** Where a table has several tables of inlined rows, on a catalog that is not a server. */
export function severalPlaces(kind: Kind, made: () => FlushedLake): void {
  const alter = (lake: Lake, table: string, sql: string) =>
    lake.withConnection((connection) => connection.run(`ALTER TABLE lake.main.${table} ${sql}`));
  /** Tables of inlined rows. */
  const places = async (lake: Lake, table: string): Promise<string[]> => {
    const { id } = await made().inlinedTable(lake, table);
    const found = await rowsOf(
      lake,
      `SELECT table_name AS place FROM __ducklake_metadata_lake.ducklake_inlined_data_tables WHERE table_id = ${id}`,
    );
    return found.map(({ place }) => String(place));
  };
  const inlinedRows = async (lake: Lake, table: string): Promise<number> => {
    let sum = 0;
    for (const place of await places(lake, table)) {
      const [rows] = await made().metadata(lake, `SELECT count(*) FROM $${place} WHERE end_snapshot IS NULL`);
      sum += Number(rows);
    }
    return sum;
  };
  // Compaction may have taken them since.
  const flushedFiles = async (lake: Lake) =>
    Number(
      (
        await made().metadata(
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
    await made().opened(async (lake) => {
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
    await made().opened(
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
    await made().opened(async (lake) => {
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
      await made().opened(async (lake) => {
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
    await made().opened(async (lake) => {
      await withTwo(lake, 'logs');
      await alter(lake, 'canardstack_progress', 'ADD COLUMN extra INTEGER');
    });
    // Of the first day of logs, and of the watermarks.
    for (const nth of [1, 4]) {
      assert.equal(await made().runChild(`maintenance.flushed:${nth}`), 'SIGKILL');
      await made().opened(async (lake) => void (await assertWhole(lake, `killed in flush ${nth}`)));
    }
    await made().opened(async (lake) => {
      await checkpoint(lake);
      await assertWhole(lake, 'flushed at last');
      assert.equal(await inlinedRows(lake, 'logs'), 0);
      assert.equal(await inlinedRows(lake, 'canardstack_progress'), 0);
      for (const table of ['logs', 'canardstack_progress']) await alter(lake, table, 'DROP COLUMN extra');
    });
  });
}
