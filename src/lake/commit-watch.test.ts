import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { CommitWatch } from './commit-watch.js';

describe('the watch for commits', () => {
  const watch = new CommitWatch();
  let instance: DuckDBInstance;
  let writer: DuckDBConnection;
  let reader: DuckDBConnection;

  before(async () => {
    instance = await DuckDBInstance.create(':memory:');
    writer = watch.watched(await instance.connect());
    reader = watch.watched(await instance.connect(), true);
    await writer.run('CREATE TABLE t (x INTEGER)');
  });

  after(() => {
    writer.closeSync();
    reader.closeSync();
    instance.closeSync();
  });

  it('knows nothing while a statement runs, and another mark afterwards', async () => {
    const mark = watch.mark;
    assert.notEqual(mark, null);
    const running = writer.run('INSERT INTO t VALUES (1)');
    assert.equal(watch.mark, null);
    await running;
    assert.notEqual(watch.mark, null);
    assert.notEqual(watch.mark, mark);
  });

  it('sees statements that fail', async () => {
    const mark = watch.mark;
    await assert.rejects(writer.run('INSERT INTO nothing VALUES (1)'));
    assert.notEqual(watch.mark, null);
    assert.notEqual(watch.mark, mark);
  });

  it('lets readers read, and sees it when one of them writes', async () => {
    const mark = watch.mark;
    await reader.run('BEGIN TRANSACTION READ ONLY; SELECT count(*) FROM t');
    await reader.run('/* why */ SELECT x FROM t');
    await reader.run('ROLLBACK');
    const found = await (await reader.stream('SELECT x FROM t')).getRows();
    assert.deepEqual(found, [[1]]);
    assert.equal(watch.mark, mark);
    await reader.run('INSERT INTO t VALUES (2)');
    const written = watch.mark;
    assert.notEqual(written, mark);
    await reader.run('WITH y AS (SELECT 3 AS x) INSERT INTO t SELECT x FROM y');
    assert.notEqual(watch.mark, written);
  });
});
