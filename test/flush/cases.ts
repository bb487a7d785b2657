import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultPoint } from '../../src/faults/index.js';
import { rowsOf } from '../support/open-lake.js';
import {
  assertWhole,
  checkpoint,
  commit,
  position,
  rowsAtOnce,
  type FlushedLake,
  type Kind,
} from './flushed-lake.js';

/** `made`: the lake, once there is one. Each case goes on with the rows of those before it. */
export function losesNothing(kind: Kind, made: () => FlushedLake): void {
  it('loses nothing by a transaction that is rolled back', async () => {
    let broken = true;
    const faults = (point: FaultPoint) => {
      if (broken && point === 'maintenance.flushed') throw new Error('asked for by the test');
    };
    await made().opened(async (lake) => {
      for (let i = 0; i < 3; i++) await commit(lake, i);
      assert.match((await lake.maintenance.checkpoint()).error ?? '', /asked for by the test/);
      await assertWhole(lake, 'rolled back');
      broken = false;
      await checkpoint(lake);
      await assertWhole(lake, 'flushed');
      const { name } = await made().inlinedTable(lake, 'logs');
      assert.deepEqual(
        await made().metadata(lake, `SELECT count(*) FROM ${name} WHERE end_snapshot IS NULL`),
        [0],
        'nothing is left inlined',
      );
    }, faults);
  });

  it('loses nothing by a process that is killed in it', async () => {
    // Of the watermarks and of the first day of logs, as far as each is a transaction of its own.
    const kills = kind === 'quack' ? 2 : 1;
    for (let nth = 1; nth <= kills; nth++) {
      assert.equal(await made().runChild(`maintenance.flushed:${nth}`), 'SIGKILL');
      await made().opened(async (lake) => {
        // The server would keep them for the dead process until they run out.
        if (kind === 'quack') await made().metadata(lake, 'DELETE FROM gate.main.locks');
        await assertWhole(lake, `killed in flush ${nth}`);
      });
    }
    await made().opened(async (lake) => {
      await checkpoint(lake);
      assert.equal(await assertWhole(lake, 'flushed at last'), 3 + 2 * kills);
    });
  });

  it('shows each row once, whenever one looks', async () => {
    await made().opened(async (lake) => {
      const logs = await made().inlinedTable(lake, 'logs');
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
        watch(async () => Number((await made().metadata(lake, inCatalog))[0])),
        watch(queried),
      ]);
      assert.ok(looks > 10, `${looks} looks`);
      await assertWhole(lake, 'at the end');
    });
  });
}

export function keepsDeletions(made: () => FlushedLake): void {
  it('keeps deletions, and leaves nothing of them in the catalog once their snapshots have expired', async () => {
    await made().opened(
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
        const { id, name } = await made().inlinedTable(lake, 'logs');
        assert.deepEqual(await made().metadata(lake, `SELECT count(*) FROM ${name}`), [0]);
        assert.deepEqual(
          await made().metadata(lake, `SELECT count(*) FROM $ducklake_inlined_delete_${id}`),
          [0],
        );
        const { name: meta } = await made().inlinedTable(lake, 'canardstack_meta');
        const [ended] = await made().metadata(
          lake,
          `SELECT count(*) FROM ${meta} WHERE end_snapshot IS NOT NULL`,
        );
        assert.ok(Number(ended) < 5, `${ended} old rows`);
      },
      undefined,
      { snapshotRetentionSecs: 0 },
    );
  });
}
