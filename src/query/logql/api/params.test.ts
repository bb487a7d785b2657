import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { logRow, start, testLoki, type TestLoki } from '../fixture.test.js';
import { range, rows } from './rows.test.support.js';

describe('the parameters of the Loki API', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', rows);
  });
  after(() => loki.close());

  it('refuses each parameter of each endpoint in the words of Loki', async () => {
    const atoi = (text: string) => `strconv.Atoi: parsing "${text}": invalid syntax`;
    const bounded = [
      [
        'start',
        'yesterday',
        `could not parse 'start' parameter: strconv.ParseInt: parsing "yesterday": invalid syntax`,
      ],
      ['end', '1e308', `could not parse 'end' parameter: strconv.ParseInt: parsing "1e308": invalid syntax`],
      [
        'end',
        '9'.repeat(30),
        `could not parse 'end' parameter: strconv.ParseInt: parsing "${'9'.repeat(30)}": value out of range`,
      ],
      ['since', 'x', `could not parse 'since' parameter: not a valid duration string: "x"`],
      ['since', '5', `could not parse 'since' parameter: not a valid duration string: "5"`],
      ['since', '5q', `could not parse 'since' parameter: unknown unit "q" in duration "5q"`],
    ] as const;
    const stepped = [
      ['step', 'x', 'cannot parse "x" to a valid duration'],
      ['step', '1e30', 'cannot parse "1e30" to a valid duration. It overflows int64'],
      [
        'step',
        'NaN',
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      ],
      ['step', '0.001', /^exceeded maximum resolution of 11,000 points per time series/],
    ] as const;
    const limited = [
      ['limit', 'x', atoi('x')],
      ['limit', '-1', 'limit must be a positive value'],
    ] as const;
    const directed = [['direction', 'Sideways', "invalid direction 'Sideways'"]] as const;
    const ranged = [
      ...bounded,
      ...stepped,
      ...limited,
      ['limit', '0', 'limit must be a positive value'],
      ...directed,
      ['interval', 'x', 'cannot parse "x" to a valid duration'],
      ['interval', '-1s', 'cannot parse "-1s" to a valid duration'],
      ['interval', '-1', 'interval must be >= 0'],
    ] as const;
    const fields = [
      ...bounded,
      ...stepped,
      ...limited,
      ['line_limit', '0', 'limit must be a positive value'],
      ['line_limit', 'x', atoi('x')],
      ['field_limit', '0', 'limit must be a positive value'],
    ] as const;
    const aggregated = [['aggregateBy', 'x', 'invalid aggregation option']] as const;
    const words: readonly (readonly [
      path: string,
      faults: readonly (readonly [name: string, value: string, words: string | RegExp])[],
    ])[] = [
      ['query_range', ranged],
      ['query', [['time', 'x', 'strconv.ParseInt: parsing "x": invalid syntax'], ...limited, ...directed]],
      ['labels', bounded],
      ['label/a/values', bounded],
      ['series', bounded],
      ['index/stats', ranged],
      [
        'index/shards',
        [...ranged, ['targetBytesPerShard', '0', 'targetBytesPerShard must be a positive value']],
      ],
      ['index/volume', [...bounded, ...limited, ...directed, ...aggregated]],
      ['index/volume_range', [...bounded, ...stepped, ...limited, ...directed, ...aggregated]],
      ['detected_labels', bounded],
      ['detected_fields', fields],
      ['detected_field/a/values', fields],
      ['patterns', [...bounded, ...stepped]],
    ];
    for (const [path, faults] of words) {
      for (const [name, value, expected] of faults) {
        // A query that does not parse is told after its parameters; that of a tail before.
        const query = path === 'query' ? 'sum(' : '{a="b"';
        const time = name === 'end' || name === 'time' ? {} : range;
        const { status, body } = await loki.get(path, { ...time, query, [name]: value });
        const told = `${path} ${name}=${value}: ${body}`;
        assert.equal(status, 400, told);
        if (typeof expected === 'string') assert.equal(body, expected, told);
        else assert.match(body, expected, told);
      }
    }
    // The limits of the server come after the query.
    const many = await loki.get('detected_fields', { query: '{a="b"}', ...range, line_limit: '5001' });
    assert.match(many.body, /^max entries limit per query exceeded, .* \(5001 > 5000\)$/);
  });

  it('counts a range from its end, or from now where that is ahead', async () => {
    const ahead = String(BigInt(Date.now() + 3_600_000) * 1_000_000n);
    const now = BigInt(Date.now()) * 1_000_000n;
    await loki.lake.insert('logs', [
      logRow({ at: 0, ns: now - 1_200_000_000_000n - start, service: 'recent', body: 'x' }),
    ]);
    for (const [since, found] of [
      ['10m', 0],
      ['30m', 1],
    ] as const) {
      const query = { query: '{service_name="recent"}', since, end: ahead };
      const { data } = (await loki.get('query_range', query)).json<{ data: { result: object[] } }>();
      assert.equal(data.result.length, found, since);
    }
  });
});
