import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { QueryError } from './query-error.js';
import { QueryMemory } from './query-memory.js';
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

describe('a connection', () => {
  it('is used again after a question that was refused, and not after a statement that failed', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    let connected = 0;
    const connect = () => {
      connected++;
      return instance.connect();
    };
    const pool = new ConnectionPool({ connect }, 1000);
    const never = new AbortController().signal;
    const after = async (work: (session: ReadSession) => Promise<unknown>) => {
      await pool.withSession(never, work).catch(() => undefined);
      const [row] = await pool.withSession(never, (session) => session.rows('SELECT 42 AS n'));
      assert.deepEqual(row, { n: 42 });
      return connected;
    };
    const refuse = () => Promise.reject(new QueryError('not_found', 'there is none'));
    try {
      assert.equal(await after(refuse), 1);
      assert.equal(await after((session) => session.rows('SELECT 1').then(refuse)), 1);
      const partly = async (session: ReadSession) => {
        for await (const chunk of session.stream('SELECT i FROM range(100000) t(i)'))
          if (chunk.rowCount > 0) await refuse();
      };
      assert.equal(await after(partly), 2);
      const lost = () => Promise.reject(new QueryError('unavailable', 'the query thread ended'));
      assert.equal(await after(lost), 3);
      assert.equal(await after((session) => session.rows('SELECT nothing')), 4);
      assert.equal(await after((session) => session.rows('SELECT nothing').catch(refuse)), 5);
      const left = (session: ReadSession) => {
        void session.rows('SELECT count(*) FROM range(100000000000)').catch(() => undefined);
        return refuse();
      };
      assert.equal(await after(left), 6);
    } finally {
      pool.close();
      instance.closeSync();
    }
  });
});

describe('an idle connection', () => {
  it('holds nothing of rows of which enough was known', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const pool = new ConnectionPool({ connect: () => instance.connect() }, 10_000_000);
    const never = new AbortController().signal;
    const look = await instance.connect();
    const held = async () => {
      const rows = await look.runAndReadAll('SELECT sum(memory_usage_bytes)::DOUBLE FROM duckdb_memory()');
      return rows.getRows()[0]?.[0] as number;
    };
    const sorted = 'SELECT md5(i::VARCHAR) AS x FROM range(300000) t(i) ORDER BY x';
    /** What was held once `chunks` of it were read, and after the question. */
    const stopped = async (chunks: number): Promise<[during: number, after: number]> => {
      const during = await pool.withSession(never, async (session) => {
        let [left, most] = [chunks, 0];
        for await (const chunk of session.stream(sorted)) {
          most = Math.max(most, await held());
          if (chunk.rowCount > 0 && --left === 0) break;
        }
        return most;
      });
      return [during, await held()];
    };
    try {
      for (const chunks of [1, 20, Infinity]) {
        const [during, after] = await stopped(chunks);
        assert.ok(during > 8_000_000, `${during} bytes while ${chunks} chunks were read`);
        assert.ok(after < 2_000_000, `${after} bytes after ${chunks} chunks`);
      }
      const one = await pool.withSession(never, (session) => session.rows('SELECT 1 AS n'));
      assert.deepEqual(one, [{ n: 1 }]);
    } finally {
      look.closeSync();
      pool.close();
      instance.closeSync();
    }
  });
});

describe('the memory of queries', () => {
  it('is held under the limit: the query that has run longest is stopped, and says why', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '2GB' });
    const limit = 100_000_000;
    const memory = new QueryMemory(
      limit,
      () => instance.connect(),
      (connection) => connection.closeSync(),
    );
    const pool = new ConnectionPool({ connect: () => instance.connect() }, 10_000_000, memory);
    const never = new AbortController().signal;
    const run = (sql: string) => pool.withSession(never, (session) => session.rows(sql));
    try {
      const hungry = run(
        `SELECT count(*) FROM (SELECT md5(i::VARCHAR) AS k, max(i) FROM range(60000000) t(i) GROUP BY k)`,
      );
      const modest = run(`SELECT sum(i) AS s FROM range(1000000) t(i)`);
      await assert.rejects(
        hungry,
        (error) =>
          error instanceof QueryError &&
          error.kind === 'limit' &&
          /CANARDSTACK_QUERY_MEMORY_LIMIT, 100000000 bytes/.test(error.message),
      );
      assert.equal((await modest).length, 1);
      assert.equal((await run('SELECT 1 AS one'))[0]?.['one'], 1);
    } finally {
      pool.close();
      // The watch gives its connection back with the next look.
      await new Promise((resolve) => setTimeout(resolve, 300));
      instance.closeSync();
    }
  });
});
