import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { logRow, start, testLoki, type TestLoki } from '../fixture.test.js';
import { ask, digits, second, stepsOf, type Ask } from './ask.test.support.js';
import { quantile } from '../../series/statistics.js';

interface Record_ {
  readonly time: bigint;
  readonly service: string;
  readonly pod: string;
  readonly body: string;
  readonly ratio: number;
  readonly user: string;
}

/** Pseudo-random but the same each time (Park and Miller). */
function random(): (below: number) => number {
  let seed = 7;
  return (below) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
}

const next = random();
const records = Array.from({ length: 400 }, (_, i): Record_ => {
  const json = next(3) === 0;
  return {
    time: start + BigInt(next(240)) * 1_000_000_000n + BigInt(i * 1_000_003 + 1),
    service: ['cart', 'checkout', 'ad'][next(3)] ?? '',
    pod: `pod-${next(2)}`,
    ratio: next(100) / 8,
    user: `u${next(3)}`,
    body: json
      ? JSON.stringify({ method: 'GET', status: 200 + next(3), took: `${next(90)}ms`, size: `${next(9)}KB` })
      : `level=info method=POST status=${500 + next(2)} took=${next(90)}ms n=${i}`,
  };
});

const rows = records.map((record) =>
  logRow({
    at: 0,
    ns: record.time - start,
    service: record.service,
    severity: 9,
    body: record.body,
    attributes: { ratio: record.ratio, 'user.id': record.user },
    columns: { k8s_pod_name: record.pod },
  }),
);

const all = '{service_name=~".+"}';
type Sample = readonly [time: bigint, value: number];

/** The same by brute force. */
function expected(
  ask: Ask,
  range: number,
  key: (record: Record_) => string | undefined,
  fold: (samples: readonly Sample[]) => number,
  value: (record: Record_) => number = () => 1,
  offset = 0,
): string[] {
  const series = new Map<string, string[]>();
  for (const at of stepsOf(ask)) {
    const end = start + BigInt(at - offset) * second;
    const groups = new Map<string, Sample[]>();
    for (const record of [...records].sort((a, b) => (a.time < b.time ? -1 : 1))) {
      const name = key(record);
      if (name === undefined || record.time <= end - BigInt(range) * second || record.time > end) continue;
      groups.set(name, [...(groups.get(name) ?? []), [record.time, value(record)]]);
    }
    for (const [name, samples] of groups) {
      series.set(name, [...(series.get(name) ?? []), `${at}=${digits(fold(samples))}`]);
    }
  }
  return [...series].map(([name, points]) => `{${name}} ${points.join(' ')}`).sort();
}

const sum = (samples: readonly Sample[]) => samples.reduce((total, [, value]) => total + value, 0);
const mean = (samples: readonly Sample[]) => sum(samples) / samples.length;
const variance = (samples: readonly Sample[]) =>
  samples.reduce((total, [, value]) => total + (value - mean(samples)) ** 2, 0) / samples.length;
const values = (samples: readonly Sample[]) => samples.map(([, value]) => value);
const byService = (record: Record_) => `service_name=${record.service}`;
const ratio = (record: Record_) => record.ratio;

/** Range longer than, equal to and shorter than the step, and with steps that do not divide it. */
const asks: readonly (Ask & { readonly range: number })[] = [
  { from: 0, to: 240, step: 30, range: 30 },
  { from: 0, to: 240, step: 30, range: 60 },
  { from: 13, to: 250, step: 17, range: 60 },
  { from: 5, to: 240, step: 50, range: 20 },
  { from: 120, to: 120, step: 1, range: 100 },
];

describe('LogQL range aggregations', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', rows);
  });
  after(() => loki.close());

  const unwrapped: Record<string, (samples: readonly Sample[]) => number> = {
    sum_over_time: sum,
    avg_over_time: mean,
    min_over_time: (samples) => Math.min(...values(samples)),
    max_over_time: (samples) => Math.max(...values(samples)),
    stdvar_over_time: variance,
    stddev_over_time: (samples) => Math.sqrt(variance(samples)),
    first_over_time: (samples) => values(samples)[0] ?? NaN,
    last_over_time: (samples) => values(samples).at(-1) ?? NaN,
    quantile_over_time: (samples) => quantile(0.8, Float64Array.from(values(samples))),
  };

  for (const each of asks) {
    const shape = `[${each.range}s] each ${each.step}s`;
    const window = `[${each.range}s]`;
    it(`counts and rates ${shape}`, async () => {
      const count = `count_over_time(${all}${window})`;
      assert.deepEqual(
        await ask(loki, `sum by (service_name) (${count})`, each),
        expected(each, each.range, byService, sum),
      );
      assert.deepEqual(
        await ask(loki, `sum(rate(${all} |= "GET" ${window} offset 20s))`, each),
        expected(
          each,
          each.range,
          (record) => (record.body.includes('GET') ? '' : undefined),
          (samples) => samples.length / each.range,
          undefined,
          20,
        ),
      );
      assert.deepEqual(
        await ask(loki, `sum by (user_id) (bytes_over_time(${all} | logfmt | n != "" ${window}))`, each),
        expected(
          each,
          each.range,
          (record) => (record.body.startsWith('{') ? undefined : `user_id=${record.user}`),
          sum,
          (record) => Buffer.byteLength(record.body),
        ),
      );
    });
    for (const [op, fold] of Object.entries(unwrapped)) {
      it(`${op} ${shape}`, async () => {
        const parameter = op === 'quantile_over_time' ? '0.8, ' : '';
        const grouping = op === 'sum_over_time' ? '' : 'by (service_name)';
        const inner = `${op}(${parameter}${all} | keep service_name, ratio | unwrap ratio ${window}) ${grouping}`;
        assert.deepEqual(await ask(loki, inner, each), expected(each, each.range, byService, fold, ratio));
      });
    }
  }

  it('folds in SQL and record by record to the same', async () => {
    const queries = [
      `sum by (service_name, user_id) (count_over_time(${all} STAGE | user_id!="u1" [1m]))`,
      `count_over_time(${all} STAGE [1m])`,
      `sum without (ratio, user_id) (rate(${all} STAGE [1m]))`,
      `max_over_time(${all} STAGE | unwrap ratio [1m]) without (user_id)`,
      `quantile_over_time(0.5, ${all} STAGE | ratio > 3 | unwrap ratio [1m]) by (user_id)`,
      `rate_counter(${all} STAGE | keep service_name, ratio | unwrap ratio [1m])`,
      `first_over_time(${all} STAGE | unwrap ratio [1m]) by (k8s_pod_name)`,
      `avg_over_time(${all} STAGE | unwrap user_id | __error__="" [1m])`,
      `avg_over_time(${all} STAGE | unwrap user_id [1m])`,
      `bytes_rate(${all} STAGE | drop ratio, user_id [1m])`,
      `count_over_time(${all} STAGE | keep service_name, user_id, nope | drop nope | user_id!="u1" [1m])`,
      `sum without (user_id) (count_over_time(${all} STAGE | keep service_name, user_id [1m]))`,
      `max_over_time(${all} STAGE | keep level, ratio | unwrap ratio [1m])`,
      `count_over_time(${all} STAGE | keep service_name="ad", user_id [1m])`,
      `count_over_time(${all} STAGE | drop user_id="u1", ratio [1m])`,
      `sum by (level) (count_over_time(${all} STAGE [1m]))`,
      `sum by (x) (count_over_time(${all} STAGE | label_format x=user_id [1m]))`,
      `sum by (status, method) (count_over_time(${all} STAGE |= "GET" | json | status!="202" [1m]))`,
      `sum by (level, size) (count_over_time(${all} STAGE | json | drop __error__ [1m]))`,
      `sum by (s) (count_over_time(${all} STAGE | json s="status", m="method" | m="GET" | __error__="" [1m]))`,
      `max_over_time(${all} STAGE | json | unwrap status | __error__="" [1m]) by (method)`,
      `sum by (status) (count_over_time(${all} STAGE | json | status > 200 [1m]))`,
      `sum by (status) (count_over_time(${all} STAGE | json | __error__!="" [1m]))`,
    ];
    const shape = { from: 0, to: 240, step: 20 };
    for (const query of queries) {
      // decolorize changes nothing here, but only the pipeline itself can know that.
      const [sql, records] = [query.replace('STAGE', ''), query.replace('STAGE', '| decolorize')];
      const got = await ask(loki, sql, shape);
      assert.deepEqual(withoutDetails(got), withoutDetails(await ask(loki, records, shape)), query);
      assert.equal(got.length === 0, query.includes('unwrap user_id | __error__'), query);
    }
  });

  const withoutDetails = (lines: readonly string[]) => lines.map((line) => line.replace(/ \(.*\)/, ''));

  it('refuses records with errors unless they are filtered out', async () => {
    const shape = { from: 60, to: 60, step: 1 };
    const failing = [
      `sum by (status) (count_over_time(${all} | json [1m]))`,
      `sum(count_over_time(${all} | user_id > 5 [1m]))`,
      `sum_over_time(${all} | unwrap user_id [1m])`,
    ];
    for (const query of failing)
      assert.match((await ask(loki, query, shape))[0] ?? '', /^400 pipeline error/, query);
    const [only] = await ask(
      loki,
      `sum(count_over_time(${all} | json | __error__="" | status!="" [1m]))`,
      shape,
    );
    const json = expected(shape, 60, (record) => (record.body.startsWith('{') ? '' : undefined), sum);
    assert.equal(only, json[0]);
  });

  it('does not run parsers that nothing reads', async () => {
    const shape = { from: 60, to: 60, step: 1 };
    const query = (stages: string) => `sum by (service_name) (count_over_time(${all} | ${stages} [1m]))`;
    assert.deepEqual(await ask(loki, query('logfmt'), shape), expected(shape, 60, byService, sum));
    assert.deepEqual(
      await ask(loki, `sum(count_over_time(${all} | json [1m]))`, shape),
      expected(shape, 60, () => '', sum),
    );
    // A label of the stream is none that a parser finds, so lines are read to their faults.
    assert.match((await ask(loki, query('json'), shape)).join(), /^400 pipeline error: 'JSONParserErr'/);
  });

  it('says where nothing is', async () => {
    const shape = { from: 0, to: 300, step: 150 };
    assert.deepEqual(await ask(loki, 'absent_over_time({service_name="nope", x=~"y"}[1m])', shape), [
      '{service_name=nope} 0=1 150=1 300=1',
    ]);
    assert.deepEqual(await ask(loki, `absent_over_time(${all}[1m])`, { from: 200, to: 400, step: 200 }), [
      '{} 400=1',
    ]);
    assert.deepEqual(await ask(loki, `absent_over_time(${all}[5m])`, { from: 60, to: 120, step: 60 }), []);
    assert.deepEqual(await ask(loki, 'sum(count_over_time({service_name="nope"}[1m]))', shape), []);
  });

  it('converts units on unwrap', async () => {
    const shape = { from: 240, to: 240, step: 1 };
    const took = (record: Record_) => Number(/took"?[=:]"?(\d+)ms/.exec(record.body)?.[1] ?? NaN) / 1000;
    assert.deepEqual(
      await ask(
        loki,
        `avg_over_time(${all} |= "POST" | logfmt | unwrap duration(took) [4m]) by (service_name)`,
        shape,
      ),
      expected(
        shape,
        240,
        (record) => (record.body.includes('POST') ? byService(record) : undefined),
        mean,
        took,
      ),
    );
    const size = (record: Record_) => Number(/"(\d+)KB/.exec(record.body)?.[1] ?? NaN) * 1000;
    assert.deepEqual(
      await ask(loki, `max_over_time(${all} | json | unwrap bytes(size) | __error__="" [4m]) by ()`, shape),
      expected(
        shape,
        240,
        (record) => (record.body.includes('KB') ? '' : undefined),
        (samples) => Math.max(...values(samples)),
        size,
      ),
    );
  });

  it('gives of a topk in SQL what it gives of all series, equal ones included', async () => {
    const at = async (query: string) => {
      const time = String(start + 240n * second);
      const answer = (await loki.get('query', { query, time })).json().data;
      return {
        rows: answer.result.map(({ metric, value }) => ({
          label: Object.values(metric).join(),
          value: Number(value[1]),
        })),
        read: (answer.stats.summary as { totalLinesProcessed?: number }).totalLinesProcessed,
      };
    };
    for (const counted of ['count_over_time', 'bytes_rate'])
      for (const by of ['user_id', 'ratio'])
        for (const [op, sign] of [
          ['topk', -1],
          ['bottomk', 1],
        ] as const) {
          const inner = `sum by (${by}) (${counted}(${all}[4m]))`;
          const whole = await at(inner);
          for (const count of [1, 2, 5, 200]) {
            const query = `${op}(${count}, ${inner})`;
            const found = await at(query);
            const values = whole.rows.map(({ value }) => value).sort((a, b) => sign * (a - b));
            assert.deepEqual(
              found.rows.map(({ value }) => value),
              values.slice(0, count),
              query,
            );
            for (const row of found.rows)
              assert.ok(
                whole.rows.some(({ label, value }) => label === row.label && value === row.value),
                query,
              );
            assert.equal(found.read, whole.read, query);
          }
        }
  });
});
