import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { timeSlices } from './slices.js';
import { logRow, start, testLoki, type TestLoki } from '../fixture.test.js';

const day = 86_400;

/** `seconds service body`, most with attributes; the last three share a nanosecond. */
const rows = [
  logRow({
    at: 0,
    service: 'cart',
    severity: 9,
    body: 'GET /cart 200',
    attributes: { 'http.status_code': 200, 'user.id': 'u1' },
  }),
  logRow({
    at: 1,
    service: 'cart',
    severity: 17,
    body: 'POST /cart 500 timeout',
    attributes: { 'http.status_code': 500, 'user.id': 'u2' },
  }),
  logRow({
    at: 2,
    service: 'ad',
    severity: 5,
    body: '{"msg":"served","took":"15ms","n":7,"ad":{"id":"x1"}}',
    resource: { 'k8s.pod.name': 'pod-1', 'host.arch': 'arm64' },
    columns: { k8s_pod_name: 'pod-1' },
  }),
  logRow({
    at: 3,
    service: 'ad',
    severity: 13,
    body: '{"msg":"slow","took":"1.5s","n":12,"ad":{"id":"x2"}}',
    attributes: { msg: 'own' },
  }),
  logRow({
    at: 4,
    service: 'pay',
    severityText: 'Error',
    body: 'level=debug msg="card declined" user=u1 amount=12.5',
    attributes: { 'user-id': 'u3' },
  }),
  logRow({
    at: 5,
    service: 'pay',
    body: 'level=info msg=paid user=u2 amount=8',
    attributes: { user_id: 'u4', 'k8s.pod.name': 'pod-9' },
  }),
  logRow({
    at: 6,
    body: 'no service here\nsecond line',
    columns: { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) },
  }),
  logRow({
    at: 7,
    service: 'cart',
    body: null as unknown as string,
    attributes: { big: 1, quote: 'it\'s "x"' },
  }),
  logRow({ at: 8, ns: 5n, service: 'tie', body: 'first' }),
  logRow({ at: 8, ns: 5n, service: 'tie', body: 'second' }),
  logRow({ at: 8, ns: 5n, service: 'tie', body: 'third' }),
  logRow({ at: day, service: 'late', body: 'a day after' }),
];

/** A query and the seconds of the records it finds, oldest first. */
const found: readonly (readonly [query: string, seconds: string])[] = [
  ['{service_name="cart"}', '0 1 7'],
  ['{service_name!="cart", service_name!~"tie|pay", service_name=~".+"}', '2 3 6'],
  ['{service_name=~"ca.*|a[d]"}', '0 1 2 3 7'],
  ['{service_name="unknown_service"}', '6'],
  ['{service_name=~"unknown.*"}', '6'],
  ['{k8s_pod_name="pod-1"}', '2'],
  ['{k8s_pod_name="", service_name=~"ad|pay"}', '3 4 5'],
  ['{k8s_pod_name!="", service_name=~".+"}', '2'],
  ['{level="error"}', '1 4'],
  ['{detected_level=~"debug|warn"}', '2 3'],
  ['{detected_level="unknown", service_name!="tie"}', '5 6 7'],
  ['{host_arch="arm64"}', '2'],
  ['{service_name=~".+"} |= "GET"', '0'],
  ['{service_name=~".+"} |= "GET" or "POST"', '0 1'],
  ['{service_name="cart"} != "GET"', '1 7'],
  ['{service_name="cart"} != "GET" or "POST"', '7'],
  ['{service_name=~".+"} |~ "(?i)post|SERVED"', '1 2'],
  ['{service_name="cart"} !~ "2.."', '1 7'],
  ['{service_name="unknown_service"} |~ "here.second"', ''],
  ['{service_name="unknown_service"} |~ "(?s)here.second"', '6'],
  ['{service_name="cart"} |~ "^$"', '7'],
  ['{service_name=~".+"} |> "<_> /cart <_>"', '0 1'],
  ['{service_name="cart"} !> "<_> /cart <_>"', '7'],
  ['{service_name=~".+"} | http_status_code=200', '0'],
  ['{service_name=~".+"} | http_status_code>200', '1'],
  ['{service_name=~".+"} | http_status_code="500" or level="debug"', '1 2'],
  ['{service_name=~".+"} | user_id=~"u[13]"', '0 4'],
  ['{service_name="pay"} | user_id="u4"', '5'],
  ['{service_name="pay"} | user_id!="u4"', '4'],
  ['{service_name="pay"} | user_id=""', ''],
  ['{service_name="cart"} | user_id=""', '7'],
  ['{service_name="cart"} | quote="it\'s \\"x\\""', '7'],
  ['{service_name="pay"} | k8s_pod_name_extracted="pod-9"', '5'],
  ['{service_name="pay"} | k8s_pod_name="pod-9"', ''],
  [`{service_name=~".+"} | trace_id="${'ab'.repeat(16)}"`, '6'],
  ['{service_name="ad"} | json | ad_id="x2"', '3'],
  ['{service_name="ad"} | json | msg="served"', '2'],
  ['{service_name="ad"} | json | msg="slow"', ''],
  ['{service_name="ad"} | json | msg="own"', '3'],
  ['{service_name="ad"} | json | took > 100ms', '3'],
  ['{service_name="ad"} | json | n == 7 or n > 10', '2 3'],
  ['{service_name="ad"} | json id="ad.id" | id=~"x.*" | n=""', '2 3'],
  ['{service_name=~".+"} | json | __error__="" | n=~".+"', '2 3'],
  ['{service_name="pay"} | logfmt | level="debug"', '4'],
  ['{service_name="pay"} | logfmt | amount >= 12.5', '4'],
  ['{service_name="pay"} | logfmt | msg="card declined" | user="u1"', '4'],
  ['{service_name="pay"} | logfmt | level=~"deb.g"', '4'],
  ['{service_name="cart"} | pattern "<method> <path> <code>" | method="POST"', '1'],
  ['{service_name="cart"} | regexp "(?P<code>[0-9]{3})" | code=500', '1'],
  ['{service_name="cart"} | line_format "{{.user_id}}" |= "u2"', '1'],
  ['{service_name="cart"} | label_format who=user_id | who="u1"', '0'],
  ['{service_name="cart"} | label_format who=user_id | user_id="u1"', ''],
  ['{service_name="cart"} | drop user_id | user_id="u1"', ''],
  ['{service_name="cart"} | keep user_id | http_status_code=200', ''],
  ['{service_name="cart"} | keep user_id | user_id="u1"', '0'],
  ['{service_name="cart"} | keep level | detected_level="error"', ''],
  ['{service_name="cart"} | keep level | level="error"', ''],
  ['{service_name="cart"} | keep detected_level | detected_level="error"', '1'],
  ['{service_name="cart"} | keep level, detected_level | detected_level="error"', '1'],
  ['{service_name="cart"} | drop detected_level | level="error"', ''],
  ['{service_name="cart"} | drop user_id="u2" | user_id=""', '1 7'],
  ['{service_name="cart"} | keep user_id="u2" | user_id!=""', '1'],
  ['{service_name="cart"} | keep user_id | label_format x=user_id | keep x | x="u1"', '0'],
  ['{service_name="cart"} | label_format user_id=http_status_code | user_id="200"', '0'],
  ['{service_name="tie"}', '8 8 8'],
];

/** Bodies that a json stage and SQL could easily take in different ways. */
const odd = [
  '{"level":"error","n":1.50,"ok":true}',
  '  \t{"level":"error","n":1e3}',
  '{"level":"error"} and more',
  '{"level":"error","broken":',
  '{"text":"a raw\nbreak","level":"error"}',
  '{"level":null,"n":"1.50"}',
  '{"level":{"name":"error"},"n":[1]}',
  '["error"]',
  '"error"',
  'error',
  '{"l\\u0065vel":"\\u0065rror","n":12345678901234567890}',
  '{"level":"","n":0.1,"a":{"b":["x",{"c d":"y"}]}}',
];

const oddQueries = [
  'level="error"',
  'level!="error"',
  'level=~"err.*"',
  'level=""',
  'n="1.50"',
  'n=1.5',
  'n!="1.50"',
  'n>=1000',
  'n=~"1.*"',
  'ok="true"',
  '__error__=""',
  '__error__!=""',
  'n>0 | __error__=""',
  '__error__="" | level!=""',
  'level_name="error"',
  'a_b=""',
];

describe('LogQL log queries', () => {
  let loki: TestLoki;
  before(async () => {
    loki = await testLoki();
    await loki.lake.insert('logs', rows);
  });
  after(() => loki.close());

  const range = { start: String(start), end: String(start + 100_000_000_000n) };
  const entries = async (query: string, params: Record<string, string> = {}) => {
    const answer = await loki.get('query_range', { query, direction: 'forward', ...range, ...params });
    assert.equal(answer.status, 200, answer.body);
    return answer
      .json()
      .data.result.flatMap(({ stream, values }) =>
        values.map(([time, line, extra]) => ({ time: String(time), line, stream, extra })),
      )
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  };

  for (const [query, seconds] of found) {
    it(query, async () => {
      const times = (await entries(query)).map(({ time }) => (BigInt(time) - start) / 1_000_000_000n);
      assert.equal(times.join(' '), seconds);
    });
  }

  describe('with json in SQL find what the pipeline finds', () => {
    before(() =>
      loki.lake.insert(
        'logs',
        odd.map((body, i) => logRow({ at: 60, ns: BigInt(i), service: 'odd', body })),
      ),
    );
    const fields = [
      '',
      'n="*", level="(?i)l.*"',
      'level="level", n="n"',
      'c="a.b[1][\\"c d\\"]", n="a.b[0]", level="level"',
    ];
    for (const query of fields.flatMap((list) =>
      oddQueries.map((filter) => `json ${list.replaceAll('\\"', '"')} | ${filter}`),
    )) {
      it(query, async () => {
        const shown = async (stages: string) =>
          (await entries(`{service_name="odd"} ${stages}| ${query.replace('["c d"]', '[\\"c d\\"]')}`)).map(
            ({ line, stream }) => [line, stream],
          );
        // After decolorize SQL does not know the line any more.
        assert.deepEqual(await shown(''), await shown('| decolorize '));
      });
    }
  });

  it('keeps nanoseconds and the order of arrival within one, in both directions and at the limit', async () => {
    const forward = await entries('{service_name="tie"}');
    assert.deepEqual(
      forward.map(({ line }) => line),
      ['first', 'second', 'third'],
    );
    assert.equal(forward[0]?.time, String(start + 8_000_000_005n));
    const backward = await loki.get('query_range', { query: '{service_name="tie"}', ...range, limit: '2' });
    assert.deepEqual(
      backward.json().data.result[0]?.values.map(([, line]) => line),
      ['third', 'second'],
    );
  });

  it('takes the start in and leaves the end out', async () => {
    const inside = await entries('{service_name="cart"}', { end: String(start + 1_000_000_000n) });
    assert.deepEqual(
      inside.map(({ line }) => line),
      ['GET /cart 200'],
    );
    assert.deepEqual(await entries('{service_name="tie"}', { start: String(start + 8_000_000_006n) }), []);
    assert.equal((await entries('{service_name="tie"}', { end: String(start + 8_000_000_006n) })).length, 3);
  });

  it('reads a long range slice by slice, in both directions and whatever the limit', async () => {
    const hours = Array.from({ length: 60 }, (_, i) =>
      logRow({ at: 100_000 + i * 2400, ns: BigInt(i % 2), service: 'hours', body: `hour ${i}` }),
    );
    await loki.lake.insert('logs', hours);
    const whole = { start: String(start), end: String(start + 100n * 3_600_000_000_000n) };
    const lines = async (query: string, parameters: Record<string, string>) =>
      (await entries(query, { ...whole, ...parameters })).map(({ line }) => line);
    const expected = hours.map(({ body }) => body as string);
    const queries = ['{service_name="hours"}', '{service_name="hours"} | decolorize'];
    for (const query of queries) {
      assert.deepEqual(await lines(query, { direction: 'forward', limit: '5000' }), expected);
      for (const limit of [1, 7, 25, 59]) {
        const first = await lines(query, { direction: 'forward', limit: String(limit) });
        assert.deepEqual(first, expected.slice(0, limit));
        const last = await lines(query, { direction: 'backward', limit: String(limit) });
        assert.deepEqual(last, expected.slice(-limit));
      }
    }
    const parts = (forward: boolean) => timeSlices({ from: start, to: start + 10n ** 15n, forward });
    for (const all of [parts(true), parts(false).reverse()]) {
      assert.equal(all.length, 5);
      assert.equal(all[0]?.from, start);
      assert.equal(all.at(-1)?.to, start + 10n ** 15n);
      for (const [i, { from }] of all.entries()) if (i > 0) assert.equal(from, all[i - 1]?.to);
    }
  });

  it('reads on when SQL can not tell which rows are wanted', async () => {
    const many = Array.from({ length: 3000 }, (_, i) =>
      logRow({ at: 50, ns: BigInt(i), service: 'many', body: `{"n":${i}}`, attributes: { i } }),
    );
    await loki.lake.insert('logs', many);
    const [oldest] = await entries('{service_name="many"} | json | n < 1', { direction: 'backward' });
    assert.equal(oldest?.line, '{"n":0}');
    const some = await entries('{service_name="many"} | decolorize |= "7"', { limit: '5000' });
    assert.equal(
      some.length,
      Array.from({ length: 3000 }, (_, i) => i).filter((i) => String(i).includes('7')).length,
    );
  });

  it('thins entries out by interval', async () => {
    const thinned = await entries('{service_name="cart"}', { interval: '2s' });
    assert.deepEqual(
      thinned.map(({ time }) => (BigInt(time) - start) / 1_000_000_000n),
      [0n, 7n],
    );
  });

  it('shows stream labels, structured metadata and parsed labels apart on request', async () => {
    const answer = await loki.get(
      'query_range',
      { query: '{service_name="ad"} | json | n=7', ...range },
      { 'x-loki-response-encoding-flags': 'categorize-labels' },
    );
    const { data } = answer.json();
    assert.deepEqual(data.encodingFlags, ['categorize-labels']);
    assert.deepEqual(data.result, [
      {
        stream: { k8s_pod_name: 'pod-1', service_name: 'ad' },
        values: [
          [
            String(start + 2_000_000_000n),
            rows[2]?.['body'],
            {
              structuredMetadata: { detected_level: 'debug', severity_number: '5', host_arch: 'arm64' },
              parsed: { msg: 'served', took: '15ms', n: '7', ad_id: 'x1' },
            },
          ],
        ],
      },
    ]);
  });

  it('shows all labels as the stream otherwise', async () => {
    const [entry] = await entries('{service_name="pay"} | logfmt | amount=8');
    assert.deepEqual(entry?.stream, {
      amount: '8',
      detected_level: 'unknown',
      k8s_pod_name_extracted: 'pod-9',
      level: 'info',
      msg: 'paid',
      service_name: 'pay',
      user: 'u2',
      user_id: 'u4',
    });
    assert.equal(entry.extra, undefined);
  });

  it('finds names in whatever way the attribute is spelled', async () => {
    const other = await testLoki();
    try {
      const keys = {
        a_b_c: ['a.b-c', 'a/b c', 'a_b.c', 'a.b_c', 'a"b\\c', 'aäb.c', 'a*b.c'],
        _: ['*', '.', '_', '$'],
        _1x: ['1x', '_1x', '-1x'],
        plain: ['plain'],
      };
      const all = Object.entries(keys).flatMap(([name, spelled]) =>
        spelled.map((key) => [name, key] as const),
      );
      await other.lake.insert(
        'logs',
        all.map(([, key], i) =>
          logRow({
            at: i,
            service: 's',
            body: key,
            attributes: { x: 'a_b_c', [key]: `v${i}`, nested: { 'a.b.c': 1 } },
          }),
        ),
      );
      for (const [name, spelled] of Object.entries(keys)) {
        const answer = await other.get('query_range', {
          query: `{service_name="s"} | ${name}=~"v.*"`,
          ...range,
        });
        const lines = answer.json().data.result.flatMap(({ values }) => values.map(([, line]) => line));
        assert.deepEqual(lines.sort(), [...spelled].sort(), name);
        const count = `sum by (${name}) (count_over_time({service_name="s"} | ${name} != "" [2m]))`;
        const series = await other.get('query', { query: count, time: range.end });
        assert.equal(series.json().data.result.length, spelled.length, name);
      }
    } finally {
      await other.close();
    }
  });
});
