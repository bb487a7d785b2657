import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DuckDBConnection } from '@duckdb/node-api';
import { columnBatch } from '../../test/support/batch.js';
import { openTestLake, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { eventually, temporaryFolder } from '../../test/support/server.js';
import { CommitError, openLake, type Lake } from './index.js';
import { lakeConfig } from '../../test/support/open-lake.js';

type Run = DuckDBConnection['run'];

describe('a commit that fails', () => {
  let folder: string;
  let lake: Lake;
  const original: Run = Object.getOwnPropertyDescriptor(DuckDBConnection.prototype, 'run')?.value as Run;

  /** Puts `hook` around the real statements of the writer. */
  function around(hook: (sql: string, run: () => ReturnType<Run>) => ReturnType<Run>): void {
    DuckDBConnection.prototype.run = function (this: DuckDBConnection, ...args: Parameters<Run>) {
      return hook(args[0], () => original.apply(this, args));
    };
  }

  beforeEach(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder);
    await commit(1);
  });

  afterEach(async () => {
    DuckDBConnection.prototype.run = original;
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  const commit = (position: number) =>
    lake.commit(
      [
        columnBatch({
          logs: [{ timestamp: 1_764_000_000_000_000, body: `the row of position ${position}` }],
        }),
      ],
      [{ stream: 'a/logs', position }],
    );

  const rejects = (work: Promise<unknown>, kind: CommitError['kind']) =>
    assert.rejects(work, (error) => {
      assert.ok(error instanceof CommitError, String(error));
      assert.equal(error.kind, kind, error.message);
      return true;
    });

  const state = async () => ({
    rows: Number((await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'))[0]?.['n']),
    position: (await lake.watermarks()).get('a/logs'),
  });

  it('before COMMIT leaves nothing behind and is unavailable, not unknown', async () => {
    around((sql, run) => {
      if (sql.startsWith('INSERT INTO lake.main."logs"'))
        return Promise.reject(new Error('IO Error: No space left'));
      return run();
    });
    await rejects(commit(2), 'unavailable');
    DuckDBConnection.prototype.run = original;
    assert.deepEqual(await state(), { rows: 1, position: 1 });
    await commit(2);
    assert.deepEqual(await state(), { rows: 2, position: 2 });
  });

  it('with an error of the rows themselves is one of data', async () => {
    around((sql, run) => {
      if (sql.startsWith('INSERT INTO lake.main."logs"'))
        return Promise.reject(new Error('Conversion Error: bad'));
      return run();
    });
    await rejects(commit(2), 'data');
    DuckDBConnection.prototype.run = original;
    assert.deepEqual(await state(), { rows: 1, position: 1 });
  });

  it('at COMMIT is unknown; when only the answer was lost, the watermark says that it happened', async () => {
    around(async (sql, run) => {
      const result = await run();
      if (sql === 'COMMIT') throw new Error('Connection Error: reset by peer');
      return result;
    });
    await rejects(commit(2), 'unknown');
    DuckDBConnection.prototype.run = original;
    assert.deepEqual(await state(), { rows: 2, position: 2 });
    await rejects(commit(2), 'regressed');
    await commit(3);
    assert.deepEqual(await state(), { rows: 3, position: 3 });
  });

  it('loses against another writer of the same stream at COMMIT, so that only one of the two counts', async () => {
    let once = true;
    around(async (sql, run) => {
      if (sql === 'COMMIT' && once) {
        once = false;
        await rowsOf(lake, `UPDATE lake.canardstack_progress SET position = 50 WHERE stream = 'a/logs'`);
      }
      return run();
    });
    await rejects(commit(2), 'regressed');
    DuckDBConnection.prototype.run = original;
    assert.deepEqual(await state(), { rows: 1, position: 50 });
    await rejects(commit(2), 'regressed');
    await commit(51);
  });

  it('with a fatal error opens the lake again by itself', async () => {
    around((sql, run) => {
      if (sql.startsWith('INSERT INTO lake.main."logs"')) {
        return Promise.reject(new Error('FATAL Error: Failed: database has been invalidated'));
      }
      return run();
    });
    await rejects(commit(2), 'unavailable');
    DuckDBConnection.prototype.run = original;
    await eventually(async () => (await lake.ping(), true));
    await commit(2);
    assert.deepEqual(await state(), { rows: 2, position: 2 });
  });

  it('is interrupted at its time limit and can be asked for again', async () => {
    await lake.close();
    lake = await openLake({
      config: lakeConfig(folder),
      nodeId: 'test',
      telemetry: silentTelemetry(),
      commitTimeoutMs: 300,
    });
    around((sql, run) => {
      if (!sql.startsWith('UPDATE lake.main.canardstack_progress')) return run();
      // Something that the real connection takes for ever to do.
      return lake.readers.withSession(AbortSignal.timeout(700), (session) =>
        session.rows('SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3'),
      ) as unknown as ReturnType<Run>;
    });
    await rejects(commit(2), 'unavailable');
    DuckDBConnection.prototype.run = original;
    await lake.close();
    lake = await openTestLake(folder);
    assert.deepEqual(await state(), { rows: 1, position: 1 });
    await commit(2);
    assert.deepEqual(await state(), { rows: 2, position: 2 });
  });
});
