import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { createTelemetry } from '../../telemetry/index.js';
import { tempoApi } from './index.js';
import { drawSpans, epoch } from './trace-text.test.support.js';

const seconds = Number(epoch / 1_000_000_000n);
const around = `start=${seconds - 60}&end=${seconds + 3600}`;

const spans = drawSpans(`
  trace a1
    front svc=web kind=server dur=120ms http.request.method=GET http.response.status_code=200 r:host.name=h1 r:k8s.pod.name=p1
      cart svc=cart kind=server at=20ms dur=80ms status=error http.response.status_code=500 user/id=u1
        db svc=cart kind=client at=25ms dur=20ms rows=12 s:pool=a scope=pg@1 event={"name":"x","attributes":{"exception.type":"E"}} link={"trace_id":"01","attributes":{"why":"batch"}}
  trace b2
    job svc=worker at=60000ms dur=2000ms num=1.5 ok=true tags=["t1","t2"]
  trace c3
    lost svc=web at=90000ms dur=1ms parent=00000000000000ff
`);

describe('Tempo API', () => {
  let lake: TestLake;
  let app: FastifyInstance;

  before(async () => {
    lake = await testLake();
    await lake.insert('spans', spans);
    app = fastify();
    await app.register(tempoApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  const get = async (path: string, headers: Record<string, string> = {}) =>
    app.inject({ url: path, headers });
  const json = async <T>(path: string): Promise<T> => {
    const response = await get(path);
    assert.equal(response.statusCode, 200, response.body);
    assert.match(String(response.headers['content-type']), /^application\/json/);
    return response.json<T>();
  };
  const q = (text: string) => `q=${encodeURIComponent(text)}`;

  it('echoes and tells its build', async () => {
    assert.equal((await get('/api/echo')).body, 'echo');
    assert.match((await json<{ version: string }>('/api/status/buildinfo')).version, /^\d+\.\d+/);
  });

  it('refuses other methods than those of a path', async () => {
    for (const [method, url] of [
      ['OPTIONS', '/api/search/tags'],
      ['DELETE', '/api/traces/ab'],
      ['PUT', '/api/v2/search/tag/span.a/values'],
    ] as const) {
      const { statusCode, headers } = await app.inject({ method, url });
      assert.deepEqual([statusCode, headers.allow], [405, 'GET, POST'], url);
    }
    for (const url of ['/api/status/buildinfo', '/api/echo', '/status/version']) {
      const { statusCode, headers } = await app.inject({ method: 'POST', url });
      assert.deepEqual([statusCode, headers.allow], [405, 'GET'], url);
    }
    assert.equal((await app.inject({ method: 'HEAD', url: '/api/search/tags' })).statusCode, 200);
  });

  it('searches with TraceQL', async () => {
    const answer = await json<{ traces: object[]; metrics: object }>(
      `/api/search?${q('{ status = error && span.http.response.status_code >= 500 } | select(resource.service.name)')}&${around}`,
    );
    const cart = {
      spanID: '0000000000000002',
      name: 'cart',
      startTimeUnixNano: String(epoch + 20_000_000n),
      durationNanos: '80000000',
      attributes: [
        { key: 'status', value: { stringValue: 'error' } },
        { key: 'http.response.status_code', value: { intValue: '500' } },
        { key: 'service.name', value: { stringValue: 'cart' } },
      ],
    };
    assert.deepEqual(answer, {
      traces: [
        {
          traceID: '000000000000000000000000000000a1',
          rootServiceName: 'web',
          rootTraceName: 'front',
          startTimeUnixNano: String(epoch),
          durationMs: 120,
          spanSet: { spans: [cart], matched: 1 },
          spanSets: [{ spans: [cart], matched: 1 }],
          serviceStats: { web: { spanCount: 1 }, cart: { spanCount: 2, errorCount: 1 } },
        },
      ],
      metrics: { inspectedTraces: 1, inspectedSpans: '3' },
    });
  });

  it('says when the root has not arrived', async () => {
    const { traces } = await json<{ traces: { rootServiceName: string; rootTraceName?: string }[] }>(
      `/api/search?${q('{ name = "lost" }')}&${around}`,
    );
    assert.equal(traces[0]?.rootServiceName, '<root span not yet received>');
    assert.equal(traces[0]?.rootTraceName, undefined);
  });

  it('limits spans per spanset and shows what by() and aggregates found', async () => {
    interface Set {
      spans: object[];
      matched: number;
      attributes: object[];
    }
    const path = `/api/search?${q('{} | by(resource.service.name) | count() > 1')}&spss=1&${around}`;
    const { traces } = await json<{ traces: { spanSets: Set[] }[] }>(path);
    const [set] = traces[0]?.spanSets ?? [];
    assert.equal(set?.spans.length, 1);
    assert.equal(set?.matched, 2);
    assert.deepEqual(set?.attributes, [
      { key: 'by(resource.service.name)', value: { stringValue: 'cart' } },
      { key: 'count()', value: { intValue: '2' } },
    ]);
  });

  const legacy: [string, string[]][] = [
    ['', ['c3', 'b2', 'a1']],
    ['tags=service.name%3DWEB', ['c3', 'a1']],
    ['tags=service.name%3Dweb%20http.request.method%3Dget', ['a1']],
    ['tags=http.response.status_code%3D500%20rows%3D12', ['a1']],
    ['tags=name%3D%22jo%22', ['b2']],
    ['tags=error%3Dtrue', ['a1']],
    ['tags=service.name%3Dnone', []],
    ['minDuration=1s', ['b2']],
    ['maxDuration=1s', ['c3', 'a1']],
    ['minDuration=100ms&maxDuration=1s', ['a1']],
    ['tags=http.request.method', ['a1']],
    ['tags=http.request.method%20rows%3D12', ['a1']],
    ['limit=1', ['c3']],
    ['limit=1000000', ['c3', 'b2', 'a1']],
  ];
  for (const [params, expected] of legacy) {
    it(`searches by tags: ${decodeURIComponent(params)}`, async () => {
      const { traces } = await json<{ traces: { traceID: string; spanSets?: object[] }[] }>(
        `/api/search?${params}&${around}`,
      );
      assert.deepEqual(
        traces.map(({ traceID }) => traceID.slice(-2)),
        expected,
      );
      assert.ok(traces.every(({ spanSets }) => spanSets === undefined));
    });
  }

  it('searches the last day without a time, where other parameters are tags', async () => {
    const recent = BigInt(Date.now() - 3_600_000) * 1_000_000n;
    await lake.insert('spans', drawSpans('trace d4\n fresh svc=new x=1', recent));
    const find = async (params: string) => {
      const { traces } = await json<{ traces: { traceID: string }[] }>(`/api/search?${params}`);
      return traces.map(({ traceID }) => traceID.slice(-2));
    };
    assert.deepEqual(await find('service.name=new'), ['d4']);
    assert.deepEqual(await find('service.name=web'), []);
    assert.deepEqual(await find(q('{}')), ['d4']);
  });

  it('lists tags by scope', async () => {
    const { scopes } = await json<{ scopes: { name: string; tags: string[] }[] }>(
      `/api/v2/search/tags?${around}`,
    );
    const byName = Object.fromEntries(scopes.map(({ name, tags }) => [name, tags]));
    assert.deepEqual(Object.keys(byName), [
      'resource',
      'span',
      'intrinsic',
      'event',
      'link',
      'instrumentation',
    ]);
    assert.deepEqual(byName['resource'], ['host.name', 'k8s.pod.name', 'service.name']);
    assert.ok(byName['span']?.includes('user/id'));
    assert.ok(byName['intrinsic']?.includes('trace:rootService'));
    assert.deepEqual(byName['event'], ['exception.type']);
    assert.deepEqual(byName['link'], ['why']);
    assert.deepEqual(byName['instrumentation'], ['pool']);

    const one = await json<{ scopes: { name: string; tags: string[] }[] }>(
      `/api/v2/search/tags?scope=resource&limit=2&${around}&${q('{ name = "job" }')}`,
    );
    assert.deepEqual(one.scopes, [{ name: 'resource', tags: ['service.name'] }]);
    const { tagNames } = await json<{ tagNames: string[] }>(`/api/search/tags?${around}`);
    assert.ok(tagNames.includes('host.name') && tagNames.includes('rows') && !tagNames.includes('why'));
  });

  const values: [string, string, string[]][] = [
    ['resource.service.name', '', ['string cart', 'string web', 'string worker']],
    ['.service.name', '', ['string cart', 'string web', 'string worker']],
    ['span.http.response.status_code', '', ['int 200', 'int 500']],
    ['span.num', '', ['float 1.5']],
    ['span.ok', '', ['bool true']],
    ['span.tags', '', ['string t1', 'string t2']],
    ['span.user%2Fid', '', ['string u1']],
    ['span.nothing', '', []],
    ['name', '', ['string cart', 'string db', 'string front', 'string job', 'string lost']],
    ['status', '', ['keyword error', 'keyword ok', 'keyword unset']],
    ['rootName', '', ['string front', 'string job']],
    ['event.exception.type', '', ['string E']],
    ['event:name', '', ['string x']],
    ['instrumentation:name', '', ['string pg']],
    ['resource.service.name', '{ status = error }', ['string cart']],
    ['resource.service.name', '{ status = error && resource.host.name = }', ['string cart']],
    ['resource.service.name', '{ broken', ['string cart', 'string web', 'string worker']],
  ];
  for (const [tag, filter, expected] of values) {
    it(`lists values of ${tag} ${filter}`, async () => {
      const path = `/api/v2/search/tag/${tag}/values?${around}${filter ? `&${q(filter)}` : ''}`;
      const { tagValues } = await json<{ tagValues: { type: string; value: string }[] }>(path);
      assert.deepEqual(tagValues.map(({ type, value }) => `${type} ${value}`).sort(), expected);
    });
  }

  it('lists values for the older endpoint by plain names', async () => {
    const { tagValues } = await json<{ tagValues: string[] }>(
      `/api/search/tag/service.name/values?${around}`,
    );
    assert.deepEqual(tagValues.sort(), ['cart', 'web', 'worker']);
  });

  const refused: [string, number, RegExp][] = [
    ['/api/search?q=%7B', 400, /line 1, col 2: syntax error: unexpected \$end/],
    [`/api/search?${q('{}')}&tags=a%3Db`, 400, /invalid request: can't specify tags and q/],
    ['/api/search?limit=0', 400, /invalid limit: /],
    ['/api/search?limit=x', 400, /^invalid limit: strconv.Atoi: parsing "x": invalid syntax$/],
    ['/api/search?spss=-1', 400, /^invalid spss: must not be a negative number$/],
    ['/api/search?start=20&end=10', 400, /start must be before end. received start=20 end=10/],
    ['/api/search?start=abc&end=10', 400, /^invalid start: strconv.ParseInt: parsing "abc": invalid syntax$/],
    ['/api/search?start=1&end=99999999999', 400, /^invalid end: .*: value out of range$/],
    ['/api/search?start=-1&end=10', 400, /^invalid start: must be unix seconds$/],
    ['/api/search?start=1&end=99999999', 400, /the time range is longer than 744 h/],
    ['/api/search?tags=%22', 400, /^invalid tags: unexpected '"' at pos 1$/],
    ['/api/search?tags=a%3D%22b', 400, /^invalid tags: unterminated quoted value at pos 5$/],
    ['/api/search?tags=a%3Db%20%3Dc', 400, /^invalid tags: unexpected '=' at pos 5$/],
    ['/api/search?tags=a%3Db%3Dc', 400, /^invalid tags: unexpected '=' at pos 4$/],
    ['/api/search?tags=a%3D1%20a%3D2', 400, /invalid tags: tag a has been set twice/],
    ['/api/search?minDuration=10', 400, /^invalid minDuration: time: missing unit in duration "10"$/],
    ['/api/search?minDuration=1x', 400, /^invalid minDuration: time: unknown unit "x" in duration "1x"$/],
    ['/api/search?q=%7B%7D&minDuration=x', 400, /^invalid minDuration: time: invalid duration "x"$/],
    ['/api/search?minDuration=2s&maxDuration=1s', 400, /invalid maxDuration: must be greater/],
    [`/api/search?${q('{} | rate()')}`, 400, /metrics query/],
    [`/api/search?${q('{} | by(name) > { } ')}`, 400, /unexpected >/],
    [`/api/search?${q('({} | by(name)) > ({} | by(name))')}&${around}`, 400, /use coalesce\(\)/],
    ['/api/v2/search/tags?scope=nope', 400, /invalid scope: nope/],
    ['/api/v2/search/tag/service.name/values', 400, /is no TraceQL field/],
    ['/api/v2/search/tag/x', 404, /not found/],
    [
      '/api/traces/a0xyz',
      400,
      /^trace IDs can only contain hex characters: invalid character 'x' at position 3$/,
    ],
    [`/api/v2/traces/${'ab'.repeat(17)}`, 400, /^trace IDs can't be larger than 128 bits$/],
    ['/api/traces/', 400, /^please provide a traceID$/],
    ['/api/traces/123', 404, /trace not found/],
    ['/api/v2/traces/diff', 404, /not found/],
    ['/api/metrics/query_range', 400, /invalid q: /],
    [`/api/metrics/query_range?${q('{}')}`, 400, /not a metrics query/],
    [`/api/metrics/query_range?${q('{} | rate()')}&start=10&end=5`, 400, /start must be before end/],
    [`/api/metrics/query_range?${q('{} | rate()')}&start=0&end=100000&step=1s`, 400, /step is too small/],
    [`/api/metrics/query_range?${q('{} | rate()')}&step=abc`, 400, /invalid step: cannot parse/],
  ];
  for (const [path, status, message] of refused) {
    it(`refuses ${decodeURIComponent(path)}`, async () => {
      const response = await get(path);
      assert.equal(response.statusCode, status, response.body);
      assert.match(response.body, message);
      assert.match(String(response.headers['content-type']), /^text\/plain/);
    });
  }
});

describe('Tempo API limits', () => {
  it('times out, cancels and bounds series without telling SQL', async () => {
    const lake = await testLake({ maxSeries: 2 });
    const app = fastify();
    const hurried = fastify();
    await app.register(tempoApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
    const guard = lake.cachedWith({ timeoutMs: 400 });
    await hurried.register(tempoApi({ guard, telemetry: createTelemetry('silent') }));
    try {
      await lake.insert('spans', spans);
      const many = await app.inject({
        url: `/api/metrics/query_range?${q('{} | rate() by(name)')}&${around}&step=1h`,
      });
      assert.equal(many.statusCode, 422);
      assert.match(many.body, /more than 2 series/);

      await lake.connection.run(
        `INSERT INTO lake.spans BY NAME SELECT timestamp, start_time_unix_nano, 1::BIGINT AS duration_nano,
         md5(i::VARCHAR) AS trace_id, '00000000000000aa' AS span_id, 'bulk' AS span_name,
         '{"k":"' || i || '"}' AS span_attributes
         FROM (SELECT timestamp, start_time_unix_nano FROM lake.spans LIMIT 1), range(400000) t(i)`,
      );
      const slow = await hurried.inject({
        url: `/api/search?${q('{ span.k + 1 > 5 && childCount > 3 }')}&${around}`,
      });
      assert.equal(slow.statusCode, 504, slow.body);
      assert.doesNotMatch(slow.body, /SELECT|lake/);
    } finally {
      await app.close();
      await hurried.close();
      await lake.close();
    }
  });

  const q = (text: string) => `q=${encodeURIComponent(text)}`;
});

describe('metrics of a search', () => {
  it('tell the files that have spans of its range, and those that were looked into', async () => {
    const lake = await testLake({}, 'one commit');
    const app = fastify();
    try {
      await app.register(tempoApi({ guard: lake.cached, telemetry: createTelemetry('silent') }));
      await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
      const day = 86_400_000_000_000n;
      await lake.insert('spans', drawSpans('trace a1\n old svc=web', epoch - day));
      await lake.insert('spans', drawSpans('trace b2\n new svc=web', epoch));
      await lake.insert('spans', drawSpans('trace c3\n older svc=web', epoch - 3n * day));
      await lake.compact('spans');
      await lake.cache.prepare(['spans']);
      const range = `start=${seconds - 100_000}&end=${seconds + 60}`;
      const listed = await lake.connection.runAndReadAll(
        `SELECT data_file_size_bytes::VARCHAR FROM ducklake_list_files('lake', 'spans', schema => 'main')
         WHERE contains(data_file, 'day=${new Date(Number(epoch / 1_000_000n)).getUTCDate()}/')`,
      );
      const newest = String(listed.getRows()[0]?.[0]);
      const metrics = async (more: string) =>
        (await app.inject({ url: `/api/search?q={}&${range}&${more}` })).json<{ metrics: object }>().metrics;
      const whole = await metrics('limit=20');
      const bytes = (whole as { totalBlockBytes: string }).totalBlockBytes;
      assert.deepEqual(whole, {
        ...{ inspectedTraces: 2, inspectedSpans: '2', inspectedBytes: bytes },
        ...{ totalBlocks: 2, completedJobs: 2, totalJobs: 2, totalBlockBytes: bytes },
      });
      assert.deepEqual(await metrics('limit=1'), {
        ...{ inspectedTraces: 1, inspectedSpans: '1', inspectedBytes: newest },
        ...{ totalBlocks: 2, completedJobs: 1, totalJobs: 2, totalBlockBytes: bytes },
      });
      const told = async (path: string) =>
        (await app.inject({ url: `${path}${range}` })).json<{ metrics: object }>().metrics;
      const files = { totalBlocks: 2, completedJobs: 2, totalJobs: 2, totalBlockBytes: bytes };
      const read = { inspectedBytes: bytes, inspectedSpans: '2' };
      for (const q of [
        '{}|rate()',
        '{}|max_over_time(duration)by(name)',
        '{}>>{}||{}|rate()',
        '({}|rate())+1',
      ]) {
        for (const path of ['query_range', 'query']) {
          const metrics = await told(`/api/metrics/${path}?step=1h&q=${encodeURIComponent(q)}&`);
          assert.deepEqual(metrics, { ...files, ...read }, `${path} ${q}`);
        }
      }
      for (const q of ['{}|compare({name="new"})', '{}&&{}|compare({name="new"})']) {
        const metrics = await told(`/api/metrics/query_range?step=1h&q=${encodeURIComponent(q)}&`);
        assert.deepEqual(metrics, { ...files, ...read }, q);
      }
      const halves = '({name="new"}|rate())/({}|rate())';
      assert.deepEqual(await told(`/api/metrics/query_range?step=1h&q=${encodeURIComponent(halves)}&`), {
        ...{ ...files, ...read, inspectedSpans: '3' },
      });
      // Without a filter memory has the keys and the values of resources.
      const listings = ['/tags?', '/tag/resource.service.name/values?', '/tag/status/values?'];
      for (const path of listings) assert.deepEqual(await told(`/api/v2/search${path}`), {}, path);
      for (const path of ['/tags?', '/tag/resource.service.name/values?', '/tag/name/values?']) {
        assert.deepEqual(
          await told(`/api/v2/search${path}q=${encodeURIComponent('{name!="x"}')}&`),
          { inspectedBytes: bytes },
          path,
        );
      }
    } finally {
      await app.close();
      await lake.close();
    }
  });
});
