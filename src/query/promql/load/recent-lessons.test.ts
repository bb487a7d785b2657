import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { chunkValues, rawChunk } from '../../../lake/raw-chunk.js';
import type { MetadataKind } from '../../../lake/metadata/layout.js';
import { LabelSets } from '../../../lake/recent/label-sets.js';
import { RecentMetric } from '../../../lake/recent/metric.js';
import { RecentLearner, RecentTable } from '../../../lake/recent/table.js';
import { unitOf } from '../../../lake/samples/unit.js';
import type { ResultChunk, SeriesFiles } from '../../../lake/session.js';
import { execute } from '../exec/engine.js';
import { parse } from '../plan/prepare.js';

/** Takes the place of what a statement that reads rows gives. */
type Meanwhile = (
  sql: string,
  read: () => Promise<readonly ResultChunk[]>,
) => Promise<readonly ResultChunk[]>;

interface Question {
  readonly meanwhile?: Meanwhile;
  readonly kinds?: readonly MetadataKind[];
  readonly stopped?: () => boolean;
}

interface Learnt {
  readonly tables: readonly SeriesFiles[] | null;
  readonly recent: RecentTable | null;
  /** Rows that were read for it. */
  readonly rows: number;
}

describe('a lesson on the last commits', () => {
  let lake: TestLake;
  beforeEach(async () => {
    lake = await testLake({}, 'one commit', 600_000);
    await inlining(0);
    for (const table of ['metric_gauge', 'metric_sum'] as const)
      await lake.insert(table, [{ ...metricPoint(scriptStart, 'before'), value: 0 }]);
    // So that the folders of their files are known.
    const times = { start: scriptStart, end: scriptStart, step: 1000, lookback: 1000 };
    await lake.cached.run('test', new AbortController().signal, (ctx) =>
      execute(ctx, parse('before'), times),
    );
    const { tables } = await ask({ kinds: ['metric_gauge', 'metric_sum'] });
    assert.deepEqual(
      tables?.map(({ rest }) => rest),
      [null, null],
    );
  });
  afterEach(() => lake.close());

  const inlining = (limit: number) =>
    lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '${limit}')`);

  const commit = (value: number, more: Record<string, unknown> = {}) =>
    lake.insert('metric_gauge', [{ ...metricPoint(scriptStart, 'g'), value, ...more }]);

  const many = (rows: number) =>
    lake.connection.run(
      `INSERT INTO lake.main.metric_gauge BY NAME SELECT g.* FROM (SELECT * FROM lake.main.metric_gauge LIMIT 1) g, range(${rows})`,
    );

  async function ask({
    meanwhile = (_, read) => read(),
    kinds = ['metric_gauge'],
    stopped = () => false,
  }: Question = {}): Promise<Learnt> {
    const reader = await lake.connect(true);
    let rows = 0;
    let recent: RecentTable | null = null;
    const run = async (sql: string) => (await reader.runAndReadAll(sql)).getRows();
    const chunks = (sql: string) =>
      meanwhile(sql, async () => {
        const found = await reader.run(sql);
        const types = found.columnTypes();
        const all = (await found.fetchAllChunks()).map((chunk) => chunkValues(rawChunk(chunk, types)));
        if (sql.includes('epoch_us')) rows += all.reduce((sum, { rowCount }) => sum + rowCount, 0);
        return all;
      });
    try {
      const request = { kinds, from: 0n, until: 2n ** 62n, samples: true };
      const reads = { run, chunks, stopped };
      const given = (table: RecentTable) => (recent = table);
      const view = await lake.cache.series(request, reads, { generation: null }, given);
      return { tables: view?.tables ?? null, recent, rows };
    } finally {
      reader.closeSync();
    }
  }

  async function values(recent: RecentTable | null): Promise<readonly (readonly [number, number])[]> {
    const unit = await recent?.unit('g', 'value');
    if (!unit) return [];
    const { times, values: all, untils } = unitOf(unit);
    return Array.from(
      times.subarray(0, untils[0]),
      (time, i) => [unit.base + time - scriptStart, all[i] ?? NaN] as const,
    );
  }

  it('takes of several values at one time the one that was committed last', async () => {
    for (const value of [1, 2, 3]) await commit(value);
    assert.deepEqual(await values((await ask()).recent), [[0, 3]]);
    await commit(4);
    assert.deepEqual(await values((await ask()).recent), [[0, 4]]);
  });

  it('takes of several values in one millisecond the one of the latest microsecond', async () => {
    const at = (micros: string) =>
      `${new Date(scriptStart).toISOString().slice(0, 19).replace('T', ' ')}.000${micros}`;
    await commit(9, { timestamp: at('900') });
    await commit(1, { timestamp: at('100') });
    const { recent } = await ask();
    assert.deepEqual(await values(recent), [[0, 9]]);
    const [spans] = recent?.spans(['g']) ?? [];
    assert.ok(spans);
    const [, first, last, records] = new Float64Array(spans.numbers);
    assert.deepEqual([first, last, records], [scriptStart * 1000, scriptStart * 1000, 2]);
  });

  it('leaves a small file of too many rows to the table', async () => {
    await many(150_000);
    await commit(1);
    const { tables, rows } = await ask();
    assert.equal(rows, 1);
    assert.equal(tables, null, 'the large one is read by SQL');
  });

  it('reads a bounded number of rows, and the rest after the next commit', async () => {
    for (const rows of [30_000, 30_001, 45_000]) await many(rows);
    const first = await ask();
    assert.equal(first.tables, null);
    assert.equal(first.rows, 75_001);
    await commit(1);
    const second = await ask();
    assert.equal(second.rows, 30_001);
    assert.equal(second.tables?.[0]?.rest, null);
  });

  it('leaves many rows in the catalog to the table, also when some of those known are gone', async () => {
    const read: string[] = [];
    let extra = 'g.*';
    const learner = new RecentLearner('metric_gauge');
    const source = (rows: number) => `(SELECT ${extra} FROM lake.main.metric_gauge g, range(${rows}))`;
    const learn = (inlined: number, since: number, fresh: number | null = null) =>
      learner.learn({
        live: {
          ...{ sizes: new Map(), rows: new Map(), touched: new Set(), told: new Map(), validFrom: 0n },
          ...{ inlined, inlinedTables: [], inlinedSources: null },
        },
        ...{ straight: [], fresh },
        inlined: (upTo) => Promise.resolve([source(upTo === null ? inlined : since)]),
        ...{ snapshot: 1n, maxBytes: 1e9, budget: { rows: 5 } },
        reads: {
          stopped: () => false,
          async chunks(sql) {
            read.push(sql);
            const found = await lake.connection.run(sql);
            const types = found.columnTypes();
            return (await found.fetchAllChunks()).map((chunk) => chunkValues(rawChunk(chunk, types)));
          },
        },
      });
    await learn(6, 6);
    assert.deepEqual([learner.table?.inlined, read], [false, []]);
    await learn(4, 4);
    assert.equal(learner.table?.inlined, true);
    const known = learner.table;
    extra = `g.* REPLACE ('another' AS service_name)`;
    await learn(7, 3);
    assert.equal(learner.table.inlined, true);
    // Spans of before may have a label set that came later.
    const sets = known?.spans(null).flatMap(({ numbers }) => -(new Float64Array(numbers).at(-4) ?? 0)) ?? [];
    assert.deepEqual([sets, known?.sets], [[2], 2]);
    read.length = 0;
    // Three are new, of those before two are gone.
    await learn(8, 3);
    assert.equal(learner.table?.inlined, false);
    assert.ok(read.every((sql) => sql.includes(source(3))));
    await learn(4, 4);
    read.length = 0;
    // One of those known is gone, and the new one too before it is read.
    await learn(4, 0, 1);
    assert.equal(learner.table?.inlined, true);
    assert.ok(read.some((sql) => sql.includes(source(4))));
  });

  it('rests after one that failed or was stopped', async () => {
    for (const stopped of [false, true]) {
      const [table, value] = stopped ? (['metric_sum', 2] as const) : (['metric_gauge', 1] as const);
      await lake.insert(table, [{ ...metricPoint(scriptStart, 'g'), value }]);
      const meanwhile = () => Promise.reject(new Error('IO Error: no way to it'));
      await assert.rejects(ask({ meanwhile, kinds: [table], stopped: () => stopped }), /no way/);
      const { tables, rows } = await ask({ kinds: [table] });
      assert.deepEqual([tables, rows], [null, 0]);
    }
  });

  it('reads the other files where one can not be read', async () => {
    for (const value of [1, 2, 3]) await commit(value);
    const [path] = (
      await lake.connection.runAndReadAll(
        `SELECT data_file FROM ducklake_list_files('lake', 'metric_gauge') ORDER BY data_file`,
      )
    )
      .getRows()
      .map(([file]) => file as string)
      .slice(-2);
    assert.ok(path);
    const meanwhile: Meanwhile = (sql, read) =>
      sql.includes(path) ? Promise.reject(new Error('Binder Error: no such column')) : read();
    const first = await ask({ meanwhile });
    assert.equal(first.rows, 2);
    assert.equal(first.tables, null, 'that one is read by SQL');
    await commit(4);
    const { rows } = await ask();
    assert.equal(rows, 1, 'it is not tried again');
  });

  it('is not waited for by questions on other tables, and not for long by those on the same', async () => {
    await commit(1);
    await lake.insert('metric_sum', [{ ...metricPoint(scriptStart, 'g'), value: 2 }]);
    const steps = new EventEmitter();
    const [begun, released] = [once(steps, 'begun'), once(steps, 'released')];
    const meanwhile: Meanwhile = async (_, read) => {
      steps.emit('begun');
      await released;
      return read();
    };
    const slow = ask({ meanwhile });
    await begun;
    const other = await ask({ kinds: ['metric_sum'] });
    assert.equal(other.tables?.[0]?.rest, null);
    assert.equal((await ask()).tables, null);
    steps.emit('released');
    assert.deepEqual(await values((await slow).recent), [[0, 1]]);
    assert.equal((await ask()).tables?.[0]?.rest, null);
  });

  it('counts what is made of rows, and makes nothing too large of them', async () => {
    const told = async () =>
      Number(/^canardstack_recent_samples_bytes (\d+)/m.exec(await lake.registry.metrics())?.[1]);
    await many(90_000);
    const { recent } = await ask();
    const before = await told();
    assert.ok(await recent?.unit('before', 'value'));
    assert.ok((await told()) >= before + 90_000 * 12);
    assert.ok(recent);
    const { kind, live, covers, inlined, metrics } = recent;
    const sets = new LabelSets(kind);
    // Of a metric of which no unit is made: its rows are 2.5 MB at most.
    const unit = (maxBytes: number, bytes: number) => {
      const own = [...metrics].map(
        ([name, { segments }]) => [name, new RecentMetric(name, segments)] as const,
      );
      const table = new RecentTable(kind, live, covers, inlined, new Map(own), sets, maxBytes, () => bytes);
      return table.unit('before', 'value');
    };
    assert.ok(await unit(16e6, 0));
    assert.equal(await unit(16e6, 15e6), null);
    assert.equal(await unit(8e6, 0), null);
  });
});
