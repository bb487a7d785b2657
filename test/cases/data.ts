import { attributes, nanos } from '../conformance/otlp-json.js';

/** Time 0 of the data, a whole hour and some hours ago: everything is in the last day. */
export const origin = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000;
export const at = (seconds: number): string => String(origin / 1000 + seconds);

type Labels = Readonly<Record<string, string | number>>;
const own = (labels: Labels) =>
  attributes(
    `{${Object.entries(labels)
      .map(([k, v]) => `${JSON.stringify(k)}=${JSON.stringify(v)}`)
      .join(', ')}}`,
  );

export function service(name: string, more: Labels = {}): object {
  return { attributes: own({ 'service.name': name, ...more }) };
}

function point(seconds: number, value: number, labels: Labels = {}): object {
  return {
    ...{ startTimeUnixNano: nanos(origin - 60_000), timeUnixNano: nanos(origin + seconds * 1000) },
    ...{ attributes: own(labels), asDouble: Number.isFinite(value) ? value : 'Infinity' },
  };
}

/** Every minute for ten minutes. */
const minutes = Array.from({ length: 11 }, (_, i) => i);

export const metrics = {
  resourceMetrics: [
    {
      resource: service('meter'),
      scopeMetrics: [
        {
          metrics: [
            {
              name: 'requests',
              sum: {
                aggregationTemporality: 2,
                isMonotonic: true,
                dataPoints: minutes.map((i) => point(i * 60, i * 60)),
              },
            },
            {
              name: 'load',
              gauge: { dataPoints: [1, 2, Infinity].map((value, p) => point(600, value, { p: String(p) })) },
            },
            { name: 'level', gauge: { dataPoints: minutes.map((i) => point(i * 60, i)) } },
            {
              name: 'bytes.per.second',
              unit: 'By/s',
              gauge: { dataPoints: [point(600, 7, { _lead: 'x', ütf: 'y' })] },
            },
            { name: 'odd.labels', gauge: { dataPoints: [point(600, 1, { 'bad-name': 'z' })] } },
            {
              name: 'rpc.latency',
              unit: 'ms',
              exponentialHistogram: {
                aggregationTemporality: 2,
                dataPoints: minutes.map((i) => ({
                  ...{ startTimeUnixNano: nanos(origin - 60_000), timeUnixNano: nanos(origin + i * 60_000) },
                  ...{ count: String(4 * (i + 1)), sum: 5 * (i + 1), scale: 0, zeroCount: '0' },
                  positive: { offset: 0, bucketCounts: [1, 2, 1].map((n) => String(n * (i + 1))) },
                })),
              },
            },
          ],
        },
      ],
    },
  ],
};

const second = (value: number) => nanos(origin + value * 1000);
const id = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

function span(trace: number, number: number, start: number, seconds: number, more: object = {}): object {
  return {
    ...{ traceId: id(trace, 32), spanId: id(number, 16), name: `op ${number}`, kind: 2 },
    ...{ startTimeUnixNano: second(start), endTimeUnixNano: second(start + seconds), ...more },
  };
}

export const spans = {
  resourceSpans: [
    {
      resource: service('shop'),
      scopeSpans: [
        {
          scope: { name: 'tracer', version: '1.2' },
          spans: [
            span(1, 1, 600, 1, {
              events: [
                { timeUnixNano: second(600), name: 'retry', attributes: own({ attempt: 0 }) },
                { timeUnixNano: second(600.5), name: 'exception', attributes: own({ attempt: 2 }) },
              ],
              attributes: own({ 'key with space': 'v' }),
            }),
            span(1, 2, 600.1, 0.2, { parentSpanId: id(1, 16), status: { code: 2, message: 'broken' } }),
            span(2, 3, 3000, 600),
            // Without its root.
            span(3, 5, 660, 1, { parentSpanId: id(4, 16) }),
            { ...span(4, 6, 700, 1), traceId: '0000000000000000917cf42d738fa067' },
          ],
        },
      ],
    },
  ],
};

const logsOf = (lines: readonly string[], labels: Labels = {}, from = 600) =>
  lines.map((line, i) => ({
    timeUnixNano: second(from + i),
    body: { stringValue: line },
    attributes: own(labels),
  }));

export const logs = {
  resourceLogs: [
    {
      resource: service('checkout'),
      scopeLogs: [
        {
          logRecords: [
            ...logsOf([
              '{"level":"error","service_name":"inner","user":{"id":"u2"},"n":1}',
              '{"level":"warn","n":2}',
              '{"level":"info","msg":"cut","broken',
            ]),
            ...logsOf(['{"user_id":"parsed"}'], { 'user.id': 'own' }, 605),
            ...logsOf(['a=1 empty= flag b=2'], {}, 606),
          ],
        },
      ],
    },
    {
      resource: service('counter'),
      scopeLogs: [
        { logRecords: [1, 3, 6, 10, 2, 5, 9].flatMap((n, i) => logsOf([`v=${n}`], {}, 100 + i * 60)) },
      ],
    },
    {
      resource: { attributes: own({ 'k8s.container.name': 'worker' }) },
      scopeLogs: [{ logRecords: logsOf(['level=error msg="x"']) }],
    },
  ],
};
