import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { createTelemetry } from '../../telemetry/index.js';
import { jaegerApi } from './jaeger.js';
import { drawSpans } from './trace-text.test.support.js';

const begun = (BigInt(Date.now()) - 600_000n) * 1_000_000n;
const micros = Number(begun / 1000n);
const spans = drawSpans(
  `
  trace a1
    front svc=web kind=server dur=120ms code=200 ratio=0.5 ok=true tags=["x","y"] r:host.name=h1
      cart svc=cart kind=server at=20ms dur=80ms status=error msg=broken code=500 weird"key=v event={"name":"retry","time_unix_nano":"${begun + 30_000_000n}","attributes":{"n":1}} link={"trace_id":"000000000000000000000000000000b2","span_id":"0000000000000003"}
  trace b2
    job svc=worker at=60000ms dur=2000ms scope=lib@1
`,
  begun,
);

describe("Jaeger's query API", () => {
  let lake: TestLake;
  let app: FastifyInstance;

  before(async () => {
    lake = await testLake();
    await lake.insert('spans', spans);
    app = fastify();
    await app.register(jaegerApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  const get = async <T>(path: string): Promise<T[]> => {
    const response = await app.inject({ url: `/jaeger/api/${path}` });
    assert.equal(response.statusCode, 200, response.body);
    const { data, total, errors } = response.json<{ data: T[]; total: number; errors: null }>();
    assert.deepEqual([total, errors], [data.length, null]);
    return data;
  };

  it('lists services and operations', async () => {
    assert.deepEqual(await get('services'), ['cart', 'web', 'worker']);
    assert.deepEqual(await get('services/web/operations'), ['front']);
    assert.deepEqual(await get('operations?service=cart'), [{ name: 'cart', spanKind: 'server' }]);
    assert.deepEqual(await get('operations?service=cart&spanKind=client'), []);
    assert.deepEqual(await get('operations?service=worker'), [{ name: 'job', spanKind: '' }]);
  });

  it('gives a trace in its form', async () => {
    const [trace] = await get<{
      traceID: string;
      processes: object;
      spans: { operationName: string; tags: { key: string; value: unknown; type: string }[] }[];
    }>('traces/a1');
    assert.equal(trace?.traceID, 'a1'.padStart(32, '0'));
    assert.deepEqual(trace.processes, {
      p1: { serviceName: 'web', tags: [{ key: 'host.name', type: 'string', value: 'h1' }] },
      p2: { serviceName: 'cart', tags: [] },
    });
    const [front, cart] = trace.spans;
    assert.deepEqual(front?.tags, [
      { key: 'code', type: 'int64', value: 200 },
      { key: 'ratio', type: 'float64', value: 0.5 },
      { key: 'ok', type: 'bool', value: true },
      { key: 'tags', type: 'string', value: '["x","y"]' },
      { key: 'span.kind', type: 'string', value: 'server' },
    ]);
    const { tags, ...rest } = cart ?? { tags: [] };
    assert.deepEqual(rest, {
      ...{ traceID: trace.traceID, spanID: '0000000000000002', operationName: 'cart', flags: 0 },
      references: [
        { refType: 'CHILD_OF', traceID: trace.traceID, spanID: '0000000000000001' },
        { refType: 'FOLLOWS_FROM', traceID: 'b2'.padStart(32, '0'), spanID: '0000000000000003' },
      ],
      ...{ startTime: micros + 20_000, duration: 80_000, processID: 'p2', warnings: null },
      logs: [
        {
          timestamp: micros + 30_000,
          fields: [
            { key: 'event', type: 'string', value: 'retry' },
            { key: 'n', type: 'int64', value: 1 },
          ],
        },
      ],
    });
    assert.deepEqual(
      tags.slice(2).map(({ key, value }) => [key, value]),
      [
        ['span.kind', 'server'],
        ['otel.status_code', 'ERROR'],
        ['otel.status_description', 'broken'],
        ['error', true],
      ],
    );
  });

  const searches: [string, string][] = [
    ['service=web', 'a1'],
    ['service=cart&operation=cart', 'a1'],
    ['service=cart&operation=front', ''],
    ['service=cart&tags={"error":"true","code":"500"}', 'a1'],
    ['service=cart&tags={"weird\\"key":"v"}', 'a1'],
    ['service=cart&tag=code:500&tag=span.kind:server', 'a1'],
    ['service=cart&tag=code:200', ''],
    ['service=web&tags={"ok":"true","ratio":"0.5","host.name":"h1"}', 'a1'],
    ['service=worker&minDuration=1s&maxDuration=3s', 'b2'],
    ['service=worker&minDuration=3s', ''],
    ['service="&tags={"a":"\\\\"}', ''],
    [`service=web&start=${micros + 30_000_000}&end=${micros + 40_000_000}`, ''],
    ['traceID=b2&traceID=a1&traceID=c3', 'b2 a1'],
  ];
  for (const [params, expected] of searches) {
    it(`finds ${params}`, async () => {
      const around = params.includes('start=')
        ? ''
        : `&start=${micros - 1_000_000}&end=${micros + 120_000_000}`;
      const found = await get<{ traceID: string }>(`traces?${encodeURI(params)}${around}`);
      assert.equal(found.map(({ traceID }) => traceID.slice(-2)).join(' '), expected);
    });
  }

  it('tells who calls whom', async () => {
    assert.deepEqual(await get(`dependencies?endTs=${Date.now()}&lookback=3600000`), [
      { parent: 'web', child: 'cart', callCount: 1 },
    ]);
  });

  const refused: [string, number, RegExp][] = [
    ['traces/a9', 404, /trace not found/],
    ['traces/xyz', 400, /hexadecimal/],
    ['traces', 400, /service: it is missing/],
    ['traces?service=a&tags=x', 400, /JSON object/],
    ['traces?service=a&tag=x', 400, /key:value/],
    ['traces?service=a&start=5&end=4', 400, /behind start/],
    ['traces?service=a&minDuration=x', 400, /minDuration/],
    ['operations', 400, /service: it is missing/],
    ['operations?service=a&spanKind=b', 400, /spanKind/],
  ];
  for (const [path, status, message] of refused) {
    it(`refuses ${path}`, async () => {
      const response = await app.inject({ url: `/jaeger/api/${path}` });
      assert.equal(response.statusCode, status, response.body);
      const { data, errors } = response.json<{ data: null; errors: { code: number; msg: string }[] }>();
      assert.deepEqual([data, errors[0]?.code], [null, status]);
      assert.match(errors[0]?.msg ?? '', message);
    });
  }
});
