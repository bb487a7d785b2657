import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../test/support/promql.js';
import { randomNumbers } from '../../../test/support/random.js';
import { execute } from './exec/engine.js';
import { parse } from './plan/prepare.js';

const seed = Number(process.env['PROPERTIES_SEED'] ?? Math.floor(Math.random() * 1e9));
const minutes = 40;
const step = 90_000;

/** What a query gives by labels and time. */
type Table = Map<string, number>;

describe(`properties of PromQL (PROPERTIES_SEED=${seed})`, () => {
  const random = randomNumbers(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    const all: Parameters<TestLake['insert']>[1][number][] = [];
    for (const [name, rising] of [
      ['level', false],
      ['hits_total', true],
    ] as const) {
      for (const zone of ['a', 'b']) {
        for (const host of ['1', '2', '3']) {
          let value = 0;
          const rows = Array.from({ length: minutes * 2 }, (_, i) => {
            value = rising && random() > 0.05 ? value + Math.floor(random() * 9) : Math.floor(random() * 100);
            return { ...metricPoint(scriptStart + i * 30_000, name, { zone, host }), value };
          }).filter(() => random() > 0.1);
          all.push(...rows);
        }
      }
    }
    await lake.insert('metric_gauge', all);
  });
  after(() => lake.close());

  async function table(expr: string, start: number, end: number, every: number): Promise<Table> {
    const times = { start, end, step: every, lookback: 300_000 };
    const result = await lake.guard.run('test', new AbortController().signal, (ctx) =>
      execute(ctx, parse(expr), times),
    );
    const found: Table = new Map();
    if (!('series' in result)) throw new Error('no vector');
    for (const { labels, points } of result.series) {
      const read = points();
      Array.from(read.times).forEach((time, i) => found.set(`${labels.key} ${time}`, read.values[i] ?? NaN));
    }
    return found;
  }

  const selector = () =>
    pick(['level', 'hits_total', 'level{host!="2"}', '{zone="a"}', 'hits_total offset 3m']);
  const ranged = () =>
    `${pick(['rate', 'increase', 'delta', 'max_over_time', 'count_over_time', 'last_over_time', 'resets', 'deriv'])}` +
    `(${pick(['level', 'hits_total{zone="b"}'])}[${pick(['2m', '5m', '7m30s'])}])`;
  const query = () =>
    pick([
      selector,
      ranged,
      () => `sum by (zone) (${ranged()})`,
      () => `topk(2, ${ranged()})`,
      () => `quantile without (host) (0.7, level)`,
      () => `level ${pick(['+', '>', '/', 'and', 'unless'])} on (zone, host) hits_total`,
      () => `max_over_time(${ranged()}[6m:${pick(['1m', '90s'])}])`,
      () => `avg(level @ ${scriptStart / 1000 + 600}) - ${ranged()}`,
    ])();

  it('gives over a range what it gives at each of its steps', async () => {
    for (let round = 0; round < 4; round++) {
      const expr = query();
      const start = scriptStart + Math.floor(random() * 10) * 60_000;
      const end = start + 8 * step;
      const whole = await table(expr, start, end, step);
      const single: Table = new Map();
      for (let at = start; at <= end; at += step) {
        for (const [key, value] of await table(expr, at, at, 0)) single.set(key, value);
      }
      assert.deepEqual([...whole].sort(), [...single].sort(), expr);
    }
  });

  it('aggregates by labels as without all the others', async () => {
    for (const op of ['sum', 'count', 'min', 'max', 'group', 'avg']) {
      const inner = ranged();
      const [start, end] = [scriptStart + 300_000, scriptStart + 1_800_000];
      const by = await table(`${op} by (zone) (${inner})`, start, end, step);
      const without = await table(`${op} without (host) (${inner})`, start, end, step);
      assert.ok(by.size > 0);
      assert.deepEqual([...by].sort(), [...without].sort(), `${op} of ${inner}`);
    }
  });
});
