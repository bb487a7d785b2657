import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { QueryError } from './query-error.js';
import { ConnectionPool } from './readers.js';
import type { ReadSession } from './session.js';

describe('a read session', () => {
  let instance: DuckDBInstance;
  let pool: ConnectionPool;
  before(async () => {
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    pool = new ConnectionPool({ connect: () => instance.connect() }, 10_000_000);
  });
  after(() => {
    pool.close();
    instance.closeSync();
  });

  const count = async (session: ReadSession, sql: string, each: () => Promise<void> | void) => {
    let rows = 0;
    for await (const chunk of session.stream(sql)) {
      rows += chunk.rowCount;
      await each();
    }
    return rows;
  };
  const never = new AbortController().signal;

  it('gives all rows, or none', async () => {
    const read = (sql: string) => pool.withSession(never, (session) => count(session, sql, () => undefined));
    assert.equal(await read('SELECT i FROM range(300000) t(i)'), 300_000);
    assert.equal(await read('SELECT i FROM range(0) t(i)'), 0);
  });

  it('does not take a failure between two chunks for the end of the rows', async () => {
    const sql = `SELECT CASE WHEN i = 900000 THEN error('no more') ELSE i::VARCHAR END AS x FROM range(1000000) t(i)`;
    let chunks = 0;
    await assert.rejects(
      pool.withSession(never, (session) => count(session, sql, () => void chunks++)),
      (error) => error instanceof QueryError && error.kind === 'unavailable',
    );
    assert.ok(chunks > 1);
  });

  it('does not take its own interruption for the end of the rows', async () => {
    const abort = new AbortController();
    let chunks = 0;
    const reading = pool.withSession(abort.signal, (session) =>
      count(session, `SELECT i::VARCHAR || 'x' AS x FROM range(100000000) t(i)`, () => {
        if (++chunks === 10) abort.abort(new Error('that is enough'));
      }),
    );
    await assert.rejects(reading, /that is enough/);
  });
});
