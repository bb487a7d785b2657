import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import protobuf from 'protobufjs';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { mostHeldRows } from '../../lake/session.js';
import { createTelemetry } from '../../telemetry/index.js';
import { tempoApi } from './index.js';
import { ProtobufWriter } from '../server/protobuf-writer.js';
import { drawSpans, epoch } from './trace-text.test.support.js';

/** The messages of opentelemetry-proto v1 and Tempo's answer, for a decoder independent of the code under test. */
const { root: schema } = protobuf.parse(`
  syntax = "proto3";
  message AnyValue { oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
  message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16;
    string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
    repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10;
    repeated Event events = 11; uint32 dropped_events_count = 12;
    repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15; }
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
  message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
    uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
  message Status { string message = 2; int32 code = 3; }
  message Trace { repeated ResourceSpans resource_spans = 1; }
  message TraceByIDResponse { Trace trace = 1; int32 status = 3; string message = 4; }
`);

const id = '0af7651916cd43dd8448eb211c80319c';

const full = {
  timestamp: '2026-03-02 10:00:00',
  start_time_unix_nano: epoch + 1n,
  end_time_unix_nano: epoch + 9_007_199_254_740_993n,
  duration_nano: 9_007_199_254_740_992n,
  trace_id: id,
  span_id: 'b7ad6b7169203331',
  parent_span_id: '00f067aa0ba902b7',
  trace_state: 'k=v',
  flags: 257,
  span_name: 'GET /ü',
  span_kind: 2,
  status_code: 2,
  status_message: 'broken',
  service_name: 'web',
  resource_attributes: '{"service.name":"web","n":1}',
  resource_dropped_attributes_count: 1,
  resource_schema_url: 'https://r',
  scope_name: 'lib',
  scope_version: '1.2',
  scope_attributes: '{"s":true}',
  scope_dropped_attributes_count: 2,
  scope_schema_url: 'https://s',
  span_attributes: `{"text":"${'long '.repeat(100)}","int":-9223372036854775807,"double":1.5,"bool":false,"list":["a",1,null],"map":{"x":{"y":2}},"none":null,"empty":""}`,
  dropped_attributes_count: 3,
  events_json: `[{"name":"e","time_unix_nano":"${epoch + 5n}","attributes":{"k":0},"dropped_attributes_count":4}]`,
  dropped_events_count: 5,
  links_json: `[{"trace_id":"${id}","span_id":"00f067aa0ba902b7","trace_state":"a=b","attributes":{"k":"v"},"dropped_attributes_count":6,"flags":1}]`,
  dropped_links_count: 7,
};

const expectedSpan = {
  traceId: Buffer.from(id, 'hex').toString('base64'),
  spanId: Buffer.from('b7ad6b7169203331', 'hex').toString('base64'),
  traceState: 'k=v',
  parentSpanId: Buffer.from('00f067aa0ba902b7', 'hex').toString('base64'),
  flags: 257,
  name: 'GET /ü',
  kind: 'SPAN_KIND_SERVER',
  startTimeUnixNano: String(epoch + 1n),
  endTimeUnixNano: String(epoch + 9_007_199_254_740_993n),
  attributes: [
    { key: 'text', value: { stringValue: 'long '.repeat(100) } },
    { key: 'int', value: { intValue: '-9223372036854775807' } },
    { key: 'double', value: { doubleValue: 1.5 } },
    { key: 'bool', value: { boolValue: false } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, {}] } } },
    {
      key: 'map',
      value: {
        kvlistValue: {
          values: [
            { key: 'x', value: { kvlistValue: { values: [{ key: 'y', value: { intValue: '2' } }] } } },
          ],
        },
      },
    },
    { key: 'none', value: {} },
    { key: 'empty', value: { stringValue: '' } },
  ],
  droppedAttributesCount: 3,
  events: [
    {
      timeUnixNano: String(epoch + 5n),
      name: 'e',
      attributes: [{ key: 'k', value: { intValue: '0' } }],
      droppedAttributesCount: 4,
    },
  ],
  droppedEventsCount: 5,
  links: [
    {
      traceId: Buffer.from(id, 'hex').toString('base64'),
      spanId: Buffer.from('00f067aa0ba902b7', 'hex').toString('base64'),
      traceState: 'a=b',
      attributes: [{ key: 'k', value: { stringValue: 'v' } }],
      droppedAttributesCount: 6,
      flags: 1,
    },
  ],
  droppedLinksCount: 7,
  status: { message: 'broken', code: 'STATUS_CODE_ERROR' },
};

const expectedResource = {
  resource: {
    attributes: [
      { key: 'service.name', value: { stringValue: 'web' } },
      { key: 'n', value: { intValue: '1' } },
    ],
    droppedAttributesCount: 1,
  },
  scopeSpans: [
    {
      scope: {
        name: 'lib',
        version: '1.2',
        attributes: [{ key: 's', value: { boolValue: true } }],
        droppedAttributesCount: 2,
      },
      spans: [expectedSpan],
      schemaUrl: 'https://s',
    },
  ],
  schemaUrl: 'https://r',
};

/** The protobuf decoder's objects with enums and absent values as Tempo's JSON has them. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'kind') out[key] = ['', 'SPAN_KIND_INTERNAL', 'SPAN_KIND_SERVER'][inner as number];
    else if (key === 'code') out[key] = ['', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'][inner as number];
    else out[key] = comparable(inner);
  }
  return out;
}

function decode(message: string, body: Buffer): Record<string, unknown> {
  const type = schema.lookupType(message);
  return comparable(type.toObject(type.decode(body), { longs: String, bytes: String })) as Record<
    string,
    unknown
  >;
}

describe('traces by id', () => {
  let lake: TestLake;
  let app: FastifyInstance;

  before(async () => {
    lake = await testLake({ maxRows: 50 });
    await lake.insert('spans', [full, ...drawSpans('trace 7b\n one svc=a\n  two svc=b\n  three svc=a')]);
    app = fastify();
    await app.register(tempoApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  const accept = { accept: 'application/protobuf' };

  it('gives every field back as JSON', async () => {
    const v1 = await app.inject({ url: `/api/traces/${id}` });
    assert.deepEqual(v1.json(), { batches: [expectedResource] });
    const v2 = await app.inject({ url: `/api/v2/traces/${id.toUpperCase()}` });
    assert.deepEqual(v2.json(), { trace: { resourceSpans: [expectedResource] }, metrics: {} });
  });

  it('gives every field back as protobuf', async () => {
    const v1 = await app.inject({ url: `/api/traces/${id}`, headers: accept });
    assert.equal(v1.headers['content-type'], 'application/protobuf');
    assert.deepEqual(decode('Trace', v1.rawPayload), { resourceSpans: [expectedResource] });
    const v2 = await app.inject({ url: `/api/v2/traces/${id}`, headers: accept });
    assert.deepEqual(decode('TraceByIDResponse', v2.rawPayload), {
      trace: { resourceSpans: [expectedResource] },
    });
  });

  it('pads short ids and groups spans by resource', async () => {
    const response = await app.inject({ url: '/api/traces/7B' });
    interface Batch {
      scopeSpans: { spans: { name: string }[] }[];
    }
    const { batches } = response.json<{ batches: Batch[] }>();
    const names = batches.map(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)),
    );
    assert.deepEqual(names, [['one', 'three'], ['two']]);
  });

  it('shows a span that was sent twice once', async () => {
    const sent = drawSpans('trace 2e\n once');
    await lake.insert('spans', [...sent, ...sent]);
    const response = await app.inject({ url: '/api/traces/2e' });
    assert.equal(response.body.match(/"spanId"/g)?.length, 1);
  });

  it('gives the whole trace, whatever time is named', async () => {
    const seconds = Number(epoch / 1_000_000_000n);
    const whole = await app.inject({ url: `/api/traces/${id}` });
    for (const [from, until] of [
      [-5, 5],
      [5, 9],
    ] as const) {
      const url = `/api/traces/${id}?start=${seconds + from}&end=${seconds + until}`;
      assert.equal((await app.inject({ url })).body, whole.body);
    }
    const apart = [0n, 45n, 90n, 135n].map((minutes) =>
      drawSpans('trace 5e\n part', epoch + minutes * 60_000_000_000n),
    );
    await lake.insert(
      'spans',
      apart.map(([row], i) => ({ ...row, span_id: `${i}`.padStart(16, '0') })),
    );
    const long = await app.inject({ url: `/api/traces/5e?start=${seconds - 5}&end=${seconds + 5}` });
    assert.equal(long.body.match(/"spanId"/g)?.length, 4);
  });

  it('finds traces of the last hours and of long ago', async () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    await lake.insert('spans', [
      ...drawSpans('trace fa\n fresh', now - 600_000_000_000n),
      ...drawSpans('trace fb\n aged', now - 200n * 3_600_000_000_000n),
    ]);
    for (const short of ['fa', 'fb']) {
      assert.equal((await app.inject({ url: `/api/traces/${short}` })).statusCode, 200, short);
    }
  });

  it('cuts a trace that is too large and says so', async () => {
    await lake.insert(
      'spans',
      drawSpans(`trace big\n${' wide\n'.repeat(60)}`).map((row) => ({ ...row, trace_id: 'b'.repeat(32) })),
    );
    const json = await app.inject({ url: `/api/v2/traces/${'b'.repeat(32)}` });
    const body = json.json<{
      status: string;
      message: string;
      trace: { resourceSpans: { scopeSpans: { spans: object[] }[] }[] };
    }>();
    assert.equal(body.status, 'PARTIAL');
    assert.match(body.message, /more spans than the 50 shown/);
    assert.equal(body.trace.resourceSpans[0]?.scopeSpans[0]?.spans.length, 50);
    const binary = await app.inject({ url: `/api/v2/traces/${'b'.repeat(32)}`, headers: accept });
    const decoded = decode('TraceByIDResponse', binary.rawPayload);
    assert.equal(decoded['status'], 1);
    assert.match(String(decoded['message']), /more spans/);
  });
});

describe('a trace of more spans than are held at once', () => {
  let lake: TestLake;
  let app: FastifyInstance;
  const spans = mostHeldRows + 100;

  before(async () => {
    lake = await testLake();
    await lake.connection.run(
      `INSERT INTO lake.main.spans (timestamp, start_time_unix_nano, end_time_unix_nano, duration_nano, trace_id, span_id, span_name, service_name)
       SELECT make_timestamp(${epoch} // 1000 + i), ${epoch} + i * 1000, ${epoch} + i * 1000 + 1, 1, '${id}', printf('%016x', i + 1), 'n', 's'
       FROM range(${spans}) AS r(i)`,
    );
    app = fastify();
    await app.register(tempoApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  it('is given as a whole', async () => {
    const { body } = await app.inject({ url: `/api/traces/${id}` });
    assert.equal(body.match(/"spanId"/g)?.length, spans);
  });

  it('is searched as a whole', async () => {
    const seconds = Number(epoch / 1_000_000_000n);
    const q = encodeURIComponent(`{ } | count() = ${spans}`);
    const found = await app.inject({ url: `/api/search?q=${q}&start=${seconds - 60}&end=${seconds + 60}` });
    assert.deepEqual(
      found.json<{ traces: { traceID: string }[] }>().traces.map(({ traceID }) => traceID),
      [id],
    );
  });
});

describe('ProtobufWriter', () => {
  it('moves nested messages whose length needs several bytes, and grows', () => {
    const type = new protobuf.Type('Nest')
      .add(new protobuf.Field('inner', 1, 'Nest'))
      .add(new protobuf.Field('text', 2, 'string'));
    new protobuf.Root().add(type);
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) {
      const writer = new ProtobufWriter();
      const text = 'é'.repeat(length);
      writer.message(1, () => writer.message(1, () => writer.string(2, text)));
      const decoded = type.toObject(type.decode(writer.finish())) as { inner: { inner: { text?: string } } };
      assert.equal(decoded.inner.inner.text ?? '', text);
    }
  });
});
