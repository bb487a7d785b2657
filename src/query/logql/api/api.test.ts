import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { logRow, start, testLoki, type TestLoki } from '../fixture.test.js';
import { end, range, rows } from './rows.test.support.js';

describe('the Loki API', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', rows);
  });
  after(() => loki.close());

  it('answers when there is nothing, and Grafana asking whether it works', async () => {
    const nothing = (await loki.get('query_range', { query: '{service_name="nope"}', ...range })).json();
    assert.deepEqual([nothing.status, nothing.data.result], ['success', []]);
    const health = (await loki.get('query', { query: 'vector(1)+vector(1)', time: '1' })).json();
    assert.deepEqual(health.data.result, [{ metric: {}, value: [1, '2'] }]);
  });

  it('answers range queries of streams and matrices, with stats', async () => {
    const streams = (
      await loki.get('query_range', { query: '{service_name="cart"}', limit: '3', ...range })
    ).json();
    assert.equal(streams.status, 'success');
    assert.equal(streams.data.resultType, 'streams');
    assert.equal(streams.data.stats.summary.totalEntriesReturned, 3);
    const query = 'sum by (service_name) (count_over_time({service_name=~".+"}[30s]))';
    const matrix = (await loki.get('query_range', { query, step: '30', ...range })).json();
    assert.equal(matrix.data.resultType, 'matrix');
    assert.deepEqual(matrix.data.result[1], {
      metric: { service_name: 'cart' },
      values: [
        [Number(start / 1_000_000_000n), '1'],
        [Number(start / 1_000_000_000n) + 30, '7'],
        [Number(start / 1_000_000_000n) + 60, '7'],
      ],
    });
  });

  it('answers instant queries of vectors and scalars', async () => {
    const query = 'topk(5, sum by (service_name) (bytes_over_time({service_name=~".+"}[1m])))';
    const vector = (await loki.get('query', { query, time: String(end) })).json();
    assert.equal(vector.data.resultType, 'vector');
    const amounts = vector.data.result.map(({ value }) => Number(value[1]));
    const { totalBytesProcessed } = vector.data.stats.summary as { totalBytesProcessed?: number };
    assert.equal(
      totalBytesProcessed,
      amounts.reduce((sum, amount) => sum + amount, 0),
    );
    assert.deepEqual(
      amounts,
      [...amounts].sort((a, b) => b - a),
    );
    const scalar = (await loki.get('query', { query: '1 + 1', time: '1700000000.5' })).json();
    assert.deepEqual([scalar.data.resultType, scalar.data.result], ['scalar', [1_700_000_000.5, '2']]);
  });

  it('reads a form, and all ways to write a time', async () => {
    const seconds = Number(start / 1_000_000_000n);
    const iso = new Date(seconds * 1000).toISOString();
    for (const [from, to] of [
      [String(start), String(end)],
      [String(seconds), String(seconds + 60)],
      [`${seconds}.0`, `${seconds + 60}.000`],
      [iso, new Date((seconds + 60) * 1000).toISOString()],
      [iso.replace('.000Z', '+00:00'), `${seconds + 60}`],
    ] as const) {
      const response = await loki.app.inject({
        method: 'POST',
        url: '/loki/api/v1/query_range',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams({ query: '{service_name="ad"}', start: from, end: to }).toString(),
      });
      assert.equal(response.statusCode, 200, response.body);
      const { data } = response.json<{ data: { result: { values: unknown[] }[] } }>();
      assert.equal(data.result.flatMap(({ values }) => values).length, 15, from);
    }
    const since = await loki.get('query_range', {
      query: '{service_name="ad"}',
      end: String(end),
      since: '10s',
    });
    assert.equal(since.json().data.result.flatMap(({ values }) => values).length, 3);
  });

  it('lists labels, values and series within the range and selector', async () => {
    assert.deepEqual((await loki.get('labels', range)).json<object>(), {
      status: 'success',
      data: ['k8s_pod_name', 'level', 'service_name'],
    });
    assert.deepEqual((await loki.get('label', { ...range, query: '{service_name="nope"}' })).json<object>(), {
      status: 'success',
      data: [],
    });
    const values = async (name: string, params = {}) =>
      (await loki.get(`label/${name}/values`, { ...range, ...params })).json<{ data: string[] }>().data;
    assert.deepEqual(await values('service_name'), ['ad', 'cart']);
    assert.deepEqual(await values('service_name', { query: '{level="info"}' }), ['cart']);
    assert.deepEqual(await values('level'), ['error', 'info']);
    assert.deepEqual(await values('http_status_code'), ['200', '201']);
    assert.deepEqual(await values('nope'), []);
    assert.deepEqual(await values('service_name', { start: String(end), end: String(end + 1n) }), []);
    const series = await loki.get('series', {
      ...range,
      'match[]': '{service_name="ad", k8s_pod_name!="pod-1"}',
    });
    assert.deepEqual(series.json<{ data: object[] }>().data, [
      { service_name: 'ad', k8s_pod_name: 'pod-0', level: 'error' },
      { service_name: 'ad', k8s_pod_name: 'pod-2', level: 'error' },
    ]);
    assert.equal((await loki.get('series', range)).json<{ data: object[] }>().data.length, 6);
    const both = await loki.get('series', { ...range, match: '{}' });
    assert.equal(both.json<{ data: object[] }>().data.length, 6);
  });

  it('counts for index stats and volumes', async () => {
    const query = '{service_name="cart"}';
    const bytes = rows
      .filter((row) => row['service_name'] === 'cart')
      .reduce((total, row) => total + String(row['body']).length, 0);
    assert.deepEqual((await loki.get('index/stats', { query, ...range })).json<object>(), {
      streams: 3,
      chunks: 3,
      bytes,
      entries: 15,
    });
    const shards = await loki.get('index/shards', { query, targetBytesPerShard: '1000', ...range });
    const [shard] = shards.json<{ shards: { stats: object }[] }>().shards;
    assert.deepEqual(shard?.stats, { streams: 3, chunks: 3, bytes, entries: 15 });
    assert.match(shards.body, /"bounds":\{"min":0,"max":18446744073709551615\}/);
    const refused = await loki.get('index/shards', { query, ...range });
    assert.equal(refused.body, 'targetBytesPerShard must be a positive value');
    const volume = (await loki.get('index/volume', { query, ...range })).json();
    assert.deepEqual(volume.data.result, [
      { metric: { service_name: 'cart' }, value: [Number(end / 1_000_000n) / 1000, String(bytes)] },
    ]);
    const perPod = (
      await loki.get('index/volume', { query, targetLabels: 'k8s_pod_name', limit: '2', ...range })
    ).json();
    assert.equal(perPod.data.result.length, 2);
    const byName = { query, targetLabels: 'k8s_pod_name,nope,service_name', aggregateBy: 'labels', ...range };
    assert.deepEqual((await loki.get('index/volume', byName)).json().data.result, [
      { metric: { k8s_pod_name: '' }, value: [Number(end / 1_000_000n) / 1000, String(bytes)] },
      { metric: { service_name: '' }, value: [Number(end / 1_000_000n) / 1000, String(bytes)] },
    ]);
    const rangeByName = (await loki.get('index/volume_range', { ...byName, step: '20s' })).json();
    assert.deepEqual(
      rangeByName.data.result.map(({ metric, values }) => [metric, values.length]),
      [
        [{ k8s_pod_name: '' }, 3],
        [{ service_name: '' }, 3],
      ],
    );
    assert.equal((await loki.get('index/volume', { query, aggregateBy: 'x', ...range })).status, 400);
    const steps = (await loki.get('index/volume_range', { query, step: '20s', ...range })).json();
    const total = steps.data.result[0]?.values.reduce((sum, [, value]) => sum + Number(value), 0);
    assert.deepEqual([steps.data.result[0]?.values.length, total], [3, bytes]);
    // What is left behind the last whole step stands at the end of the range.
    const odd = { query, start: String(start), end: String(start + 50_000_000_000n) };
    const rest = (await loki.get('index/volume_range', { ...odd, step: '40s' })).json().data.result[0];
    const sized = (from: number, to: number) =>
      rows
        .filter((row) => row['service_name'] === 'cart')
        .filter((row) => {
          const at = Number((row['time_unix_nano'] as bigint) - start) / 1e9;
          return at >= from && at < to;
        })
        .reduce((sum, row) => sum + String(row['body']).length, 0);
    const first = Number(start / 1_000_000_000n);
    assert.deepEqual(rest?.values, [
      [first + 40, String(sized(0, 40))],
      [first + 50, String(sized(40, 50))],
    ]);
  });

  it('finds fields, labels and patterns', async () => {
    type Fields = {
      fields: { label: string; type: string; cardinality: number; parsers: string[] | null }[];
    };
    const { fields } = (
      await loki.get('detected_fields', { query: '{service_name=~".+"}', ...range })
    ).json<Fields>();
    const field = (name: string) => fields.find(({ label }) => label === name);
    assert.deepEqual(field('user_id'), { label: 'user_id', type: 'string', cardinality: 4, parsers: null });
    assert.deepEqual(field('user'), { label: 'user', type: 'int', cardinality: 2, parsers: ['logfmt'] });
    assert.deepEqual(field('ok'), {
      label: 'ok',
      type: 'boolean',
      cardinality: 1,
      parsers: ['json'],
      jsonPath: ['ok'],
    });
    assert.deepEqual(field('size')?.type, 'bytes');
    assert.deepEqual(field('took')?.parsers?.sort(), ['json', 'logfmt']);
    const asked = (
      await loki.get('detected_fields', { query: '{service_name=~".+"} | json | logfmt', ...range })
    ).json<Fields>();
    const parsersOf = (name: string) => asked.fields.find(({ label }) => label === name)?.parsers;
    assert.deepEqual(
      [parsersOf('user'), parsersOf('ok'), parsersOf('user_id')],
      [['logfmt'], ['json'], null],
    );
    const values = await loki.get('detected_field/user/values', { query: '{service_name=~".+"}', ...range });
    assert.deepEqual(values.json<{ values: string[] }>().values, ['12', '7']);
    const labels = (await loki.get('detected_labels', range)).json<{ detectedLabels: object[] }>()
      .detectedLabels;
    assert.deepEqual(labels, [
      { label: 'service_name', cardinality: 2 },
      { label: 'k8s_pod_name', cardinality: 3 },
      { label: 'level', cardinality: 2 },
    ]);
    type Patterns = { data: { pattern: string; samples: [number, number][] }[] };
    const patterns = (
      await loki.get('patterns', { query: '{service_name="cart"}', step: '60', ...range })
    ).json<Patterns>();
    assert.deepEqual(
      patterns.data.map(({ pattern, samples }) => [
        pattern,
        samples.reduce((sum, [, count]) => sum + count, 0),
      ]),
      [
        ['level=info took=<_> user=<_> "GET /a"', 5],
        ['level=warn took=<_> user=<_> "GET /b"', 5],
        ['{"took":<_>,"ok":true,"size":"<_>"}', 5],
      ],
    );
  });

  it('refuses other methods than those of a path', async () => {
    for (const [method, url] of [
      ['OPTIONS', '/loki/api/v1/labels'],
      ['DELETE', '/loki/api/v1/query_range?query={}'],
      ['PUT', '/loki/api/v1/label/level/values'],
      ['PATCH', '/api/prom/query'],
    ] as const) {
      const { statusCode, headers } = await loki.app.inject({ method, url });
      assert.deepEqual([statusCode, headers.allow], [405, 'GET, POST'], url);
    }
    for (const url of [
      '/loki/api/v1/tail',
      '/api/prom/tail',
      '/loki/api/v1/status/buildinfo',
      '/loki/api/v1/drilldown-limits',
      '/loki/api/v1/rules/shop',
      '/prometheus/api/v1/alerts',
      '/services',
    ]) {
      const { statusCode, headers } = await loki.app.inject({ method: 'POST', url });
      assert.deepEqual([statusCode, headers.allow], [405, 'GET'], url);
    }
    const withBody = { url: '/loki/api/v1/labels', headers: { 'content-type': 'text/x' }, payload: 'x' };
    assert.equal((await loki.app.inject({ method: 'PUT', ...withBody })).statusCode, 405);
    assert.equal((await loki.app.inject({ method: 'HEAD', url: '/loki/api/v1/labels' })).statusCode, 200);
  });

  it('answers the paths of old clients in their form', async () => {
    const ask = async (path: string, params: Record<string, string>) => {
      const query = new URLSearchParams({ ...range, ...params }).toString();
      return loki.app.inject(`/api/prom/${path}?${query}`);
    };
    const query = '{service_name="cart"}';
    const found = (await ask('query', { query, limit: '2', regexp: 'GET' })).json<{
      streams: { labels: string; entries: { ts: string; line: string }[] }[];
    }>();
    const [stream] = found.streams;
    assert.match(stream?.labels ?? '', /^\{.*service_name="cart".*\}$/);
    assert.match(stream?.entries[0]?.ts ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.match(stream?.entries[0]?.line ?? '', /GET/);
    const metric = await ask('query', { query: `rate(${query}[1m])` });
    assert.deepEqual(
      [metric.statusCode, metric.body],
      [400, 'legacy endpoints only support streams result type'],
    );
    const names = (await ask('label', {})).json<{ values: string[] }>().values;
    assert.ok(names.includes('service_name'));
    const values = (await ask('label/service_name/values', {})).json<{ values: string[] }>().values;
    assert.ok(values.includes('cart'));
    assert.deepEqual((await ask('label/nothing/values', {})).json(), {});
  });

  it('says that there are no rules, and what Logs Drilldown may ask for', async () => {
    assert.equal((await loki.get('rules')).body, '{}\n');
    const missing = await Promise.all([loki.get('rules/team'), loki.get('rules/team/group')]);
    assert.deepEqual(
      missing.map(({ status, body }) => [status, body]),
      [
        [404, 'no rule groups found'],
        [404, 'group does not exist'],
      ],
    );
    const limits = (await loki.get('drilldown-limits')).json<{ limits: Record<string, unknown> }>().limits;
    assert.equal(limits['max_entries_limit_per_query'], 5000);
    for (const [path, data] of [
      ['rules', { groups: [] }],
      ['alerts', { alerts: [] }],
    ] as const) {
      const answer = await loki.app.inject(`/prometheus/api/v1/${path}`);
      assert.deepEqual(answer.json<{ data: object }>().data, data);
    }
  });

  it('formats queries and tells its version', async () => {
    const formatted = await loki.get('format_query', { query: 'sum(rate({a="b"}[5m]))by(c)' });
    assert.deepEqual(formatted.json<object>(), {
      status: 'success',
      data: 'sum by (c)(rate({a="b"}[5m]))',
    });
    assert.equal(
      (await loki.get('status/buildinfo')).json<{ version: string }>().version.split('.').length,
      3,
    );
    assert.match((await loki.app.inject('/config')).body, /^limits_config:\n( {2}\w+: \S+\n)+$/m);
    assert.match((await loki.app.inject('/services')).body, /^querier => Running$/m);
  });

  const errors: readonly (readonly [
    path: string,
    params: Record<string, string>,
    status: number,
    message: RegExp,
  ])[] = [
    ['query_range', {}, 400, /^parse error : syntax error: unexpected \$end$/],
    [
      'query_range',
      { query: '{a="b"' },
      400,
      /^parse error at line 1, col 7: syntax error: unexpected \$end, expecting \} or ,$/,
    ],
    ['query_range', { query: '{a=~".*"}' }, 400, /at least one regexp or equality matcher/],
    ['query_range', { query: '{a!="b"} | a="c"' }, 400, /at least one regexp or equality matcher/],
    ['query_range', { query: '{a=~"("}' }, 400, /^parse error : error parsing regexp: missing closing/],
    ['query_range', { query: '{a="b"} |~ "(a{1000}){1000}"' }, 400, /invalid repeat count/],
    ['query_range', { query: '{a="b"} | line_format "{{"' }, 400, /unclosed action/],
    [
      'query_range',
      { query: 'variants(rate({a="b"}[1m])) of ({a="b"}[1m])' },
      400,
      /multi variant queries are disabled/,
    ],
    [
      'query_range',
      { query: 'approx_topk(1, rate({a="b"}[1m]))', step: '60' },
      400,
      /only supported for instant/,
    ],
    ['query', { query: 'approx_topk(1, rate({a="b"}[1m])) by (c)' }, 400, /grouping not allowed/],
    [
      'query_range',
      { query: '{a="b"}', limit: '5001' },
      400,
      /limit > max_entries_limit_per_query \(5001 > 5000\)/,
    ],
    ['query_range', { query: '{a="b"}', limit: '0' }, 400, /limit must be a positive value/],
    [
      'query_range',
      { query: '{a="b"}', start: '20', end: '10' },
      400,
      /end timestamp must not be before or equal to start time/,
    ],
    [
      'query_range',
      { query: '{a="b"}', start: '0', end: '1700000000' },
      400,
      /time range exceeds the limit \(query length: 472222h13m20s, limit: 31d\)/,
    ],
    ['query_range', { query: 'rate({a="b"}[1m])', step: '0' }, 400, /zero or negative query resolution step/],
    [
      'query_range',
      { query: 'rate({a="b"}[1m])', step: '10ms' },
      400,
      /exceeded maximum resolution of 11,000 points/,
    ],
    ['query_range', { query: 'rate({a="b"}[1y])' }, 400, /a range with its offset is longer than 744 h/],
    ['query', { query: '{a="b"}' }, 400, /log queries are not supported as an instant query type/],
    ['label/a-b/values', {}, 400, /the label name is not valid/],
    ['labels', { query: 'rate({a="b"}[1m])' }, 400, /a log query \(stream selector\) is required/],
    ['tail', { query: '{a="b"}' }, 400, /a tail needs a WebSocket/],
  ];
  for (const [path, params, status, message] of errors) {
    it(`answers ${status} to ${path} ${JSON.stringify(params).slice(0, 70)}`, async () => {
      const answer = await loki.get(path, params);
      assert.equal(answer.status, status, answer.body);
      assert.match(answer.type, /^text\/plain/);
      assert.match(answer.body, message);
    });
  }

  it('keeps quotes, NUL and odd names in their place', async () => {
    for (const text of ["'; DROP TABLE lake.logs; --", 'a\\u0000b', "it''s", '\\\\', '%_*', '\\U0001F986']) {
      const query = `{service_name="${text}", x!="${text}"} |= "${text}" !~ "${text.replaceAll(/[*\\]/g, '.')}" | y="${text}"`;
      const answer = await loki.get('query_range', { query, ...range });
      assert.equal(answer.status, 200, `${query}: ${answer.body}`);
    }
    assert.equal((await loki.get('labels', range)).json<{ data: string[] }>().data.length, 3);
  });

  it('takes patterns that make a backtracking matcher run forever', async () => {
    const long = 'a'.repeat(20_000);
    await loki.lake.insert('logs', [
      logRow({ at: 1000, service: 'evil', body: `${long}!`, attributes: { v: `${long}!` } }),
    ]);
    const evil = { start: String(start + 1000_000_000_000n), end: String(start + 1001_000_000_000n) };
    for (const query of [
      '{service_name="evil"} |~ "^(a+)+$"',
      '{service_name="evil"} | v=~"(a|a|a)*"',
      '{service_name="evil"} | regexp "(?P<x>(a*)*b)" | x!=""',
      '{service_name="evil"} | line_format `{{ regexReplaceAll "(a+)+$" .v "" }}` |= "b"',
      '{service_name="evil"} | label_format t=`{{ toDate "1111111111111111111111x" .v }}` | t=""',
    ]) {
      const answer = await loki.get('query_range', { query, ...evil });
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(answer.json().data.result, [], query);
    }
  });
});
