/** Answers that were once wrong, each asked by HTTP of a running server, beside the conformance suites. */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- answers of many shapes, of which each test names what it reads */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { eventually, startServer, type TestServer } from '../support/server.js';
import { at, logs, metrics, origin, spans } from './data.js';
import { Requests, type Json } from './requests.js';

let server: TestServer;
let ask: Requests;

before(async () => {
  server = await startServer();
  ask = new Requests(server.url);
  for (const [path, body] of [
    ['/v1/metrics', metrics],
    ['/v1/traces', spans],
    ['/v1/logs', logs],
  ] as const) {
    const answer = await ask.post(path, body);
    assert.equal(answer.status, 200, answer.text);
  }
  await eventually(async () => {
    const found = await Promise.all([
      value('count({__name__=~".+"})').then(Number),
      lines('{service_name=~".+"}').then((all) => all.length),
      search('{}', {}).then((all) => all.length),
    ]);
    return found[0] > 0 && found[1] === 13 && found[2] >= 3 ? true : undefined;
  });
});
after(async () => {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
});

/** PromQL at minute ten: the value of the only series. */
async function value(query: string): Promise<string> {
  const { data } = await ask.found('/api/v1/query', { query, time: at(600) });
  const [first] = data.resultType === 'scalar' ? [{ value: data.result }] : (data.result as Json[]);
  return (first?.value?.[1] ?? '') as string;
}

const logRange = { start: at(0), end: at(3600) };

async function logRows(query: string, more = {}): Promise<Json[]> {
  const params = { query, ...logRange, limit: 100, direction: 'forward', ...more };
  return (await ask.found('/loki/api/v1/query_range', params)).data.result as Json[];
}

async function lines(query: string): Promise<string[]> {
  const streams = await logRows(query);
  const all = streams.flatMap(({ values }) => values as [string, string][]);
  return all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, line]) => line);
}

/** LogQL's metrics at minute twenty: `labels value`. */
async function counted(query: string): Promise<string[]> {
  const { data } = await ask.found('/loki/api/v1/query', { query, time: at(1200) });
  return (data.result as Json[]).map(({ metric, value: [, v] }) => `${JSON.stringify(metric)} ${v}`).sort();
}

async function search(q: string, more: object = { start: at(500), end: at(4000) }): Promise<Json[]> {
  const range = Object.keys(more).length === 0 ? { start: at(0), end: at(4000) } : more;
  return (await ask.found('/api/search', { q, ...range })).traces as Json[];
}

const ids = async (...args: Parameters<typeof search>) =>
  (await search(...args)).map(({ traceID }) => (traceID as string).replace(/^0+/, '')).sort();

async function traceMetrics(q: string, more = {}): Promise<Json> {
  const params = { q, start: at(600), end: at(900), step: '60s', ...more };
  return ask.found('/api/metrics/query_range', params);
}

const C = '{service_name="checkout"}';

describe('cases of PromQL and its API', () => {
  it('1 to 4: anchored and smoothed, numbers with a trailing dot, quantiles with infinities, what is experimental', async () => {
    assert.equal(await value('rate(requests_total[5m] smoothed)'), '1');
    assert.equal(await value('increase(requests_total[5m] anchored)'), '300');
    assert.deepEqual(
      [await value('2.'), await value('1./4.'), await value('vector(1.)')],
      ['2', '0.25', '1'],
    );
    assert.equal(await value('quantile without(p)(0.5, load)'), '2');
    assert.equal(await value('quantile(1, load{p=~"0|2"})'), '+Inf');
    assert.equal(await value('integral(level[2m])'), '570');
    assert.deepEqual([await value('min_of(1, 2)'), await value('max_of(1, 2)')], ['1', '2']);
    assert.equal(await value('count(limit_ratio(1, load))'), '3');
    assert.equal(await value('count(info(level))'), '1');
  });

  it('5: exponential histograms are native, and classic', async () => {
    assert.equal(await value('histogram_count(rpc_latency_milliseconds)'), '44');
    assert.equal(await value('histogram_avg(rpc_latency_milliseconds)'), '1.25');
    assert.notEqual(await value('histogram_quantile(0.9, rate(rpc_latency_milliseconds[5m]))'), '');
    assert.equal(await value('rpc_latency_milliseconds_bucket{le="+Inf"}'), '44');
    const { data } = await ask.found('/api/v1/query', { query: 'rpc_latency_milliseconds', time: at(600) });
    assert.deepEqual(data.result[0].histogram[1].buckets, [
      [0, '1', '2', '11'],
      [0, '2', '4', '22'],
      [0, '4', '8', '11'],
    ]);
  });

  it('6: annotations have their prefix and position', async () => {
    const rate = await ask.found('/api/v1/query', { query: 'rate(level[5m])', time: at(600) });
    assert.deepEqual(rate.infos, [
      'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "level" (1:6)',
    ]);
    const range = { start: at(0), end: at(600), step: 60 };
    const sorted = await ask.found('/api/v1/query_range', { query: 'sort(level)', ...range });
    assert.deepEqual(sorted.warnings, [
      'PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)',
    ]);
  });

  it('7 and 10: names of any form', async () => {
    for (const query of ['label_replace(level, "0x", "$1", "q", "(.*)")', 'count_values("0bad", level)'])
      assert.equal((await ask.get('/api/v1/query', { query, time: at(600) })).status, 200, query);
    assert.equal((await ask.get('/api/v1/label/bad-name/values')).status, 200);
    const { data } = await ask.found('/api/v1/query', {
      query: 'bytes_per_second_per_second',
      time: at(600),
    });
    const [{ metric }] = data.result as [{ metric: Record<string, string> }];
    assert.deepEqual([metric['key_lead'], metric['key_tf']], ['x', 'y']);
  });

  it('8: the whole API', async () => {
    for (const path of ['/-/healthy', '/-/ready']) assert.equal((await ask.get(path)).status, 200, path);
    for (const path of [
      ...['config', 'flags', 'runtimeinfo', 'tsdb', 'buildinfo'].map((name) => `status/${name}`),
      ...['targets', 'alertmanagers', 'rules', 'alerts', 'features'],
    ])
      assert.equal((await ask.found(`/api/v1/${path}`)).status, 'success', path);
    assert.equal((await ask.found('/api/v1/parse_query', { query: 'up' })).data.type, 'vectorSelector');
    assert.equal((await ask.get('/federate', { 'match[]': 'level' })).status, 200);
    const stats = await ask.found('/api/v1/query', { query: 'level', time: at(600), stats: 'all' });
    assert.equal(stats.data.stats.samples.totalQueryableSamples, 1);
    assert.equal((await ask.get('//api/v1/query', { query: '1' })).status, 200);
    const missing = await ask.get('/api/v1/nothing');
    assert.deepEqual(
      [missing.status, missing.json.status, typeof missing.json.errorType],
      [404, 'error', 'string'],
    );
    const options = await ask.get('/api/v1/query', {}, { method: 'OPTIONS' });
    assert.ok(options.status < 300, String(options.status));
  });

  it('9 and 11: exemplars of milliseconds, and parse errors in their frame', async () => {
    const exemplars = { query: 'level', start: origin, end: origin + 60_000 };
    assert.deepEqual((await ask.found('/api/v1/query_exemplars', exemplars)).data, []);
    for (const [path, more] of [
      ['query', {}],
      ['query_range', { start: at(0), end: at(60), step: 15 }],
    ] as const) {
      const { status, json } = await ask.get(`/api/v1/${path}`, { query: 'sum(', ...more });
      assert.equal(status, 400);
      assert.equal(json.error, 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis');
    }
  });
});

describe('cases of LogQL and its API', () => {
  it('1: takes pushes', async () => {
    const values = [[`${BigInt(origin + 2_000_000) * 1_000_000n}`, 'pushed']];
    const answer = await ask.post('/loki/api/v1/push', { streams: [{ stream: { job: 'pusher' }, values }] });
    assert.equal(answer.status, 204);
    await eventually(async () => ((await lines('{job="pusher"}')).length === 1 ? true : undefined));
  });

  it('2: a malformed line is an error only where its labels are needed', async () => {
    assert.deepEqual(await counted(`sum(count_over_time(${C} | json | level="error" [1h]))`), ['{} 1']);
    const levels = await counted(`sum by (level) (count_over_time(${C} |~ "^.(.msg|.level)" | json [20m]))`);
    assert.deepEqual(levels, ['{"level":"error"} 1', '{"level":"info"} 1', '{"level":"warn"} 1']);
    assert.deepEqual(
      await counted(`sum by (__error__) (count_over_time(${C} |~ "^.(.msg|.level)" | json [20m]))`),
      ['{"__error__":"JSONParserErr"} 1', '{} 2'],
    );
  });

  it('3 and 4: names that are taken become _extracted', async () => {
    assert.equal((await lines(`${C} | json | service_name_extracted="inner"`)).length, 1);
    assert.equal(
      (await lines(`${C} | json service_name="service_name" | service_name_extracted="inner"`)).length,
      1,
    );
    assert.equal(
      (
        await lines(
          `${C} | regexp \`"service_name":"(?P<service_name>\\w+)"\` | service_name_extracted="inner"`,
        )
      ).length,
      1,
    );
    const both = `${C} |= "parsed" | json | user_id="own" | user_id_extracted="parsed"`;
    assert.equal((await lines(both)).length, 1);
    assert.equal((await lines(`${C} |= "parsed" | drop user_id | json | user_id="parsed"`)).length, 1);
  });

  it('6 and 7: what is valid, and rate_counter', async () => {
    for (const query of [
      'min_over_time({service_name="counter"} | logfmt | unwrap v [30m] offset 30m) by (y)',
      'max_over_time(({service_name="counter"} | logfmt | unwrap v)[5m])',
    ])
      assert.equal((await ask.get('/loki/api/v1/query', { query, time: at(1200) })).status, 200, query);
    assert.equal(
      (await ask.get('/loki/api/v1/query_range', { query: `${C} | foo="bar" buzz!="x"`, ...logRange }))
        .status,
      200,
    );
    assert.deepEqual(
      await lines(
        `${C} |= "cut" | line_format "{{define \\"x\\"}}<{{.}}>{{end}}{{template \\"x\\" \\"a\\"}}"`,
      ),
      ['<a>'],
    );
    const [rate] = await counted('sum(rate_counter({service_name="counter"} | logfmt | unwrap v [20m]))');
    assert.match(rate ?? '', /^\{\} 0\.01/);
  });

  it('8: parsers keep what they found, also when it is empty', async () => {
    const stream = async (query: string) =>
      ((await logRows(query))[0]?.stream ?? {}) as Record<string, string>;
    assert.equal((await stream(`${C} |= "cut" | json msg="msg"`))['msg'], 'cut');
    assert.equal((await stream(`${C} |= "inner" | json missing="no.such"`))['missing'], '');
    const kept = await stream(`${C} |= "flag" | logfmt --keep-empty`);
    assert.deepEqual([kept['empty'], kept['flag']], ['', '']);
  });

  it('9 and 10: level, and functions of templates', async () => {
    const kept = (await logRows(`${C} |= "inner" | json | keep level`)).map(({ stream }) => stream as object);
    assert.deepEqual(kept, [{ level: 'error' }]);
    const counts = await counted(`sum by (level, detected_level) (count_over_time(${C} |= "inner" [20m]))`);
    assert.deepEqual(counts, ['{"detected_level":"error"} 1']);
    const format = async (text: string) => lines(`${C} |= "inner" | line_format "${text}"`);
    assert.deepEqual(
      await format('{{ html \\"<\\" }}{{ js \\"\'\\" }}{{ urlquery \\"a b\\" }}{{ slice \\"abcd\\" 1 3 }}'),
      ["&lt;\\'a+bbc"],
    );
    assert.deepEqual(await format('{{ trunc 3 \\"aéb\\" }}'), ['aé']);
  });

  it('11 and 12: the API of Logs Drilldown and of rules', async () => {
    const fields = await ask.found('/loki/api/v1/detected_fields', {
      query: `${C} |= "inner" | json`,
      ...logRange,
    });
    const nested = (fields.fields as Json[]).find(
      ({ label }) => label === 'user_id_extracted' || label === 'user_id',
    );
    assert.deepEqual([nested?.parsers, nested?.jsonPath], [['json'], ['user', 'id']]);
    for (const path of [
      ...['/prometheus/api/v1/rules', '/prometheus/api/v1/alerts', '/loki/api/v1/rules', '/ready'],
      ...['/loki/api/v1/drilldown-limits', '/loki/api/v1/series'],
    ])
      assert.equal((await ask.get(path)).status, 200, path);
    assert.equal(
      (await ask.get('/loki/api/v1/query_range', { query: C, limit: 0, ...logRange })).status,
      400,
    );
    const stats = (await ask.found('/loki/api/v1/query_range', { query: C, ...logRange })).data.stats;
    assert.ok(stats.summary.totalBytesProcessed > 0);
    const volume = { query: C, ...logRange, aggregateBy: 'labels' };
    const labels = (await ask.found('/loki/api/v1/index/volume', volume)).data.result as Json[];
    assert.ok(
      labels.some(({ metric }) => 'service_name' in metric && metric.service_name === ''),
      JSON.stringify(labels),
    );
    const series = (await ask.found('/loki/api/v1/series', { 'match[]': C, ...logRange })).data as Json[];
    assert.ok(
      series.every((one) => 'level' in one || 'detected_level' in one),
      JSON.stringify(series),
    );
  });

  it('13 and 14: reduced series do not count, and services without a name', async () => {
    assert.equal(
      (await counted('topk(10, sum by (n) (count_over_time({service_name=~".+"}[1h])))')).length,
      1,
    );
    assert.deepEqual(await lines('{service_name="worker"}'), ['level=error msg="x"']);
  });
});

describe('cases of TraceQL and its API', () => {
  it('1, 2 and 6: metrics without promLabels, right-closed steps and zeros', async () => {
    const { series } = await traceMetrics('{ } | count_over_time()');
    assert.equal('promLabels' in series[0], false);
    const points = (series[0].samples as Json[]).map(({ timestampMs, value: v = 0 }) => [
      (Number(timestampMs) - origin) / 1000,
      v,
    ]);
    assert.deepEqual(points, [
      [600, 1],
      [660, 2],
      [720, 1],
      [780, 0],
      [840, 0],
      [900, 0],
    ]);
    const none = (await traceMetrics('{ name = "nothing" } | rate()')).series as Json[];
    assert.deepEqual(
      none.flatMap(({ samples }) => (samples as Json[]).map(({ value: v = 0 }) => v as number)),
      [0, 0, 0, 0, 0, 0],
    );
  });

  it('3: a window overlaps traces', async () => {
    assert.deepEqual(await ids('{}', { start: at(3300), end: at(3360) }), ['2']);
    assert.deepEqual(await ids('{}', { start: at(3700), end: at(3760) }), []);
  });

  it('4: conditions are asked of one event', async () => {
    assert.deepEqual(await ids('{ event:name="retry" && event.attempt=2 }'), []);
    const [found] = await search('{ event:name="exception" && event.attempt=2 }');
    const { attributes } = found.spanSets[0].spans[0] as { attributes: { key: string; value: object }[] };
    assert.deepEqual(attributes.find(({ key }) => key === 'attempt')?.value, { intValue: '2' });
  });

  it('5: arithmetic of metrics', async () => {
    for (const q of ['({status=error}|rate()) / ({}|rate())', '({}|rate())*60', '({ } | rate())'])
      assert.ok(((await traceMetrics(q)).series as Json[]).length > 0, q);
  });

  it('7: intrinsics that are missing are empty', async () => {
    assert.ok((await ids('{ rootName != "x" }')).includes('3'));
    assert.deepEqual(await ids('{ rootServiceName = "" }'), ['3']);
  });

  it('9: a trace by its id is whole', async () => {
    const trace = await ask.found('/api/v2/traces/1', { start: at(0), end: at(60) });
    const all = (trace.trace.resourceSpans as Json[]).flatMap(({ scopeSpans }) =>
      (scopeSpans as Json[]).flatMap((scope) => scope.spans as Json[]),
    );
    assert.equal(all.length, 2);
  });

  it('10: by() of events, and compare()', async () => {
    const { series } = await traceMetrics('{ } | count_over_time() by(event:name)');
    assert.ok((series as Json[]).length >= 2);
    const compared = (await traceMetrics('{ } | compare({ status = error })')).series as Json[];
    const keys = new Set(
      compared.flatMap(({ labels }) => (labels as Json[]).map(({ key }) => key as string)),
    );
    for (const key of [
      'rootName',
      'rootServiceName',
      'statusMessage',
      'instrumentation:name',
      'span."key with space"',
    ])
      assert.ok(keys.has(key), `${key} of ${[...keys].join()}`);
  });

  it('11 and 12: short ids, limits and paths', async () => {
    assert.deepEqual(await ids('{ trace:id = "917cf42d738fa067" }'), ['917cf42d738fa067']);
    const range = { start: at(0), end: at(4000) };
    assert.equal((await ask.get('/api/search', { q: '{}', limit: 20_000, ...range })).status, 200);
    assert.equal((await ask.get('/api/search', { q: '{}', spss: 0, ...range })).status, 200);
    assert.equal((await ask.get('/api/search', { tags: 'a b c', ...range })).status, 200);
    assert.equal((await ask.get('/api/v2/traces/abc')).status, 200);
    for (const path of ['/status', '/status/version', '/ready'])
      assert.equal((await ask.get(path)).status, 200, path);
    assert.notEqual((await ask.get('/api/v2/traces/diff')).status, 500);
    const { scopes } = await ask.found('/api/v2/search/tags', { scope: 'intrinsic', ...range });
    const intrinsic = (scopes as Json[])[0].tags as string[];
    for (const name of ['trace:id', 'span:id', 'span:parentID', 'link:traceID', 'link:spanID'])
      assert.ok(intrinsic.includes(name), name);
  });
});
