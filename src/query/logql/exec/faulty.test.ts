import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { logRow, start, testLoki, type TestLoki } from '../fixture.test.js';

const counter = [1, 3, 6, 10, 2, 5, 9].map((n, i) =>
  logRow({ at: 60 * (i + 1), service: 'counter', body: `n=${n}` }),
);
const lines = [
  '{"level":"error","service_name":"inner","user_id":"parsed"}',
  '{"level":"info"}',
  '{"level":"error","msg":"cut off',
];
const faulty = lines.map((body, i) =>
  logRow({ at: i + 1, service: 'checkout', severity: 9, body, attributes: { 'user.id': 'own' } }),
);
const checkout = '{service_name="checkout"}';

describe('LogQL on lines with faults and names that meet', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', [...counter, ...faulty]);
  });
  after(() => loki.close());

  const instant = async (query: string) => {
    const answer = await loki.get('query', { query, time: String(start + 600_000_000_000n) });
    assert.equal(answer.status, 200, answer.body);
    return answer.json().data.result.map(({ metric, value }) => [metric, value[1]] as const);
  };

  it('reads of a malformed line what is needed', async () => {
    assert.deepEqual(await instant(`sum by (level) (count_over_time(${checkout} | json [10m]))`), [
      [{ level: 'error' }, '2'],
      [{ level: 'info' }, '1'],
    ]);
    assert.deepEqual(await instant(`sum(count_over_time(${checkout} | json | level="error" [10m]))`), [
      [{}, '2'],
    ]);
  });

  it('counts errors that are asked for, and reports others', async () => {
    assert.deepEqual(await instant(`sum by (__error__) (count_over_time(${checkout} | json [10m]))`), [
      [{}, '2'],
      [{ __error__: 'JSONParserErr' }, '1'],
    ]);
    const query = `count_over_time(${checkout} | json [10m])`;
    const answer = await loki.get('query', { query, time: String(start + 600_000_000_000n) });
    assert.equal(answer.status, 400);
    assert.match(answer.body, /^pipeline error: 'JSONParserErr' for series: '\{__error__="JSONParserErr", /);
  });

  it('filters by what was parsed beside a label of the record', async () => {
    for (const stages of [
      '| json | service_name_extracted="inner"',
      '| json service_name="service_name" | service_name_extracted="inner"',
      '| regexp "service_name\\":\\"(?P<service_name>\\\\w+)" | service_name_extracted="inner"',
      '| json | user_id_extracted="parsed" | user_id="own"',
      '| drop user_id | json | user_id="parsed"',
    ]) {
      const query = `sum(count_over_time(${checkout} ${stages} [10m]))`;
      assert.deepEqual(await instant(query), [[{}, '1']], stages);
    }
  });

  it('gives the rate of a counter as Loki does', async () => {
    const query = 'rate_counter({service_name="counter"} | logfmt | keep service_name, n | unwrap n [10m])';
    const [rate] = await instant(query);
    assert.ok(Math.abs(Number(rate?.[1]) - 0.03) < 1e-6, rate?.[1]);
  });
});
