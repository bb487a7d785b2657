/** The same records as the requests of each protocol beside OTLP, so that drills and benches send alike by all of them. */
import { createHash } from 'node:crypto';
import { compressSync } from 'snappy';
import type { Signal } from '../../src/schema/index.js';
import { bytes, concat, double, message, text, uint } from '../../test/support/protobuf.js';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One log line, span or sample. */
export interface DoorRecord {
  /** Milliseconds since the epoch. */
  readonly ms: number;
  /** The line, the span's name; an attribute `id` of a sample. */
  readonly id: string;
  readonly level?: string;
  readonly value?: number;
  readonly attributes: Attributes;
}

export interface DoorRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Door {
  /** The format's name in `source_format`. */
  readonly name: string;
  readonly signal: Signal;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Before compression by what the protocol always has. */
  readonly body: (resource: Attributes, records: readonly DoorRecord[]) => Uint8Array;
  /** Always snappy, by the protocol. */
  readonly snappy?: true;
}

/** Syslog's severities by their numbers. */
const priorities = ['emergency', 'alert', 'critical', 'error', 'warn', 'notice', 'info', 'debug'];
const json = { 'content-type': 'application/json' };
const lines = { 'content-type': 'application/x-ndjson' };
const protobuf = { 'content-type': 'application/x-protobuf' };
const stringify = (value: unknown) => Buffer.from(JSON.stringify(value));
const ndjson = (values: readonly unknown[]) =>
  Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));

/** Names as Prometheus and Loki allow them. */
const labelName = (name: string) => name.replaceAll('.', '_');
const labelsOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([name, value]): [string, string] => [labelName(name), String(value)]);

/** Labels of a series, sorted by name as the specification wants. */
function seriesLabels(record: DoorRecord, resource: Attributes): [string, string][] {
  const all = new Map([
    ...labelsOf(resource),
    ...labelsOf(record.attributes),
    ['__name__', 'drill'] as const,
    ['id', record.id] as const,
  ]);
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}

const sample = ({ value = 1, ms }: DoorRecord) => message(2, double(1, value), uint(2, ms));

/** As Filebeat and other shippers of documents have them. */
function documentOf(
  { ms, id, level, attributes }: DoorRecord,
  resource: Attributes,
  time: string,
  body: string,
): object {
  return {
    [time]: new Date(ms).toISOString(),
    [body]: id,
    ...(level !== undefined && { level }),
    ...resource,
    ...attributes,
  };
}

function lokiSelector(resource: Attributes): string {
  const labels = labelsOf(resource).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${labels.join(', ')}}`;
}

const metadata = ({ level, attributes }: DoorRecord) =>
  Object.fromEntries([...labelsOf(attributes), ...(level === undefined ? [] : [['level', level]])]) as Record<
    string,
    string
  >;

export const doors: readonly Door[] = [
  {
    name: 'remote_write_1',
    signal: 'metrics',
    path: '/api/v1/write',
    headers: { ...protobuf, 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' },
    snappy: true,
    body: (resource, records) =>
      concat(
        records.map((record) =>
          message(
            1,
            ...seriesLabels(record, resource).map(([name, value]) =>
              message(1, text(1, name), text(2, value)),
            ),
            sample(record),
          ),
        ),
      ),
  },
  {
    name: 'remote_write_2',
    signal: 'metrics',
    path: '/api/v1/write',
    headers: {
      'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '2.0.0',
    },
    snappy: true,
    body(resource, records) {
      const symbols = new Map([['', 0]]);
      const ref = (symbol: string) => {
        const known = symbols.get(symbol) ?? symbols.size;
        symbols.set(symbol, known);
        return known;
      };
      const series = records.map((record) => {
        const refs = seriesLabels(record, resource).flatMap((pair) => pair.map(ref));
        return message(5, bytes(1, varints(refs)), sample(record), message(5, uint(1, 2)));
      });
      return concat([...[...symbols.keys()].map((symbol) => text(4, symbol)), ...series]);
    },
  },
  {
    name: 'loki_json',
    signal: 'logs',
    path: '/loki/api/v1/push',
    headers: json,
    body: (resource, records) =>
      stringify({
        streams: [
          {
            stream: Object.fromEntries(labelsOf(resource)),
            values: records.map((record) => [`${record.ms}000000`, record.id, metadata(record)]),
          },
        ],
      }),
  },
  {
    name: 'loki_protobuf',
    signal: 'logs',
    path: '/loki/api/v1/push',
    headers: protobuf,
    snappy: true,
    body: (resource, records) =>
      message(
        1,
        text(1, lokiSelector(resource)),
        ...records.map((record) =>
          message(
            2,
            message(1, uint(1, Math.floor(record.ms / 1000)), uint(2, (record.ms % 1000) * 1e6)),
            text(2, record.id),
            ...Object.entries(metadata(record)).map(([name, value]) =>
              message(3, text(1, name), text(2, value)),
            ),
          ),
        ),
      ),
  },
  {
    name: 'elasticsearch_bulk',
    signal: 'logs',
    path: '/elasticsearch/_bulk',
    headers: lines,
    body: (resource, records) =>
      ndjson(
        records.flatMap((record) => [
          { create: { _index: 'drill' } },
          documentOf(record, resource, '@timestamp', 'message'),
        ]),
      ),
  },
  {
    name: 'json_lines',
    signal: 'logs',
    path: '/insert/jsonline',
    headers: lines,
    body: (resource, records) =>
      ndjson(records.map((record) => documentOf(record, resource, '_time', '_msg'))),
  },
  {
    name: 'datadog_json',
    signal: 'logs',
    path: '/api/v2/logs',
    headers: json,
    body: ({ 'service.name': service, 'host.name': hostname, ...resource }, records) =>
      stringify(
        records.map(({ ms, id, level, attributes }) => ({
          message: id,
          timestamp: ms,
          service,
          hostname,
          status: level,
          ddtags: Object.entries({ ...resource, ...attributes })
            .map(([name, value]) => `${name}:${value}`)
            .join(','),
        })),
      ),
  },
  {
    name: 'splunk_hec',
    signal: 'logs',
    path: '/services/collector/event',
    headers: json,
    body: ({ 'host.name': host, ...resource }, records) =>
      ndjson(
        records.map(({ ms, id, level, attributes }) => ({
          time: ms / 1000,
          host,
          event: id,
          fields: { level, ...resource, ...attributes },
        })),
      ),
  },
  {
    name: 'journald',
    signal: 'logs',
    path: '/upload',
    headers: { 'content-type': 'application/vnd.fdo.journal' },
    body: ({ 'service.name': service, 'host.name': host, ...resource }, records) =>
      Buffer.concat(
        records.map(({ ms, id, level, attributes }) => {
          const priority = priorities.indexOf((level ?? '').toLowerCase());
          const fields = [
            ['__REALTIME_TIMESTAMP', `${ms}000`],
            ['MESSAGE', id],
            ...(service === undefined ? [] : [['SYSLOG_IDENTIFIER', service]]),
            ...(host === undefined ? [] : [['_HOSTNAME', host]]),
            ...(priority < 0 ? [] : [['PRIORITY', priority]]),
            ...labelsOf({ ...resource, ...attributes }),
          ];
          return Buffer.from(`${fields.map(([name, value]) => `${name}=${value}\n`).join('')}\n`);
        }),
      ),
  },
  {
    name: 'zipkin_json',
    signal: 'traces',
    path: '/api/v2/spans',
    headers: json,
    body: ({ 'service.name': serviceName, ...resource }, records) =>
      stringify(
        records.map(({ ms, id, attributes }, i) => ({
          traceId: hexOf(`${id} ${ms} ${i}`, 32),
          id: hexOf(`${id} ${ms} ${i}`, 16),
          name: id,
          kind: 'SERVER',
          timestamp: ms * 1000,
          duration: 1500,
          localEndpoint: { serviceName },
          tags: Object.fromEntries(
            Object.entries({ ...resource, ...attributes }).map(([name, value]) => [name, String(value)]),
          ),
        })),
      ),
  },
];

/** Identifiers that follow from the record, so that a seed repeats them. */
function hexOf(of: string, digits: number): string {
  return createHash('md5').update(of).digest('hex').slice(0, digits);
}

/** What is sent. */
export function requestOf(door: Door, resource: Attributes, records: readonly DoorRecord[]): DoorRequest {
  const { path, headers, snappy } = door;
  const body = door.body(resource, records);
  return { path, headers, body: snappy ? compressSync(Buffer.from(body)) : body };
}

function varints(values: readonly number[]): Uint8Array {
  const out: number[] = [];
  for (let value of values) {
    for (; value > 127; value >>>= 7) out.push((value & 127) | 128);
    out.push(value);
  }
  return Uint8Array.from(out);
}
