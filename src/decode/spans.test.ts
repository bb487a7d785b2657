import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkBatch, rowsOf } from '../../test/support/batch-reader.js';
import { jsonPayload, now, payloadOf } from '../../test/support/payload.js';
import { bytes, concat, fixed32, fixed64, message, text, uint } from '../../test/support/protobuf.js';
import type { Payload } from '../schema/index.js';
import { BatchDecoder } from './batch/decoder.js';

const decoder = new BatchDecoder('traces', { maxDecodedBodyBytes: 1024 * 1024 });

function decodeSpans(...payloads: Payload[]) {
  const { results, batch } = decoder.decode(payloads, Infinity);
  checkBatch(batch);
  return { results, rows: rowsOf(batch, 'spans') };
}

const id = (size: number, fill: number) => new Uint8Array(size).fill(fill);
const hex = (size: number, fill: number) => Buffer.from(id(size, fill)).toString('hex');
const attribute = (field: number, key: string, ...value: Uint8Array[]) =>
  message(field, text(1, key), message(2, ...value));
const request = (...spans: Uint8Array[]) => message(1, message(2, ...spans.map((span) => bytes(2, span))));
const required = [bytes(1, id(16, 1)), bytes(2, id(8, 2))];
const times = [fixed64(7, now), fixed64(8, now + 1_500_000n)];

describe('spans', () => {
  const start = now - 5n;
  const end = now + 2_345_678n;
  const fields = [
    bytes(1, id(16, 0xab)),
    bytes(2, id(8, 0xcd)),
    text(3, 'vendor=1'),
    bytes(4, id(8, 0xef)),
    text(5, 'GET /checkout'),
    uint(6, 2),
    fixed64(7, start),
    fixed64(8, end),
    attribute(9, 'http.method', text(1, 'OLD')),
    attribute(9, 'http.request.method', text(1, 'GET')),
    attribute(9, 'http.response.status_code', uint(3, 503)),
    attribute(9, 'error.type', text(1, 'a rather long "type" of error')),
    attribute(9, 'http.route', text(1, '')),
    uint(10, 1),
    message(11, fixed64(1, now + 1n), text(2, 'exception "x"'), attribute(3, 'k', text(1, 'v')), uint(4, 9)),
    message(11),
    uint(12, 2),
    message(
      13,
      bytes(1, id(16, 1)),
      bytes(2, id(8, 2)),
      text(3, 's=t'),
      attribute(4, 'l', uint(2, 1)),
      uint(5, 6),
      fixed32(6, 257),
    ),
    message(13, bytes(1, id(16, 3)), bytes(2, id(8, 4))),
    uint(14, 3),
    message(15, text(2, 'went boom'), uint(3, 2)),
    fixed32(16, 0x301),
  ];
  const json = {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: 'AB'.repeat(16),
                spanId: 'cd'.repeat(8),
                traceState: 'vendor=1',
                parentSpanId: 'ef'.repeat(8),
                name: 'GET /checkout',
                kind: 'SPAN_KIND_SERVER',
                startTimeUnixNano: String(start),
                endTimeUnixNano: String(end),
                attributes: [
                  { key: 'http.method', value: { stringValue: 'OLD' } },
                  { key: 'http.request.method', value: { stringValue: 'GET' } },
                  { key: 'http.response.status_code', value: { intValue: 503 } },
                  { key: 'error.type', value: { stringValue: 'a rather long "type" of error' } },
                  { key: 'http.route', value: { stringValue: '' } },
                ],
                droppedAttributesCount: 1,
                events: [
                  {
                    timeUnixNano: String(now + 1n),
                    name: 'exception "x"',
                    attributes: [{ key: 'k', value: { stringValue: 'v' } }],
                    droppedAttributesCount: 9,
                  },
                  {},
                ],
                droppedEventsCount: 2,
                links: [
                  {
                    traceId: '01'.repeat(16),
                    spanId: '02'.repeat(8),
                    traceState: 's=t',
                    attributes: [{ key: 'l', value: { boolValue: true } }],
                    droppedAttributesCount: 6,
                    flags: 257,
                  },
                  { traceId: '03'.repeat(16), spanId: '04'.repeat(8) },
                ],
                droppedLinksCount: 3,
                status: { message: 'went boom', code: 2 },
                flags: 0x301,
              },
            ],
          },
        ],
      },
    ],
  };

  it('keeps every field, from protobuf in any order and from JSON', () => {
    const inOrder = payloadOf(request(concat(fields)));
    // Lists keep the order on the wire, so only single fields are turned round.
    const lists = [9, 11, 13].map((field) => field * 8 + 2);
    const turned = fields.filter((field) => !lists.includes(field[0]!)).reverse();
    const interleaved = fields
      .filter((field) => lists.includes(field[0]!))
      .flatMap((field) => [field, ...turned.splice(0, 3)]);
    const reordered = payloadOf(request(concat([...interleaved, ...turned])));
    const { rows, results } = decodeSpans(inOrder, reordered, jsonPayload(json));
    assert.deepEqual(
      results.map((result) => result.ok && result.rows),
      [1, 1, 1],
    );
    for (const [i, row] of rows.entries()) {
      const { events_json, links_json, ...rest } = row;
      assert.deepEqual(JSON.parse(events_json as string), [
        {
          name: 'exception "x"',
          time_unix_nano: String(now + 1n),
          attributes: { k: 'v' },
          dropped_attributes_count: 9,
        },
        { name: '', time_unix_nano: '0', attributes: {} },
      ]);
      assert.deepEqual(JSON.parse(links_json as string), [
        {
          trace_id: hex(16, 1),
          span_id: hex(8, 2),
          trace_state: 's=t',
          attributes: { l: true },
          dropped_attributes_count: 6,
          flags: 257,
        },
        { trace_id: hex(16, 3), span_id: hex(8, 4), attributes: {} },
      ]);
      assert.deepEqual(rest, {
        timestamp: start / 1000n,
        start_time_unix_nano: start,
        end_timestamp: end / 1_000_000n,
        end_time_unix_nano: end,
        duration: 2n,
        duration_nano: 2_345_683n,
        trace_id: hex(16, 0xab),
        span_id: hex(8, 0xcd),
        parent_span_id: hex(8, 0xef),
        trace_state: 'vendor=1',
        span_name: 'GET /checkout',
        span_kind: 2,
        status_code: 2,
        status_message: 'went boom',
        span_attributes:
          '{"http.method":"OLD","http.request.method":"GET","http.response.status_code":503,' +
          '"error.type":"a rather long \\"type\\" of error","http.route":""}',
        dropped_attributes_count: 1n,
        dropped_events_count: 2n,
        dropped_links_count: 3n,
        flags: 0x301n,
        http_request_method: 'GET',
        http_route: null,
        http_response_status_code: '503',
        db_system_name: null,
        rpc_service: null,
        rpc_method: null,
        messaging_system: null,
        error_type: 'a rather long "type" of error',
        ...Object.fromEntries(emptyResourceScope),
        ingested_at: now / 1000n,
        source_format: i < 2 ? 'otlp_protobuf' : 'otlp_json',
      });
    }
  });

  it('leaves what is not there NULL', () => {
    const { rows } = decodeSpans(payloadOf(request(concat([...required, ...times]))));
    for (const column of [
      'parent_span_id',
      'trace_state',
      'span_name',
      'status_message',
      'span_attributes',
      'events_json',
      'links_json',
    ]) {
      assert.equal(rows[0]?.[column], null, column);
    }
    assert.equal(rows[0]?.['status_code'], 0);
    assert.equal(rows[0]?.['duration'], 1n);
  });

  it('rejects spans without identifiers or out of the time range, by end and by start', () => {
    const late = now - 86_400_000_000_000n;
    const ahead = now + 600_000_000_000n;
    const spans = [
      [...required, ...times],
      [required[0]!, ...times],
      [required[1]!, ...times],
      [bytes(1, id(16, 0)), required[1]!, ...times],
      [bytes(1, id(8, 1)), required[1]!, ...times],
      [...required, ...times, bytes(4, id(3, 1))],
      [...required, ...times, message(13, bytes(1, id(2, 1)))],
      [...required, fixed64(7, 1n), fixed64(8, late)],
      [...required, fixed64(7, 1n), fixed64(8, late - 1n)],
      [...required, fixed64(7, ahead), fixed64(8, ahead + 10n)],
      [...required, fixed64(7, ahead + 1n), fixed64(8, ahead + 10n)],
      [...required],
    ];
    const { results, rows } = decodeSpans(payloadOf(request(...spans.map((span) => concat(span)))));
    const [result] = results;
    assert.ok(result?.ok);
    assert.equal(result.rows, 5);
    assert.equal(result.rejected, 7);
    assert.deepEqual(result.droppedIds, { parent_span_id: 1, link: 1 });
    assert.match(
      result.reason,
      /2 spans malformed: span_id must be 8 bytes|1 span malformed: span_id must be 8 bytes/,
    );
    assert.match(result.reason, /spans? malformed: trace_id must be 16 bytes, not all zero/);
    assert.match(result.warning ?? '', /1 malformed parent_span_id left out/);
    assert.match(result.warning ?? '', /1 malformed trace_id or span_id of links, with the link, left out/);
    assert.match(result.reason, /2 spans too old: end_time_unix_nano before/);
    assert.match(result.reason, /1 span too far ahead: start_time_unix_nano after/);
    assert.deepEqual(
      rows.map((row) => row['start_time_unix_nano']),
      [now, now, now, 1n, ahead],
    );
  });

  it('never gives a negative duration, and bounds an end beyond the range', () => {
    const { rows } = decodeSpans(
      payloadOf(
        request(
          concat([...required, fixed64(7, now + 10n), fixed64(8, now)]),
          concat([...required, fixed64(7, now), fixed64(8, 2n ** 64n - 1n)]),
          concat([...required, fixed64(7, 2n ** 32n * 400_000_000n + 5n), fixed64(8, now + 4n)]),
          concat([...required, fixed64(8, now)]),
        ),
      ),
    );
    assert.deepEqual(
      rows.map((row) => row['duration_nano']),
      [0n, 2n ** 63n - 1n - now, now + 4n - (2n ** 32n * 400_000_000n + 5n), 0n],
    );
    assert.equal(rows[3]?.['start_time_unix_nano'], now);
  });

  it('refuses damaged nested messages', () => {
    for (const field of [11, 13, 15, 9]) {
      const broken = bytes(field, Uint8Array.of(0x0a, 0x50));
      const { results } = decodeSpans(payloadOf(request(concat([...required, ...times, broken]))));
      assert.equal(results[0]?.ok, false, `field ${field}`);
    }
  });
});

const emptyResourceScope: [string, unknown][] = [
  ...[
    'service_name service_namespace service_instance_id resource_attributes resource_schema_url',
    'scope_name scope_version scope_attributes scope_schema_url deployment_environment_name',
    'k8s_namespace_name k8s_pod_name k8s_container_name host_name',
  ]
    .join(' ')
    .split(' ')
    .map((name): [string, unknown] => [name, null]),
  ['resource_dropped_attributes_count', 0n],
  ['scope_dropped_attributes_count', 0n],
];
