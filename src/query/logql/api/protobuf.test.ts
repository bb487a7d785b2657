import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import protobuf from 'protobufjs';
import { start, testLoki, type TestLoki } from '../fixture.test.js';
import { end, range, rows } from './rows.test.support.js';

/** Loki's messages, for a decoder independent of the code under test. */
const { root: schema } = protobuf.parse(
  `
  syntax = "proto3";
  message Status { int32 code = 1; string message = 2; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message Pair { string name = 1; string value = 2; }
  message Entry { Timestamp timestamp = 1; string line = 2; repeated Pair structuredMetadata = 3; repeated Pair parsed = 4; }
  message Stream { string labels = 1; repeated Entry entries = 2; uint64 hash = 3; }
  message LokiData { string ResultType = 1; repeated Stream Result = 2; }
  enum Direction { FORWARD = 0; BACKWARD = 1; }
  message Summary { int64 totalLinesProcessed = 4; double execTime = 5; int64 totalEntriesReturned = 8; }
  message Result { Summary summary = 1; }
  message LokiResponse { string Status = 1; LokiData Data = 2; string ErrorType = 3; string Error = 4; Direction direction = 5;
    uint32 limit = 6; uint32 version = 7; Result statistics = 8; repeated string warnings = 10; }
  message Sample { double value = 1; int64 timestamp_ms = 2; }
  message SampleStream { repeated Pair labels = 1; repeated Sample samples = 2; }
  message PrometheusData { string ResultType = 1; repeated SampleStream Result = 2; }
  message PrometheusResponse { string Status = 1; PrometheusData Data = 2; }
  message LokiPromResponse { PrometheusResponse response = 1; Result statistics = 2; }
  message LabelsEntry { string key = 1; string value = 2; }
  message SeriesIdentifier { repeated LabelsEntry labels = 1; }
  message LokiSeriesResponse { string Status = 1; repeated SeriesIdentifier Data = 2; uint32 version = 3; }
  message LokiLabelNamesResponse { string Status = 1; repeated string Data = 2; uint32 version = 3; }
  message Stats { uint64 streams = 1; uint64 chunks = 2; uint64 bytes = 3; uint64 entries = 4; }
  message IndexStatsResponse { Stats response = 1; }
  message Bounds { uint64 min = 1; uint64 max = 2; }
  message Shard { Bounds bounds = 1; Stats stats = 2; }
  message Shards { repeated Shard shards = 1; Result statistics = 2; }
  message ShardsResponse { Shards response = 1; }
  message DetectedField { string label = 1; string type = 2; uint64 cardinality = 3; repeated string parsers = 4; bytes sketch = 5;
    repeated string jsonPath = 6; }
  message DetectedFields { repeated DetectedField fields = 1; uint32 limit = 2; repeated string values = 3; }
  message DetectedFieldsResponse { DetectedFields response = 1; }
  message PatternSample { int64 timestamp = 1; int64 value = 2; }
  message PatternSeries { string pattern = 1; repeated PatternSample samples = 2; string level = 3; }
  message Patterns { repeated PatternSeries series = 1; }
  message QueryPatternsResponse { Patterns response = 1; }
  message DetectedLabel { string label = 1; uint64 cardinality = 2; bytes sketch = 3; }
  message DetectedLabels { repeated DetectedLabel detectedLabels = 1; }
  message DetectedLabelsResponse { DetectedLabels response = 1; }
  message QueryResponse { Status status = 1; oneof response {
    LokiSeriesResponse series = 2; LokiLabelNamesResponse labels = 3; IndexStatsResponse stats = 4; LokiPromResponse prom = 5;
    LokiResponse streams = 6; ShardsResponse shardsResponse = 10; DetectedFieldsResponse detectedFields = 11;
    QueryPatternsResponse patternsResponse = 12; DetectedLabelsResponse detectedLabels = 13; } }
`,
  { keepCase: true },
);
const QueryResponse = schema.lookupType('QueryResponse');
const type = 'application/vnd.google.protobuf';

describe("Loki's answers as protobuf", () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', rows);
  });
  after(() => loki.close());

  async function ask(path: string, params: Record<string, string>, flags = '') {
    const headers = { accept: type, 'x-loki-response-encoding-flags': flags };
    const answer = await loki.app.inject({
      url: `/loki/api/v1/${path}?${new URLSearchParams({ ...range, ...params }).toString()}`,
      headers,
    });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.equal(answer.headers['content-type'], type);
    const { status, ...response } = QueryResponse.toObject(QueryResponse.decode(answer.rawPayload), {
      longs: String,
      enums: String,
    });
    assert.deepEqual(status, {});
    return response as Record<string, Record<string, unknown>>;
  }

  const json = async (path: string, params: Record<string, string>) =>
    (await loki.get(path, { ...range, ...params })).json<Record<string, never>>();

  it('gives streams, their entries with what belongs to each', async () => {
    const query = '{service_name="cart"} | logfmt';
    type Entries = {
      timestamp: { seconds: string; nanos?: number };
      line: string;
      structuredMetadata: object[];
      parsed?: object[];
    };
    type Streams = { Data: { ResultType: string; Result: { labels: string; entries: Entries[] }[] } };
    const { streams } = await ask('query_range', { query, limit: '2' }, 'categorize-labels');
    const { Data, Status, direction, limit, version, statistics } = streams as never as Streams &
      Record<string, unknown>;
    assert.deepEqual([Status, direction, limit, version], ['success', 'BACKWARD', 2, 1]);
    assert.equal((statistics as { summary: Record<string, string> }).summary['totalEntriesReturned'], '2');
    assert.equal(Data.ResultType, 'streams');
    const [stream] = Data.Result;
    assert.equal(stream?.labels, '{k8s_pod_name="pod-1", service_name="cart"}');
    const [entry] = stream.entries;
    assert.deepEqual(entry?.timestamp, { seconds: String(start / 1_000_000_000n + 56n) });
    assert.equal(entry?.line, rows[28]?.['body']);
    assert.ok(
      entry?.structuredMetadata.some((pair) => JSON.stringify(pair) === '{"name":"user_id","value":"u0"}'),
    );
    assert.ok(entry?.parsed?.some((pair) => JSON.stringify(pair) === '{"name":"took","value":"9ms"}'));
    const { streams: plain } = await ask('query_range', { query, limit: '2', direction: 'forward' });
    const { Data: all, direction: forward } = plain as never as Streams & { direction?: string };
    assert.equal(forward ?? 'FORWARD', 'FORWARD');
    assert.match(all.Result[0]?.labels ?? '', /took="5ms", user="7", user_id="u0"\}$/);
    assert.ok(all.Result[0]?.entries[0]?.parsed);
  });

  it('gives metric queries and volumes as series of samples', async () => {
    type Series = {
      response: {
        Data: {
          ResultType: string;
          Result?: {
            labels?: { name: string; value?: string }[];
            samples: { value: number; timestamp_ms: string }[];
          }[];
        };
      };
    };
    const series = async (path: string, params: Record<string, string>) => {
      const { prom } = await ask(path, params);
      const { ResultType, Result = [] } = (prom as never as Series).response.Data;
      return [
        ResultType,
        Result.map(({ labels = [], samples }) => [
          Object.fromEntries(labels.map(({ name, value = '' }) => [name, value])),
          samples.map(({ value, timestamp_ms }) => [Number(timestamp_ms) / 1000, String(value)]),
        ]),
      ];
    };
    type Shown = { data: { result: { metric: object; values?: object[]; value: object }[] } };
    const shown = async (path: string, params: Record<string, string>) => {
      const { result } = ((await json(path, params)) as never as Shown).data;
      return result.map(({ metric, values, value }) => [metric, values ?? [value]]);
    };
    const query = 'sum by (service_name, k8s_pod_name) (count_over_time({service_name=~".+"}[30s]))';
    const cart = { query: '{service_name="cart"}', targetLabels: 'k8s_pod_name' };
    for (const [path, resultType, params, count] of [
      ['query_range', 'matrix', { query, step: '30' }, 6],
      ['query', 'vector', { query, time: String(end) }, 6],
      ['index/volume', 'vector', cart, 3],
      ['index/volume', 'vector', { ...cart, aggregateBy: 'labels' }, 1],
      ['index/volume_range', 'matrix', { ...cart, step: '20s' }, 3],
    ] as const) {
      const expected = await shown(path, params);
      assert.equal(expected.length, count, path);
      assert.deepEqual(await series(path, params), [resultType, expected], path);
    }
    assert.deepEqual(await series('query', { query: '1 + 1', time: '1700000000.5' }), [
      'scalar',
      [[{}, [[1_700_000_000.5, '2']]]],
    ]);
    assert.deepEqual(await series('query', { query: 'rate({service_name="nope"}[1m])', time: String(end) }), [
      'vector',
      [],
    ]);
  });

  it('gives lists', async () => {
    const query = '{service_name=~".+"}';
    const data = async (path: string, params = {}) =>
      (await json(path, params))['data'] as never as unknown[];
    for (const path of ['labels', 'label', 'label/service_name/values']) {
      const names = await data(path);
      assert.ok(names.length > 1);
      assert.deepEqual((await ask(path, {}))['labels'], { Status: 'success', Data: names, version: 1 });
    }
    const series = (await data('series')).map((one) => ({
      labels: Object.entries(one as object).map(([key, value]: [string, string]) => ({ key, value })),
    }));
    assert.equal(series.length, 6);
    assert.deepEqual((await ask('series', {}))['series'], { Status: 'success', Data: series, version: 1 });
    const labels = (await json('detected_labels', {}))['detectedLabels'] as never as {
      cardinality: number;
    }[];
    assert.deepEqual((await ask('detected_labels', {}))['detectedLabels'], {
      response: { detectedLabels: labels.map((one) => ({ ...one, cardinality: String(one.cardinality) })) },
    });
    const found = (await json('detected_fields', { query })) as never as {
      fields: { cardinality: number; parsers: string[] | null }[];
      limit: number;
    };
    const fields = found.fields.map(({ parsers, cardinality, ...rest }) => ({
      ...rest,
      ...(parsers && { parsers }),
      cardinality: String(cardinality),
    }));
    assert.ok(fields.length > 3);
    assert.deepEqual((await ask('detected_fields', { query }))['detectedFields'], {
      response: { fields, limit: found.limit },
    });
    assert.deepEqual((await ask('detected_field/user/values', { query }))['detectedFields'], {
      response: { values: ['12', '7'], limit: found.limit },
    });
    type Pattern = { pattern: string; level: string; samples: [number, number][] };
    const patterns = (await data('patterns', { query, step: '60' })) as Pattern[];
    assert.ok(patterns.length > 2);
    assert.deepEqual((await ask('patterns', { query, step: '60' }))['patternsResponse'], {
      response: {
        series: patterns.map(({ samples, ...rest }) => ({
          ...rest,
          samples: samples.map(([seconds, n]) => ({ timestamp: String(seconds * 1000), value: String(n) })),
        })),
      },
    });
  });

  it('gives what the index counts', async () => {
    const query = '{service_name="cart"}';
    const counted = await json('index/stats', { query });
    const stats = Object.fromEntries(Object.entries(counted).map(([name, n]) => [name, String(n)]));
    assert.deepEqual((await ask('index/stats', { query }))['stats'], { response: stats });
    const { shardsResponse } = await ask('index/shards', { query, targetBytesPerShard: '1MB' });
    const { shards } = shardsResponse?.['response'] as { shards: object };
    assert.deepEqual(shards, [{ bounds: { max: '18446744073709551615' }, stats }]);
  });

  it('writes in JSON what is asked for otherwise, and errors as text', async () => {
    const accepts = ['*/*', 'application/json', `${type}, application/json`];
    for (const accept of accepts) {
      const { type: given } = await loki.get('labels', range, { accept });
      assert.equal(given, 'application/json; charset=utf-8');
    }
    const formatted = await loki.get('format_query', { query: '{a="b"}' }, { accept: type });
    assert.equal(formatted.json<{ data: string }>().data, '{a="b"}');
    const refused = await loki.get('query_range', { query: '{a="b"' }, { accept: type });
    assert.deepEqual([refused.status, refused.type], [400, 'text/plain; charset=utf-8']);
    assert.match(refused.body, /^parse error/);
  });
});
