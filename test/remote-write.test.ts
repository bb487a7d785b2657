/** Prometheus' remote write: real senders, and requests made by hand where no sender makes them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { compressSync } from 'snappy';
import { metricSum } from './support/metrics.js';
import { bytes, concat, double, message, text, uint } from './support/protobuf.js';
import { eventually, sql, startServer, type TestServer } from './support/server.js';

const run = promisify(execFile);
const promtool = process.env['PROMTOOL'] || resolve('.cache/bin/promtool');
const noPromtool = existsSync(promtool) ? false : process.env['PROMTOOL_MISSING'] || 'promtool is not built';

const v1 = 'application/x-protobuf';
const v2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
const staleMarker = new Uint8Array([0x09, 2, 0, 0, 0, 0, 0, 0xf0, 0x7f]);

const label = (name: string, value: string) => message(1, text(1, name), text(2, value));
const sample = (value: number, ms: number) => message(2, double(1, value), uint(2, ms));
const series = (...fields: Uint8Array[]) => message(1, ...fields);

/** io.prometheus.write.v2.Request, its symbols gathered. */
class Request2 {
  readonly #symbols = [''];
  readonly #series: Uint8Array[] = [];

  ref(symbol: string): number {
    const known = this.#symbols.indexOf(symbol);
    return known >= 0 ? known : this.#symbols.push(symbol) - 1;
  }

  refs(labels: Record<string, string>): Uint8Array {
    const all = Object.entries(labels).flatMap(([name, value]) => [this.ref(name), this.ref(value)]);
    return bytes(1, Uint8Array.from(all));
  }

  add(labels: Record<string, string>, ...fields: Uint8Array[]): this {
    this.#series.push(message(5, this.refs(labels), ...fields));
    return this;
  }

  body(): Uint8Array {
    return concat([...this.#symbols.map((symbol) => text(4, symbol)), ...this.#series]);
  }
}

describe('remote write', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({ env: { CANARDSTACK_CORS_ALLOWED_ORIGINS: 'https://shop.example' } });
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
  });

  const send = (type: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': type, 'content-encoding': 'snappy', ...headers },
      body: Uint8Array.from(compressSync(Buffer.from(body))),
    });

  const query = async (promql: string, time?: number) => {
    const at = time === undefined ? '' : `&time=${time / 1000}`;
    const response = await fetch(`${server.url}/api/v1/query?query=${encodeURIComponent(promql)}${at}`);
    const { data } = (await response.json()) as {
      data: {
        result: { metric: Record<string, string>; value?: [number, string]; histogram?: [number, unknown] }[];
      };
    };
    return data.result;
  };
  const found = (promql: string, time?: number) =>
    eventually(async () => {
      const result = await query(promql, time);
      return result.length > 0 ? result : undefined;
    });

  it('is what promtool pushes', { skip: noPromtool }, async () => {
    const name = 'pushed';
    const file = join(await mkdtemp(join(tmpdir(), 'canardstack-push-')), 'metrics.prom');
    const lines = [
      `# HELP ${name}_requests_total Requests served.`,
      `# TYPE ${name}_requests_total counter`,
      `${name}_requests_total{code="200",handler="/a b"} 1027`,
      `${name}_requests_total{code="500",handler="/"} 3.5`,
      `# TYPE ${name}_seconds histogram`,
      `${name}_seconds_bucket{le="0.5"} 2`,
      `${name}_seconds_bucket{le="+Inf"} 4`,
      `${name}_seconds_sum 9`,
      `${name}_seconds_count 4`,
      `# TYPE ${name}_temperature gauge`,
      `${name}_temperature NaN`,
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    const labels = ['--label', 'job=push', '--label', 'instance=here:1'];
    await run(promtool, ['push', 'metrics', ...labels, server.url, file]);
    const requests = await found(`${name}_requests_total{job="push"}`);
    const common = { job: 'push', instance: 'here:1' };
    assert.deepEqual(
      requests
        .sort((a, b) => Number(a.metric['code']) - Number(b.metric['code']))
        .map(({ metric, value }) => [metric, value?.[1]]),
      [
        [{ __name__: `${name}_requests_total`, ...common, code: '200', handler: '/a b' }, '1027'],
        [{ __name__: `${name}_requests_total`, ...common, code: '500', handler: '/' }, '3.5'],
      ],
    );
    assert.equal((await found(`${name}_temperature`))[0]?.value?.[1], 'NaN');
    const buckets = await found(`${name}_seconds_bucket{instance="here:1"}`);
    assert.deepEqual(buckets.map(({ metric, value }) => [metric['le'], value?.[1]]).sort(), [
      ['+Inf', '4'],
      ['0.5', '2'],
    ]);
    assert.equal((await query(`histogram_quantile(0.5, ${name}_seconds_bucket)`))[0]?.value?.[1], '0.5');
    // It says so of a body of 1.0.
    const wrong = run(promtool, [
      'push',
      'metrics',
      '--protobuf_message=io.prometheus.write.v2.Request',
      server.url,
      file,
    ]);
    await assert.rejects(wrong, /the body is a prometheus.WriteRequest/);
  });

  it('keeps names, stale markers and samples that come out of order', async () => {
    const now = Date.now();
    const labels = [label('__name__', 'order:of:things'), label('own_', 'x'), label('service_name', 'y')];
    const later = await send(v1, series(...labels, sample(2, now - 1000)));
    assert.equal(later.status, 204);
    const stale = message(2, staleMarker, uint(2, now));
    assert.equal((await send(v1, series(...labels, sample(1, now - 60_000), stale))).status, 204);
    const [before] = await found('order:of:things', now - 1);
    assert.equal(before?.value?.[1], '2');
    assert.deepEqual(Object.keys(before?.metric ?? {}).sort(), ['__name__', 'own_', 'service_name']);
    assert.equal((await found('order:of:things', now - 30_000))[0]?.value?.[1], '1');
    await eventually(async () => ((await query('order:of:things', now + 1)).length === 0 ? true : undefined));
  });

  it('keeps the names of labels that no attribute would have', async () => {
    const now = Date.now();
    const odd = { _x: 'one', 'a.b': 'two', a_b: 'three', '0': 'four', ü: 'five', __y: 'six' };
    const labels = Object.entries({ __name__: 'odd.names', ...odd, plain: 'p' })
      .sort()
      .map(([name, value]) => label(name, value));
    assert.equal((await send(v1, series(...labels, sample(3, now)))).status, 204);
    const all = { __name__: 'odd.names', ...odd, plain: 'p' };
    const [one] = await found('{"odd.names", _x="one", "a.b"="two", a_b="three", "ü"=~"f.*"}');
    assert.deepEqual(one?.metric, all);
    assert.deepEqual(await query('{__name__="odd.names", key_x="one"}'), []);
    const grouped = async (promql: string) => (await query(promql))[0]?.metric;
    assert.deepEqual(await grouped('sum by ("a.b", _x) ({"odd.names"})'), { 'a.b': 'two', _x: 'one' });
    assert.deepEqual(await grouped('sum without ("a.b", "0", "ü", __y, plain) ({"odd.names"})'), {
      _x: 'one',
      a_b: 'three',
    });
    const get = async (path: string) => {
      const response = await fetch(`${server.url}/api/v1/${path}`);
      return ((await response.json()) as { data: unknown }).data;
    };
    const match = `match[]=${encodeURIComponent('{"odd.names"}')}`;
    assert.deepEqual(await get(`series?${match}`), [all]);
    assert.deepEqual(await get(`labels?${match}`), Object.keys(all).sort());
    assert.deepEqual(await get(`label/_x/values?${match}`), ['one']);
    assert.deepEqual(await get(`label/U__a_2e_b/values?${match}`), ['two']);
    const federated = async (accept: string) =>
      (await fetch(`${server.url}/federate?${match}`, { headers: { accept } })).text();
    assert.match(
      await federated('text/plain'),
      /^odd_names\{_="four",__y="six",_x="one",a_b="two",a_b="three"/m,
    );
    assert.match(
      await federated('text/plain;version=1.0.0;escaping=allow-utf-8'),
      /^\{"odd\.names","0"="four",__y="six",_x="one","a\.b"="two",a_b="three"/m,
    );
  });

  it('takes metadata of 1.0, which comes apart from its series', async () => {
    const metadata = (type: number, name: string, help: string, unit = '') =>
      message(3, uint(1, type), text(2, name), text(4, help), text(5, unit));
    const bucket = (le: string) =>
      series(label('__name__', 'wait_seconds_bucket'), label('le', le), sample(1, Date.now()));
    assert.equal((await send(v1, concat([bucket('1'), bucket('+Inf')]))).status, 204);
    await found('wait_seconds_bucket');
    const body = concat([
      metadata(3, 'wait_seconds', 'How long one waits.', 'seconds'),
      metadata(1, 'taken_total', 'What was taken.'),
      metadata(6, 'build_info', 'Of the build.'),
    ]);
    const answer = await send(v1, body);
    assert.deepEqual(
      [answer.status, answer.headers.get('x-prometheus-remote-write-samples-written')],
      [204, '0'],
    );
    const all = await eventually(async () => {
      const response = await fetch(`${server.url}/api/v1/metadata`);
      const { data } = (await response.json()) as { data: Record<string, unknown> };
      return data['build_info'] === undefined ? undefined : data;
    });
    assert.deepEqual(
      Object.fromEntries(Object.entries(all).filter(([name]) => /^(wait|taken|build)_/.test(name))),
      {
        build_info: [{ type: 'info', help: 'Of the build.', unit: '' }],
        taken_total: [{ type: 'counter', help: 'What was taken.', unit: '' }],
        wait_seconds: [{ type: 'histogram', help: 'How long one waits.', unit: 'seconds' }],
      },
    );
    const only = await fetch(`${server.url}/api/v1/metadata?metric=taken_total`);
    assert.deepEqual(Object.keys(((await only.json()) as { data: object }).data), ['taken_total']);
    // It makes no series, nor names or labels of any.
    for (const path of ['label/__name__/values', 'labels', 'label/prometheus_type/values']) {
      const { data } = (await (await fetch(`${server.url}/api/v1/${path}`)).json()) as { data: string[] };
      for (const name of ['taken_total', 'build_info', 'prometheus_type', ''])
        assert.ok(!data.includes(name), `${path} has ${JSON.stringify(name)}`);
    }
    assert.deepEqual(await query('{__name__=~"taken_total|build_info"}'), []);
  });

  it('takes exemplars, metadata, created timestamps and native histograms of 2.0', async () => {
    const now = Date.now();
    const request = new Request2();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const metadata = (type: number, help: string, unit: string) =>
      message(5, uint(1, type), uint(3, request.ref(help)), uint(4, request.ref(unit)));
    const exemplar = message(
      4,
      request.refs({ trace_id: traceId, user: 'u1', _x: 'y', 'a.b': 'c' }),
      double(2, 0.25),
      uint(3, now),
    );
    const histogram = message(
      3,
      uint(1, 7),
      double(3, 0.014622211999999999),
      uint(4, 0),
      double(5, 0.001),
      uint(6, 1),
      message(11, uint(1, 2), uint(2, 2)),
      message(11, uint(1, 2), uint(2, 1)),
      bytes(12, Uint8Array.of(4, 2, 1)),
      uint(15, now),
    );
    request
      .add(
        { __name__: 'orders_total', shop: 'a' },
        message(2, double(1, 5), uint(2, now)),
        exemplar,
        metadata(1, 'Orders taken.', 'orders'),
        uint(6, now - 5000),
      )
      .add({ __name__: 'latency_seconds', shop: 'a' }, histogram, metadata(3, 'How long.', 'seconds'));
    const answer = await send(v2, request.body());
    assert.equal(answer.status, 204, await answer.text());
    const written = (kind: string) => answer.headers.get(`x-prometheus-remote-write-${kind}-written`);
    assert.deepEqual(['samples', 'histograms', 'exemplars'].map(written), ['1', '1', '1']);

    const [native] = await found('latency_seconds');
    assert.deepEqual(native?.metric, { __name__: 'latency_seconds', shop: 'a' });
    // Deltas 2, 1, -1: the buckets (1, 2], (2, 4] and (8, 16] hold 2, 3 and 2.
    const { count, sum, buckets } = native?.histogram?.[1] as {
      count: string;
      sum: string;
      buckets: unknown[];
    };
    // One that DuckDB would not read back from its text.
    assert.deepEqual([count, sum], ['7', '0.014622211999999999']);
    assert.deepEqual(buckets, [
      [3, '-0.001', '0.001', '1'],
      [0, '1', '2', '2'],
      [0, '2', '4', '3'],
      [0, '8', '16', '2'],
    ]);
    const metadataOf = async (metric: string) => {
      const response = await fetch(`${server.url}/api/v1/metadata?metric=${metric}`);
      return ((await response.json()) as { data: Record<string, unknown> }).data;
    };
    assert.deepEqual(await metadataOf('orders_total'), {
      orders_total: [{ type: 'counter', help: 'Orders taken.', unit: 'orders' }],
    });
    assert.deepEqual(await metadataOf('latency_seconds'), {
      latency_seconds: [{ type: 'histogram', help: 'How long.', unit: 'seconds' }],
    });
    const exemplars = await fetch(
      `${server.url}/api/v1/query_exemplars?query=orders_total&start=${now / 1000 - 60}&end=${now / 1000 + 60}`,
    );
    const { data } = (await exemplars.json()) as { data: unknown[] };
    assert.deepEqual(data, [
      {
        seriesLabels: { __name__: 'orders_total', shop: 'a' },
        exemplars: [
          {
            labels: { _x: 'y', 'a.b': 'c', trace_id: traceId, user: 'u1' },
            value: '0.25',
            timestamp: now / 1000,
          },
        ],
      },
    ]);
    const [row] = await sql(
      server,
      "SELECT start_time_unix_nano AS t FROM lake.metric_sum WHERE metric_name = 'orders_total'",
    );
    assert.equal(String(row?.['t']), `${now - 5000}000000`);
  });

  it('keeps gauge histograms apart from those of counters', async () => {
    const now = Date.now();
    const of = (ms: number, hint: number) =>
      message(
        3,
        uint(1, 2),
        double(3, 4),
        message(11, uint(1, 2), uint(2, 1)),
        bytes(12, Uint8Array.of(4)),
        uint(14, hint),
        uint(15, ms),
      );
    const request = new Request2()
      .add({ __name__: 'rule:gauge' }, of(now - 15_000, 3), of(now, 3))
      .add({ __name__: 'rule:counter' }, of(now - 15_000, 0), of(now, 0));
    assert.equal((await send(v2, request.body())).status, 204);
    await found('rule:gauge');
    for (const [promql, warned] of [
      ['rate({"rule:gauge"}[1m])', true],
      ['rate({"rule:counter"}[1m])', false],
      ['delta({"rule:gauge"}[1m])', false],
      ['delta({"rule:counter"}[1m])', true],
    ] as const) {
      const answer = await fetch(
        `${server.url}/api/v1/query?query=${encodeURIComponent(promql)}&time=${now / 1000}`,
      );
      const { data, warnings = [] } = (await answer.json()) as {
        data: { result: unknown[] };
        warnings?: string[];
      };
      assert.deepEqual([data.result.length, warnings.length > 0], [1, warned], promql);
    }
    const temporality = await sql(
      server,
      "SELECT DISTINCT aggregation_temporality AS t FROM lake.metric_exponential_histogram WHERE metric_name = 'rule:gauge'",
    );
    assert.deepEqual(temporality, [{ t: 0 }]);
  });

  it('keeps the counts of float histograms, of native buckets and custom ones', async () => {
    const now = Date.now();
    const span = (offset: number, length: number) => message(11, uint(1, offset * 2), uint(2, length));
    const doubles = (field: number, values: number[]) =>
      bytes(field, new Uint8Array(Float64Array.from(values).buffer));
    const native = message(
      3,
      double(2, 2.75),
      double(3, 4.5),
      uint(4, 0),
      double(5, 0.001),
      double(7, 0.25),
      message(8, uint(1, 0), uint(2, 1)),
      doubles(10, [0.5]),
      span(1, 1),
      span(1, 1),
      doubles(13, [1.5, 0.5]),
      uint(15, now),
    );
    const custom = message(
      3,
      double(2, 1.75),
      double(3, 9),
      uint(4, 105),
      span(0, 3),
      doubles(13, [0.5, 1, 0.25]),
      uint(15, now),
      doubles(16, [1, 5]),
    );
    const negative = message(3, double(2, 1), span(0, 1), doubles(13, [-0.5]), uint(15, now));
    const falling = message(3, double(2, 1), uint(4, 105), doubles(16, [5, 1]), uint(15, now));
    const request = new Request2()
      .add({ __name__: 'rule:native', shop: 'a' }, native)
      .add({ __name__: 'rule:custom', shop: 'a' }, custom);
    const answer = await send(v2, request.body());
    assert.equal(answer.status, 204, await answer.text());
    for (const [histogram, why] of [
      [negative, /negative bucket count/],
      [falling, /bounds of a histogram must rise/],
    ] as const) {
      const refused = await send(v2, new Request2().add({ __name__: 'rule:wrong' }, histogram).body());
      assert.deepEqual([refused.status, why.test(await refused.text())], [400, true]);
    }
    const histogram = async (name: string) => (await found(name))[0]?.histogram?.[1];
    assert.deepEqual(await histogram('rule:native'), {
      count: '2.75',
      sum: '4.5',
      buckets: [
        [1, '-1', '-0.5', '0.5'],
        [3, '-0.001', '0.001', '0.25'],
        [0, '1', '2', '1.5'],
        [0, '4', '8', '0.5'],
      ],
    });
    assert.deepEqual(await histogram('rule:custom'), {
      count: '1.75',
      sum: '9',
      buckets: [
        [3, '-Inf', '1', '0.5'],
        [0, '1', '5', '1'],
        [0, '5', '+Inf', '0.25'],
      ],
    });
    const number = async (promql: string) => (await query(promql))[0]?.value?.[1];
    assert.equal(await number('histogram_count({"rule:native"})'), '2.75');
    const rows = await sql(
      server,
      `SELECT count::INTEGER AS count, bucket_counts::VARCHAR AS buckets, float_counts::VARCHAR AS floats
         FROM lake.metric_histogram WHERE metric_name = 'rule:custom'`,
    );
    assert.deepEqual(rows, [{ count: 2, buckets: '[1, 1, 0]', floats: '[1.75, 0.5, 1.0, 0.25]' }]);
  });

  it('takes native histograms beside the classic series of the same name', async () => {
    const now = Date.now();
    const doubles = (field: number, values: number[]) =>
      bytes(field, new Uint8Array(Float64Array.from(values).buffer));
    const custom = message(
      3,
      double(2, 3),
      double(3, 9),
      uint(4, 105),
      message(11, uint(1, 0), uint(2, 2)),
      doubles(13, [2, 1]),
      uint(15, now),
      doubles(16, [1]),
    );
    const native = message(3, uint(1, 3), double(3, 2), uint(6, 3), uint(15, now));
    const at = (value: number) => message(2, double(1, value), uint(2, now));
    const request = new Request2()
      .add({ __name__: 'both_seconds', shop: 'a' }, custom)
      .add({ __name__: 'both_seconds_bucket', shop: 'a', le: '1.0' }, at(2))
      .add({ __name__: 'both_seconds_bucket', shop: 'a', le: '+Inf' }, at(3))
      .add({ __name__: 'both_seconds_count', shop: 'a' }, at(3))
      .add({ __name__: 'both_seconds_sum', shop: 'a' }, at(9))
      .add({ __name__: 'both_native', shop: 'a' }, native);
    const answer = await send(v2, request.body());
    assert.equal(answer.status, 204, await answer.text());
    await found('both_native');
    const all = await query('{__name__=~"both_.+"}');
    const names = all.map(({ metric }) => `${metric['__name__']} ${metric['le'] ?? ''}`.trim());
    assert.deepEqual(names.sort(), [
      'both_native',
      'both_seconds',
      'both_seconds_bucket +Inf',
      'both_seconds_bucket 1.0',
      'both_seconds_count',
      'both_seconds_sum',
    ]);
    const number = async (promql: string) => (await query(promql)).map(({ value }) => value?.[1]);
    assert.deepEqual(await number('sum(both_seconds_count)'), ['3']);
    assert.deepEqual(await number('histogram_quantile(0.5, both_seconds_bucket)'), ['0.75']);
    assert.deepEqual(await number('histogram_quantile(0.5, both_seconds)'), ['0.75']);
    const get = async (path: string) => {
      const response = await fetch(`${server.url}/api/v1/${path}`);
      return ((await response.json()) as { data: unknown[] }).data;
    };
    const match = `match[]=${encodeURIComponent('{__name__=~"both_.+"}')}`;
    assert.equal((await get(`series?${match}`)).length, 6);
    const listed = (await get('label/__name__/values')) as string[];
    assert.deepEqual(
      listed.filter((name) => name.startsWith('both_')),
      ['both_native', 'both_seconds', 'both_seconds_bucket', 'both_seconds_count', 'both_seconds_sum'],
    );
  });

  it('answers 400 for what must not be sent again, and keeps the rest', async () => {
    const now = Date.now();
    const body = concat([
      series(label('__name__', 'kept'), sample(1, now)),
      series(label('job', 'nameless'), sample(1, now)),
      series(label('__name__', 'old'), sample(1, now - 10 * 365 * 86_400_000)),
      series(label('__name__', 'late'), message(2, double(1, 1), uint(2, 2 ** 62))),
      series(label('__name__', 'twice'), label('a', '1'), label('a', '2'), sample(1, now)),
    ]);
    const answer = await send(v1, body);
    assert.equal(answer.status, 400);
    const why = await answer.text();
    for (const part of ['without __name__', 'too old', 'too far ahead', 'the label "a" twice'])
      assert.ok(why.includes(part), why);
    assert.equal(answer.headers.get('x-prometheus-remote-write-samples-written'), '1');
    await found('kept');
    const refused: [string, Response][] = [
      ['bad reference', await send(v2, concat([text(4, ''), message(5, bytes(1, Uint8Array.of(7, 9)))]))],
      ['not protobuf', await send(v1, Uint8Array.of(0xff, 0xff, 0xff))],
      [
        'not snappy',
        await fetch(`${server.url}/api/v1/write`, {
          method: 'POST',
          headers: { 'content-type': v1, 'content-encoding': 'snappy' },
          body: 'plain',
        }),
      ],
    ];
    for (const [what, response] of refused)
      assert.equal(response.status, 400, `${what}: ${await response.text()}`);
    assert.equal(
      (await send('application/x-protobuf;proto=io.prometheus.write.v3.Request', body)).status,
      415,
    );
    assert.equal((await send('application/json', body)).status, 415);
    assert.equal((await send(v1, body, { 'content-encoding': 'br' })).status, 415);
    assert.equal((await fetch(`${server.url}/api/v1/write`)).status, 405);
    const counted = { transport: 'remote_write', code: '400' };
    assert.ok((await metricSum(server, 'canardstack_otlp_requests_total', counted)) >= 4);
  });
});
