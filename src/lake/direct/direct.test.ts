import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { rewriteSql } from '../maintenance/deletions.js';
import type { RowsRequest } from '../session.js';
import { rowsOfTable } from './rows.js';

const second = 1_000_000_000n;
const begin = 1_790_000_000n * second;
const traceId = (i: number) => i.toString(16).padStart(32, '0');

/** Every minute a span of two seconds. */
function span(i: number) {
  const start = begin + BigInt(i) * 60n * second;
  return {
    timestamp: new Date(Number(start / 1_000_000n)).toISOString().replace('T', ' ').replace('Z', ''),
    start_time_unix_nano: start,
    end_time_unix_nano: start + 2n * second,
    trace_id: traceId(i),
    span_attributes: `{"n":${i}}`,
  };
}

describe('spans without DuckLake', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    // Ten in a compacted file, ten in one of a commit, ten in the catalog.
    await lake.insert(
      'spans',
      Array.from({ length: 30 }, (_, i) => span(i)),
    );
  });
  after(() => lake.close());

  const all: RowsRequest = { table: 'spans', from: begin, until: begin + 86_400n * second, keys: ['n'] };

  async function asked(request: RowsRequest): Promise<{ source: string; found: string[] }> {
    return lake.cached.run('test', new AbortController().signal, async ({ session }) => {
      if (request.rowids) await session.spread?.(all);
      const source = (await session.rowsOf?.(request)) ?? rowsOfTable(request);
      const rows = await session.rows(
        `SELECT trace_id, "value:n" AS n, rowid FROM ${source} ORDER BY trace_id`,
      );
      assert.equal(new Set(rows.map(({ rowid }) => rowid)).size, rows.length);
      for (const { trace_id: id, n } of rows) assert.equal(traceId(Number(n)), id);
      return { source, found: rows.map(({ trace_id: id }) => String(id)) };
    });
  }

  const files = (source: string) => source.match(/'[^']*\.parquet'/g)?.length ?? 0;

  it('reads files and rows in the catalog at once, by what the catalog tells of them', async () => {
    const { source, found } = await asked(all);
    assert.equal(found.length, 30);
    assert.doesNotMatch(source, /lake\.main/);
    assert.equal(files(source), 2);
  });

  it('reads the rows that are named alone, wherever they are', async () => {
    const { source } = await asked(all);
    const rows = await lake.connection.runAndReadAll(
      `SELECT trace_id, rowid FROM ${source} ORDER BY trace_id`,
    );
    const rowids = rows.getRows().map(([id, rowid]) => [String(id), rowid as bigint] as const);
    assert.equal(rowids.length, 30);
    for (const wanted of [[3], [12], [25], [0, 9, 10, 19, 20, 29], []]) {
      const some = wanted.map((i) => rowids[i] ?? assert.fail());
      const named = await asked({ ...all, rowids: some.map(([, rowid]) => rowid) });
      assert.deepEqual(
        named.found,
        some.map(([id]) => id),
      );
      assert.equal(files(named.source), new Set(wanted.filter((i) => i < 20).map((i) => i < 10)).size);
    }
  });

  it('knows no rows by name before it has looked for files', async () => {
    await lake.cached.run('test', new AbortController().signal, async ({ session }) => {
      assert.equal(await session.rowsOf?.({ ...all, rowids: [1n] }), null);
    });
  });

  it('leaves out files of other times', async () => {
    const at = (minutes: number) => begin + BigInt(minutes) * 60n * second;
    assert.equal(files((await asked({ ...all, from: at(10) })).source), 1);
    assert.equal(files((await asked({ ...all, endsFrom: at(9) + 3n * second })).source), 1);
    assert.equal(files((await asked({ ...all, endsFrom: at(9) + second })).source), 2);
    assert.equal(files((await asked({ ...all, from: at(60) })).source), 0);
  });

  it('leaves out files that do not have the trace, once their ids are known', async () => {
    await asked({ ...all, traceId: traceId(5) });
    await lake.cache.settled();
    const { source, found } = await asked({ ...all, traceId: traceId(5) });
    assert.equal(files(source), 1);
    assert.ok(found.includes(traceId(5)));
    assert.equal(files((await asked({ ...all, traceId: traceId(77) })).source), 0);
  });

  it('sees that rows were deleted, in the catalog alone or by a file', async () => {
    for (const [limit, gone] of [
      [100, 3],
      [0, 14],
    ] as const) {
      await lake.connection.run(`SET SESSION ducklake_default_data_inlining_row_limit = ${limit}`);
      await lake.connection.run(`DELETE FROM lake.main.spans WHERE trace_id = '${traceId(gone)}'`);
      assert.ok(!(await asked(all)).found.includes(traceId(gone)));
    }
    assert.equal((await asked(all)).found.length, 28);
  });
});

describe('lines without DuckLake', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    // Ten in a compacted file, ten in one of a commit, ten in the catalog.
    await lake.insert(
      'logs',
      Array.from({ length: 30 }, (_, i) => {
        const time = begin + BigInt(i) * 60n * second;
        const timestamp = new Date(Number(time / 1_000_000n)).toISOString().replace('Z', '');
        return { timestamp, time_unix_nano: time, body: `line ${i}`, log_attributes: `{"n":"${i}"}` };
      }),
    );
  });
  after(() => lake.close());

  const all: RowsRequest = { table: 'logs', from: begin, until: begin + 86_400n * second, keys: ['n'] };

  async function asked(request: RowsRequest): Promise<{ source: string; found: number[] }> {
    return lake.cached.run('test', new AbortController().signal, async ({ session }) => {
      const source = (await session.rowsOf?.(request)) ?? rowsOfTable(request);
      const attribute = request.keys.length === 0 ? `log_attributes->>'n'` : 'attribute_0';
      const rows = await session.rows(
        `SELECT body, ${attribute} AS n, rowid FROM ${source} ORDER BY time_unix_nano`,
      );
      assert.equal(new Set(rows.map(({ rowid }) => rowid)).size, rows.length);
      for (const { body, n } of rows) assert.equal(body, `line ${String(n)}`);
      return { source, found: rows.map(({ n }) => Number(n)) };
    });
  }

  const files = (source: string) =>
    Array.from(source.matchAll(/canardstack-(compacted-)?\d+\.parquet/g), ([, compacted]) =>
      compacted ? 'compacted' : 'of a commit',
    );

  it('reads files of commits beside compacted ones by what the catalog tells of them', async () => {
    const { source, found } = await asked(all);
    assert.deepEqual(
      found,
      Array.from({ length: 30 }, (_, i) => i),
    );
    assert.doesNotMatch(source, /lake\.main/);
    assert.deepEqual(files(source), ['compacted', 'of a commit']);
    const late = await asked({ ...all, from: begin + 600n * second });
    assert.deepEqual(files(late.source), ['of a commit']);
  });

  it('opens files of the newest rows first, alike or not', async () => {
    const newest = { ...all, first: 'newest' } as const;
    assert.deepEqual(files((await asked(newest)).source), ['of a commit', 'compacted']);
    // Now the compacted file is known to have a column of the attribute.
    await lake.cache.settled();
    const { source, found } = await asked(newest);
    assert.equal(found.length, 30);
    assert.deepEqual(files(source), ['of a commit', 'compacted']);
    assert.equal(source.match(/read_parquet/g)?.length, 2);
    const oldest = await asked({ ...all, first: 'oldest' });
    assert.deepEqual(files(oldest.source), ['compacted', 'of a commit']);
    // Lines without attributes too, which are read from the table where all are.
    const plain = await asked({ ...all, keys: [], first: 'newest' });
    assert.deepEqual(files(plain.source), ['of a commit', 'compacted']);
  });

  it('sees that rows were deleted, in the catalog alone or by a file', async () => {
    for (const [limit, gone] of [
      [100, 3],
      [0, 14],
    ] as const) {
      await lake.connection.run(`SET SESSION ducklake_default_data_inlining_row_limit = ${limit}`);
      await lake.connection.run(`DELETE FROM lake.main.logs WHERE body = 'line ${gone}'`);
      assert.ok(!(await asked(all)).found.includes(gone));
    }
    assert.equal((await asked(all)).found.length, 28);
  });

  it('reads files straight again when those with deletions are rewritten', async () => {
    assert.match((await asked(all)).source, /lake\.main/);
    await lake.connection.run(`CALL ducklake_flush_inlined_data('lake', table_name => 'logs')`);
    await lake.connection.run(rewriteSql('logs'));
    await lake.commit('logs');
    const { source, found } = await asked(all);
    assert.equal(found.length, 28);
    assert.doesNotMatch(source, /lake\.main/);
  });
});
