import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { logRow, testLoki, type TestLoki } from '../fixture.test.js';
import { ask, type Ask } from './ask.test.support.js';

const id = (n: number, digits: number) => n.toString(16).padStart(digits, '0');

/** Lines of `pay` have ids of their own; of `shared` two lines have the same, which may or may not differ in a field. */
const rows = Array.from({ length: 120 }, (_, i) => {
  const service = ['pay', 'shared', 'none', 'text'][i % 4] as string;
  const own = service === 'shared' ? i >> 3 : i;
  const amount = (i * 37) % 90;
  return logRow({
    at: (i * 7) % 300,
    ns: BigInt(i),
    service,
    body: JSON.stringify({
      amount: service === 'text' && i > 100 ? `x${i}` : i % 5 === 0 ? `${amount}.50` : amount,
      currency: ['EUR', 'USD', undefined][i % 3],
      trace_id: `field-${i % 6}`,
      n: i % 16,
    }),
    columns: service === 'none' ? {} : { trace_id: id(own + 1, 32), span_id: id(own + 1, 16) },
  });
});

/** Records of few traces, and of few spans apart from these; ids are decimal. */
const numbered = Array.from({ length: 24 }, (_, i) =>
  logRow({
    at: i * 10,
    service: 'numbered',
    body: JSON.stringify({ currency: 'EUR', amount: i }),
    columns: { trace_id: `${1 + (i % 4)}`.padStart(32, '0'), span_id: `${1 + (i >> 2)}`.padStart(16, '0') },
  }),
);

const combinations = [
  ['avg', 'avg_over_time', ' by (currency)'],
  ['sum', 'max_over_time', ''],
  ['count', 'quantile_over_time', ' by (trace_id, level)'],
  ['stddev', 'last_over_time', ' by (currency, span_id)'],
  ['max', 'sum_over_time', ' by (amount)'],
  ['avg', 'stddev_over_time', ' without (n)'],
] as const;

describe('aggregations across series of single records', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', [...rows, ...numbered]);
  });
  after(() => loki.close());

  /** As it is without the shortcut, which a function between the two keeps from being taken. */
  const apart = (outer: string, by: string, inner: string) =>
    `${outer}${by} (label_replace(${inner}, "other", "", "other", ""))`;
  const asks: readonly Ask[] = [
    { from: 0, to: 300, step: 60 },
    { from: 50, to: 290, step: 20 },
    { from: 300, to: 300, step: 60 },
  ];

  for (const service of ['pay', 'shared', 'none', 'text', 'pay|shared|none']) {
    it(`are those of the series themselves: ${service}`, async () => {
      const inner = (op: string) => {
        const rest = op === 'quantile_over_time' ? '0.9, ' : '';
        return `${op}(${rest}{service_name=~"${service}"} |= "amount" | json | unwrap amount [1m])`;
      };
      for (const [i, [outer, op, by]] of combinations.entries()) {
        const query = `${outer}${by} (${inner(op)})`;
        const range = asks[i % asks.length] as Ask;
        assert.deepEqual(
          await ask(loki, query, range),
          await ask(loki, apart(outer, by, inner(op)), range),
          query,
        );
      }
    });
  }

  for (const [id, outer] of [
    ['trace_id', 'avg'],
    ['span_id', 'count'],
    ['span_id', 'stddev'],
  ]) {
    it(`are those of the series themselves: ${outer} of ${id}`, async () => {
      const inner = `avg_over_time({service_name="numbered"} | json currency="currency" | unwrap ${id} [2m])`;
      const range = asks[0] as Ask;
      const answer = await ask(loki, `${outer} (${inner})`, range);
      assert.equal(answer.length, 1);
      assert.deepEqual(answer, await ask(loki, apart(`${outer}`, '', inner), range));
    });
  }

  it('make no series of records', async () => {
    const query = 'avg by (currency) (avg_over_time({service_name="pay"} | json | unwrap amount [1m]))';
    const limited = await testLoki({ maxSeries: 3 });
    try {
      await limited.lake.insert('logs', rows);
      assert.equal((await ask(limited, query, asks[0] as Ask)).length, 3);
      // Two that differ in the label that is asked for are two series, whatever their ids.
      assert.equal((await ask(limited, query.replace('pay', 'shared'), asks[0] as Ask)).length, 3);
      const shared = query.replace('pay', 'shared').replace('by (currency) ', '');
      const [refused] = await ask(limited, shared, asks[0] as Ask);
      assert.match(refused ?? '', /^4\d\d .*series/);
    } finally {
      await limited.close();
    }
  });
});
