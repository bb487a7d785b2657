import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../test/support/promql.js';
import { createTelemetry } from '../../telemetry/index.js';
import { prometheusApi } from './index.js';

const start = scriptStart / 1000;

interface Body {
  status: string;
  data: unknown;
  errorType?: string;
  error?: string;
  warnings?: string[];
}

async function serve(lake: TestLake): Promise<FastifyInstance> {
  const app = fastify();
  await app.register(prometheusApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  return app;
}

describe('the Prometheus HTTP API', () => {
  let lake: TestLake;
  let app: FastifyInstance;
  before(async () => {
    lake = await testLake();
    const rows = Array.from({ length: 10 }, (_, i) => ({
      ...metricPoint(scriptStart + i * 60_000, 'temperature', { room: 'a' }),
      service_name: 'house',
      metric_description: 'Air',
      metric_unit: 'Cel',
      value: 20 + i / 2,
    }));
    const other = { ...metricPoint(scriptStart, 'temperature', { room: 'b' }), value: 1e-7 };
    const exemplar = {
      time_unix_nano: `${scriptStart}500000`,
      value: 0.7,
      trace_id: 'ab'.repeat(16),
      filtered_attributes: { 'user.id': 7 },
    };
    await lake.insert('metric_gauge', [...rows, other]);
    await lake.insert('metric_histogram', [
      {
        ...metricPoint(scriptStart, 'latency_seconds'),
        bucket_counts: [1, 1],
        explicit_bounds: [1],
        count: 2,
        sum: 1.9,
        exemplars_json: JSON.stringify([exemplar]),
      },
    ]);
    app = await serve(lake);
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  async function get(url: string, status = 200): Promise<Body> {
    const answer = await app.inject({ method: 'GET', url });
    assert.equal(answer.statusCode, status, answer.body);
    assert.match(String(answer.headers['content-type']), /^application\/json/);
    return answer.json();
  }

  const query = (expr: string, more = '') =>
    `/api/v1/query?time=${start}&query=${encodeURIComponent(expr)}${more}`;
  const range = (expr: string, more = '') =>
    `/api/v1/query_range?query=${encodeURIComponent(expr)}&start=${start}&end=${start + 120}&step=60${more}`;

  it('answers instant queries', async () => {
    assert.deepEqual(await get(query('temperature')), {
      status: 'success',
      data: {
        resultType: 'vector',
        result: [
          {
            metric: { __name__: 'temperature', job: 'house', room: 'a', service_name: 'house' },
            value: [start, '20'],
          },
          { metric: { __name__: 'temperature', room: 'b' }, value: [start, '1e-07'] },
        ],
      },
    });
    assert.deepEqual((await get(query('1 / 0'))).data, { resultType: 'scalar', result: [start, '+Inf'] });
    assert.deepEqual((await get(query('"a\\""'))).data, { resultType: 'string', result: [start, 'a"'] });
    assert.deepEqual((await get(query('vector(0) / 0'))).data, {
      resultType: 'vector',
      result: [{ metric: {}, value: [start, 'NaN'] }],
    });
    assert.deepEqual((await get(query('temperature{room="b"}[1m]'))).data, {
      resultType: 'matrix',
      result: [{ metric: { __name__: 'temperature', room: 'b' }, values: [[start, '1e-07']] }],
    });
  });

  it('answers range queries', async () => {
    assert.deepEqual((await get(range('temperature{room="a"} * 2'))).data, {
      resultType: 'matrix',
      result: [
        {
          metric: { job: 'house', room: 'a', service_name: 'house' },
          values: [
            [start, '40'],
            [start + 60, '41'],
            [start + 120, '42'],
          ],
        },
      ],
    });
    assert.deepEqual((await get(range('time()', '&limit=1'))).data, {
      resultType: 'matrix',
      result: [{ metric: {}, values: [start, start + 60, start + 120].map((t) => [t, String(t)]) }],
    });
  });

  it('takes RFC 3339 times, duration steps, milliseconds and a lookback', async () => {
    const url = `/api/v1/query_range?query=vector(1)&start=2024-01-01T01:00:00%2B01:00&end=${start}.5&step=500ms`;
    assert.deepEqual((await get(url)).data, {
      resultType: 'matrix',
      result: [
        {
          metric: {},
          values: [
            [start, '1'],
            [start + 0.5, '1'],
          ],
        },
      ],
    });
    const late = `/api/v1/query?time=${start + 61}&query=temperature{room="b"}`;
    assert.equal(((await get(late)).data as { result: unknown[] }).result.length, 1);
    assert.equal(((await get(`${late}&lookback_delta=1m`)).data as { result: unknown[] }).result.length, 0);
  });

  it('takes forms', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/query',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `query=${encodeURIComponent('count(temperature)')}&time=${start}`,
    });
    assert.deepEqual(answer.json<Body>().data, {
      resultType: 'vector',
      result: [{ metric: {}, value: [start, '2'] }],
    });
  });

  it('cuts results at the limit, with a warning', async () => {
    const body = await get(query('temperature', '&limit=1'));
    assert.equal((body.data as { result: unknown[] }).result.length, 1);
    assert.deepEqual(body.warnings, ['results truncated due to limit']);
    assert.equal((await get(query('quantile(2, temperature)'))).warnings?.length, 1);
  });

  it('explains bad requests', async () => {
    for (const [url, message] of [
      [query('sum('), /^invalid parameter "query": 1:5: parse error: unclosed left parenthesis$/],
      [
        '/api/v1/query?time=x&query=a',
        /^invalid parameter "time": invalid time value for 'time': cannot parse "x"/,
      ],
      ['/api/v1/query', /^invalid parameter "query": unknown position: parse error: no expression/],
      ['/api/v1/query_range?query=a&start=2&end=1&step=1', /end timestamp must not be before start time/],
      ['/api/v1/query_range?query=a&start=1&end=2&step=0', /zero or negative query resolution/],
      ['/api/v1/query_range?query=a&start=1&end=2', /"step": cannot parse "" to a valid duration/],
      [
        '/api/v1/query_range?query=a&start=0&end=11001&step=1',
        /exceeded maximum resolution of 11,000 points/,
      ],
      [range('a[5m]'), /invalid expression type "range vector" for range query/],
      [query('a', '&limit=-1'), /^invalid parameter "limit"/],
      [query('a', '&limit=x'), /"limit": strconv.Atoi: parsing "x": invalid syntax$/],
      ['/api/v1/series', /no match\[\] parameter/],
      ['/api/v1/series?match[]=a[5m]', /^invalid parameter "match\[\]": 1:2: parse error: unexpected "\["$/],
      ['/api/v1/series?match[]=%7B%7D', /: match\[\] must contain at least one non-empty matcher$/],
      ['/api/v1/metadata?limit=x', /^limit must be a number$/],
      ['/api/v1/labels?match[]=a%2Bb', /^1:2: parse error: unexpected <op:\+>$/],
    ] as const) {
      const body = await get(url, 400);
      assert.equal(body.status, 'error');
      assert.equal(body.errorType, 'bad_data');
      assert.match(body.error ?? '', message);
    }
  });

  it('gives the latest samples as text', async () => {
    const now = Date.now() - 60_000;
    await lake.insert('metric_gauge', [
      { ...metricPoint(now - 1000, 'fresh', { a: 'b"c' }), value: 1 },
      { ...metricPoint(now, 'fresh', { a: 'b"c' }), value: 2.5 },
      { ...metricPoint(now, 'other'), value: 3 },
    ]);
    const answer = await app.inject({ method: 'GET', url: '/federate?match[]=fresh&match[]=temperature' });
    assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
    assert.equal(answer.body, `# TYPE fresh untyped\nfresh{a="b\\"c",instance=""} 2.5 ${now}\n`);
  });

  it('tells how much a query read when it is asked', async () => {
    type Told = { data: { stats?: { samples: Record<string, unknown> } } };
    const samples = async (url: string, stats = 'all') =>
      ((await get(`${url}&stats=${stats}`)) as Told).data.stats?.samples;
    assert.deepEqual(await samples(query('temperature')), {
      totalQueryableSamples: 2,
      samplesRead: 2,
      seriesTouched: 2,
      peakSamples: 2,
    });
    const room = 'temperature{room="a"}';
    const steps = (...counts: number[]) => counts.map((count, k) => [start + k * 60, count]);
    const counted = async (expr: string, what = 'totalQueryableSamplesPerStep') =>
      (await samples(range(expr)))?.[what];
    const read = (expr: string) => counted(expr, 'samplesReadPerStep');
    assert.deepEqual(await counted(room), steps(1, 1, 1));
    assert.deepEqual(await counted(`count_over_time(${room}[2m])`), steps(1, 2, 2));
    assert.deepEqual(await counted(`max_over_time(${room}[1m:30s])`), steps(1, 2, 2));
    assert.deepEqual(await counted(`${room} + ${room} @ ${start}`), steps(2, 2, 2));
    assert.deepEqual(await read(`count_over_time(${room}[2m])`), steps(1, 1, 1));
    assert.deepEqual(await read(`max_over_time(${room}[1m:30s])`), steps(1, 2, 2));
    assert.deepEqual(await read(`${room} + ${room} @ ${start}`), steps(2, 1, 1));
    assert.equal(await counted(`${room} + ${room} @ ${start}`, 'seriesTouched'), 2);
    assert.deepEqual(Object.keys((await samples(query('temperature'), '1')) ?? {}), [
      'totalQueryableSamples',
      'samplesRead',
      'seriesTouched',
      'peakSamples',
    ]);
    assert.equal('stats' in ((await get(query('temperature'))).data as object), false);
  });

  it('tells failed executions and exceeded limits from bad requests', async () => {
    for (const [url, message] of [
      [
        query('temperature + on() temperature'),
        /found duplicate series for the match group \{\} on the right/,
      ],
    ] as const) {
      const body = await get(url, 422);
      assert.equal(body.errorType, 'execution');
      assert.match(body.error ?? '', message);
    }
  });

  const around = `start=${start - 60}&end=${start + 600}`;

  it('lists labels, values and series', async () => {
    const listed = ['__name__', 'job', 'le', 'room', 'service_name'];
    assert.deepEqual((await get(`/api/v1/labels?${around}`)).data, listed);
    assert.deepEqual((await get(`/api/v1/labels?${around}&match[]=temperature{room="b"}`)).data, [
      '__name__',
      'room',
    ]);
    assert.deepEqual((await get(`/api/v1/label/__name__/values?${around}`)).data, [
      'latency_seconds_bucket',
      'latency_seconds_count',
      'latency_seconds_sum',
      'temperature',
    ]);
    assert.deepEqual((await get(`/api/v1/label/room/values?${around}`)).data, ['a', 'b']);
    assert.deepEqual((await get(`/api/v1/label/le/values?${around}&match[]={__name__=~"l.*"}`)).data, [
      '+Inf',
      '1',
    ]);
    assert.deepEqual(await get(`/api/v1/label/room/values?${around}&limit=1`), {
      status: 'success',
      data: ['a'],
      warnings: ['results truncated due to limit'],
    });
    const both = `${around}&match[]=temperature&match[]=latency_seconds_count`;
    assert.deepEqual((await get(`/api/v1/series?${both}`)).data, [
      { __name__: 'latency_seconds_count' },
      { __name__: 'temperature', job: 'house', room: 'a', service_name: 'house' },
      { __name__: 'temperature', room: 'b' },
    ]);
    assert.deepEqual((await get('/api/v1/labels?start=1&end=2')).data, []);
  });

  it('gives metadata', async () => {
    assert.deepEqual((await get(`/api/v1/metadata?${around}`)).data, {
      temperature: [
        { type: 'gauge', help: '', unit: '' },
        { type: 'gauge', help: 'Air', unit: 'Cel' },
      ],
      latency_seconds: [{ type: 'histogram', help: '', unit: '' }],
    });
    assert.deepEqual((await get(`/api/v1/metadata?${around}&metric=temperature&limit_per_metric=1`)).data, {
      temperature: [{ type: 'gauge', help: '', unit: '' }],
    });
  });

  it('gives exemplars in the bucket they fell into', async () => {
    const url = `/api/v1/query_exemplars?${around}&query=${encodeURIComponent('histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))')}`;
    assert.deepEqual((await get(url)).data, [
      {
        seriesLabels: { __name__: 'latency_seconds_bucket', le: '1' },
        exemplars: [
          { labels: { 'user.id': '7', trace_id: 'ab'.repeat(16) }, value: '0.7', timestamp: start },
        ],
      },
    ]);
  });

  it('has no exemplars to look for without a selector', async () => {
    const answer = await app.inject({ url: `/api/v1/query_exemplars?${around}&query=1` });
    assert.deepEqual([answer.statusCode, answer.body], [204, '']);
  });

  it('finds nothing at times far from any sample', async () => {
    for (const at of ['1700000000000', '1.7e18', '-9e12']) {
      assert.deepEqual(
        (await get(`/api/v1/query_exemplars?query=latency_seconds_bucket&start=${at}&end=${at}`)).data,
        [],
      );
      assert.deepEqual((await get(`/api/v1/series?match[]=temperature&start=${at}&end=${at}`)).data, []);
      assert.deepEqual((await get(`/api/v1/query?query=temperature&time=${at}`)).data, {
        resultType: 'vector',
        result: [],
      });
    }
    const whole = 'start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z';
    assert.equal((await get(`/api/v1/labels?${whole}`)).status, 'success');
    await get('/api/v1/query?query=temperature&time=1e999', 400);
    for (const time of ['NaN', '-inf', '%2BInfinity']) {
      assert.deepEqual((await get(`/api/v1/query?query=time()&time=${time}`)).data, {
        resultType: 'scalar',
        result: [-9223372036.854, '-9223372036.854'],
      });
    }
    await get('/api/v1/query?query=time()&time=-NaN', 400);
    // Beyond what a Date holds, with buckets that fall, of which a remark tells the time.
    const buckets = 'label_replace(vector(5),"le","1","","") or label_replace(vector(3),"le","+Inf","","")';
    const fallen = encodeURIComponent(`histogram_quantile(0.9, ${buckets})`);
    assert.equal((await get(`/api/v1/query?query=${fallen}&time=9000000000000`)).status, 'success');
  });

  it('takes any text for the name of a label', async () => {
    assert.deepEqual((await get(`/api/v1/label/bad-name/values?${around}`)).data, []);
    assert.deepEqual((await get(`/api/v1/label/0%20%C3%BC/values?${around}`)).data, []);
    const one = async (expr: string) =>
      ((await get(query(expr))).data as { result: { metric: object }[] }).result.map(({ metric }) => metric);
    assert.deepEqual(
      await one('sum by (room) (label_replace(temperature, "0x", "$1", "room", "(.*)")) > 1'),
      [{ room: 'a' }],
    );
    assert.deepEqual(await one('label_replace(sum(temperature), "a b", "c", "", "")'), [{ 'a b': 'c' }]);
    assert.deepEqual(await one('label_join(sum(temperature), "ü-1", "", "x")'), [{}]);
    assert.deepEqual(await one('count_values("0bad", temperature{room="a"})'), [{ '0bad': '20' }]);
    // A name can't pass for the border between two labels.
    const forged =
      'label_replace(vector(1), "a=1:b,c", "d", "", "") or label_replace(label_replace(vector(1), "a", "b", "", ""), "c", "d", "", "")';
    assert.equal((await one(forged)).length, 2);
    await get(query('count_values("", temperature)'), 422);
  });

  it('gives the syntax tree of a query', async () => {
    const text = encodeURIComponent('sum by (b) (rate(a{c!="d"}[5m] offset 1m)) / 2. and x @ end()');
    assert.deepEqual((await get(`/api/v1/parse_query?query=${text}`)).data, {
      type: 'binaryExpr',
      op: 'and',
      lhs: {
        type: 'binaryExpr',
        op: '/',
        lhs: {
          type: 'aggregation',
          op: 'sum',
          expr: {
            type: 'call',
            func: { name: 'rate', argTypes: ['matrix'], variadic: 0, returnType: 'vector' },
            args: [
              {
                type: 'matrixSelector',
                range: 300_000,
                name: 'a',
                matchers: [
                  { name: 'c', value: 'd', type: '!=' },
                  { name: '__name__', value: 'a', type: '=' },
                ],
                offset: 60_000,
                timestamp: null,
                startOrEnd: null,
                ...{ offsetExpr: null, rangeExpr: null, anchored: false, smoothed: false },
              },
            ],
          },
          param: null,
          grouping: ['b'],
          without: false,
        },
        rhs: { type: 'numberLiteral', val: '2' },
        matching: null,
        bool: false,
      },
      rhs: {
        type: 'vectorSelector',
        name: 'x',
        matchers: [{ name: '__name__', value: 'x', type: '=' }],
        offset: 0,
        timestamp: null,
        startOrEnd: 'end',
        ...{ offsetExpr: null, anchored: false, smoothed: false },
      },
      matching: {
        ...{ card: 'many-to-many', labels: [], on: false, include: [] },
        fillValues: { lhs: null, rhs: null },
      },
      bool: false,
    });
    const durations = encodeURIComponent('a[(5m) + 1] anchored offset -2m');
    const tree = (await get(`/api/v1/parse_query?query=${durations}`)).data as Record<string, unknown>;
    const number = (val: string, duration: boolean) => ({ type: 'numberLiteral', val, duration });
    const operation = { type: 'durationExpr', op: '+', wrapped: false };
    assert.deepEqual(tree['rangeExpr'], {
      ...operation,
      lhs: { ...operation, lhs: null, rhs: number('300', true), wrapped: true },
      rhs: number('1', false),
    });
    assert.deepEqual([tree['range'], tree['offset'], tree['anchored']], [0, -120_000, true]);
    assert.match(
      (await get('/api/v1/parse_query?query=sum(', 400)).error ?? '',
      /^invalid parameter "query": 1:5/,
    );
    assert.match(
      (await get('/api/v1/format_query?query=sum(', 400)).error ?? '',
      /^invalid parameter "query": 1:5/,
    );
  });

  it('reads RFC 3339 as Go does', async () => {
    for (const [text, seconds] of [
      ['2024-02-29T0:00:00,5Z', '1709164800.5'],
      ['2024-01-01T00:00:00.1234567890123Z', '1704067200.123'],
      ['2024-01-01T00:00:00+01:60', '1704060000'],
      ['0099-01-01T00:00:00-00:30', '-59042993400'],
      ['1_000', '1000'],
    ] as const) {
      const { data } = await get(`/api/v1/query?query=time()&time=${encodeURIComponent(text)}`);
      assert.equal((data as { result: unknown[] }).result[1], seconds, text);
    }
    for (const text of [
      '2024-02-30T00:00:00Z',
      '2024-13-01T00:00:00Z',
      '2024-01-01T24:00:00Z',
      '2024-01-01T00:00:60Z',
      '2024-01-01t00:00:00z',
      '2024-01-01 00:00:00Z',
      '2024-01-01T00:00:00+25:00',
      '1__0',
    ]) {
      const { error } = await get(`/api/v1/query?query=time()&time=${encodeURIComponent(text)}`, 400);
      assert.match(error ?? '', /to a valid timestamp$/, text);
    }
  });

  it('answers what Grafana asks besides', async () => {
    assert.equal((await get('/api/v1/format_query?query=sum(a)by(b)')).data, 'sum by (b) (a)');
    assert.deepEqual((await get('/api/v1/rules')).data, { groups: [] });
    assert.deepEqual((await get('/api/v1/alerts')).data, { alerts: [] });
    for (const path of [
      'targets',
      'alertmanagers',
      'status/config',
      'status/flags',
      'status/runtimeinfo',
      'status/tsdb',
      'status/tsdb/blocks',
      'notifications',
      'features',
    ]) {
      assert.equal(typeof (await get(`/api/v1/${path}`)).data, 'object', path);
      assert.equal((await app.inject({ method: 'OPTIONS', url: `/api/v1/${path}` })).statusCode, 204);
    }
    assert.match((await get('/api/v1/scrape_pools/config', 400)).error ?? '', /no scrapePool parameter/);
    for (const [url, message] of [
      ['rules?type=x', 'invalid parameter "type": not supported value "x"'],
      ['rules?group_limit=0', 'invalid parameter "group_limit": group_limit needs to be greater than 0'],
      ['rules?match[]=%7B', '1:2: parse error: unexpected end of input inside braces'],
      [
        'rules?group_limit=1&group_next_token=x',
        `invalid parameter "group_next_token": invalid group_next_token 'x'. were rule groups changed?`,
      ],
      ['rules?match[]={a=""}', 'match[] must contain at least one non-empty matcher'],
      ['label/U__/values', 'invalid label name: ""'],
      ['scrape_pools/config?scrapePool=x', 'error retrieving scrape config: scrape pool "x" not found'],
      ['targets/relabel_steps?scrapePool=x', 'no labels parameter provided'],
      ['query?query=1&timeout=0s', 'invalid parameter "timeout": timeout must be positive, got 0s'],
      ['query?query=1&timeout=-90', 'invalid parameter "timeout": timeout must be positive, got -1m30s'],
      ['status/tsdb?limit=9223372036854775807', 'limit must not exceed 10000'],
      ['targets/metadata?limit=x', 'limit must be a number'],
      [
        'targets/metadata?match_target=1',
        'invalid parameter "match_target": 1:1: parse error: unexpected number "1"',
      ],
      ['status/tsdb?limit=0', 'limit must be a positive number'],
    ] as const) {
      assert.equal((await get(`/api/v1/${url}`, 400)).error, message);
    }
    for (const url of [
      'targets/metadata?match_target={a=""}',
      `query?query=1&limit=${2n ** 63n - 1n}`,
      'query_range?query=1&start=0&end=1&step=292y',
      'query_range?query=1&start=0&end=1&step=9223372036',
      'labels?timeout=0',
      'series?match[]=up&timeout=never',
    ])
      assert.equal((await get(`/api/v1/${url}`)).status, 'success', url);
    assert.equal((await app.inject('/federate?match[]={a=""}')).statusCode, 200);
    const { warnings } = await get('/api/v1/query?query=1&stats=1');
    assert.match(warnings?.join() ?? '', /^value "1" for parameter "stats" is deprecated/);
    const admin = await app.inject({ method: 'POST', url: '/api/v1/admin/tsdb/snapshot' });
    assert.equal(admin.statusCode, 500);
    assert.deepEqual(admin.json(), {
      status: 'error',
      errorType: 'unavailable',
      error: 'admin APIs disabled',
    });
    const search = await app.inject({ url: '/api/v1/search/metric_names' });
    assert.deepEqual(
      [search.statusCode, search.json<{ error: string }>().error],
      [500, 'search API disabled'],
    );
    for (const [method, url, allow] of [
      ['PUT', '/api/v1/query', 'GET, OPTIONS, POST'],
      ['DELETE', '/api/v1/series', 'GET, OPTIONS, POST'],
      ['POST', '/api/v1/label/job/values', 'GET, OPTIONS'],
      ['POST', '/api/v1/targets', 'GET, OPTIONS'],
      ['GET', '/api/v1/admin/tsdb/snapshot', 'OPTIONS, POST, PUT'],
      ['POST', '/version', 'GET'],
      ['GET', '/-/reload', 'POST, PUT'],
    ] as const) {
      const refused = await app.inject({ method, url });
      assert.deepEqual([refused.statusCode, refused.body], [405, 'Method Not Allowed\n'], url);
      assert.equal(refused.headers.allow, allow);
    }
    const dropped = (await get('/api/v1/targets?state=dropped')).data as Record<string, unknown>;
    assert.deepEqual(dropped['droppedTargetCounts'], {});
    const unread = await app.inject({ url: '/federate?match[]=%7B' });
    assert.deepEqual(
      [unread.statusCode, unread.headers['content-type'], unread.body],
      [400, 'text/plain; charset=utf-8', '1:2: parse error: unexpected end of input inside braces\n'],
    );
    const federated = await app.inject({
      url: '/federate?match[]=temperature',
      headers: { accept: 'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1' },
    });
    assert.match(String(federated.headers['content-type']), /^text\/plain; .*; escaping=allow-utf-8$/);
    assert.match(((await get('/api/v1/status/buildinfo')).data as { version: string }).version, /^3\./);
  });
});

it('orders texts by their bytes', async () => {
  const lake = await testLake();
  const app = await serve(lake);
  const order = ['z', '\ud7ff', '\ufffd', '🦆'];
  const texts = async (path: string, of: (data: never) => readonly unknown[]) => {
    const { data } = (await app.inject({ method: 'GET', url: `/api/v1/${path}` })).json<Body>();
    return of(data as never);
  };
  const own = ({ metric }: { metric: Record<string, string> }) => metric['text'];
  const results = ({ result }: { result: Parameters<typeof own>[0][] }) => result.map(own);
  try {
    await lake.insert(
      'metric_gauge',
      [...order].reverse().map((text) => ({ ...metricPoint(scriptStart, 'duck', { text }), value: 1 })),
    );
    const around = `start=${start - 60}&end=${start + 60}`;
    assert.deepEqual(await texts(`label/text/values?${around}`, (data) => data), order);
    const series = (data: Record<string, string>[]) => data.map(({ text }) => text);
    assert.deepEqual(await texts(`series?match[]=duck&${around}`, series), order);
    assert.deepEqual(await texts(`query_range?query=duck&${around}&step=60`, results), order);
    const sorted = encodeURIComponent('sort_by_label(duck, "text")');
    assert.deepEqual(await texts(`query?query=${sorted}&time=${start}`, results), order);
  } finally {
    await app.close();
    await lake.close();
  }
});

describe('a Prometheus query that cannot be finished', () => {
  const heavy = 'sum(quantile_over_time(0.5, m[1h:10ms]))';

  async function filled(limits: Parameters<typeof testLake>[0]): Promise<TestLake> {
    const lake = await testLake(limits);
    const rows = Array.from({ length: 60 }, (_, i) => ({
      ...metricPoint(scriptStart + i * 60_000, 'm'),
      value: i,
    }));
    await lake.insert('metric_gauge', rows);
    return lake;
  }
  const url = (expr: string, more = '') =>
    `/api/v1/query_range?query=${encodeURIComponent(expr)}&start=${start + 3600}&end=${start + 7200}&step=1${more}`;

  it('ends at the server’s timeout, or at an earlier one of its own', async () => {
    for (const [timeoutMs, more] of [
      [300, ''],
      [60_000, '&timeout=200ms'],
    ] as const) {
      const lake = await filled({ timeoutMs });
      const app = await serve(lake);
      try {
        const answer = await app.inject(url(heavy, more));
        assert.equal(answer.statusCode, 503, answer.body);
        assert.equal(answer.json<Body>().errorType, 'timeout');
        assert.equal(lake.guard.running, 0);
      } finally {
        await app.close();
        await lake.close();
      }
    }
  });

  it('is refused with Retry-After while too many others run', async () => {
    const lake = await filled({ concurrency: 1, queueLength: 0, timeoutMs: 2000 });
    const app = await serve(lake);
    try {
      const running = app.inject(url(heavy));
      while (lake.guard.running === 0) await new Promise((resolve) => setImmediate(resolve));
      const refused = await app.inject(url('m'));
      assert.equal(refused.statusCode, 429);
      assert.equal(refused.headers['retry-after'], '1');
      assert.equal(refused.json<Body>().errorType, 'too_many_requests');
      await running;
    } finally {
      await app.close();
      await lake.close();
    }
  });

  it('stops when the client goes away', async () => {
    const lake = await filled({});
    const app = await serve(lake);
    try {
      const address = await app.listen({ port: 0, host: '127.0.0.1' });
      const client = new AbortController();
      const request = fetch(address + url(heavy), { signal: client.signal });
      while (lake.guard.running === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      client.abort();
      await assert.rejects(request, { name: 'AbortError' });
      for (let i = 0; i < 200 && lake.guard.running > 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 25));
      assert.equal(lake.guard.running, 0);
    } finally {
      await app.close();
      await lake.close();
    }
  });
});
