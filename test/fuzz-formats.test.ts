/** Damaged and hostile bodies of every format but OTLP's: each gets an answer, and what it becomes is bounded. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../drill/fuzz-requests.js';
import { BatchDecoder } from '../src/decode/batch/decoder.js';
import { defaultDecodeLimits, type Payload, type Signal } from '../src/schema/index.js';
import { checkBatch } from './support/batch-reader.js';
import { bytes, concat, double, message, text, uint } from './support/protobuf.js';

const nowMs = 1_790_000_000_000;
const now = BigInt(nowMs) * 1_000_000n;
const limits = { ...defaultDecodeLimits, maxRequestRecords: 1000, maxRequestRowBytes: 4 * 1024 * 1024 };

interface Sample {
  /** Nothing can be wrong with a body. */
  readonly anything?: true;
  readonly signal: Signal;
  readonly format: string;
  readonly good: Uint8Array;
  /** What comes before and after an element that is repeated, and the element. */
  readonly hostile: readonly (readonly [
    before: string | Uint8Array,
    element: string | Uint8Array,
    after?: string,
  ])[];
}

const label = (name: string, value: string) => message(1, text(1, name), text(2, value));
const histogram = concat([
  uint(1, 3),
  double(3, 1),
  uint(4, 2),
  message(11, uint(1, 2), uint(2, 2)),
  bytes(12, Uint8Array.of(2, 2)),
  uint(15, nowMs),
]);
const at = new Date(nowMs).toISOString();
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const empty = (field: number) => Uint8Array.of(field * 8 + 2, 0);

const syslogMessage = `<165>1 ${at} host app 1 ID [a@1 b="c"] hello`;

const samples: readonly Sample[] = [
  {
    signal: 'metrics',
    format: 'remote_write_1',
    good: message(
      1,
      label('__name__', 'up'),
      label('job', 'x'),
      message(2, double(1, 1), uint(2, nowMs)),
      message(3, message(1, text(1, 'trace_id'), text(2, 'ab')), double(2, 1), uint(3, nowMs)),
      message(4, histogram),
    ),
    hostile: [
      ['', empty(1)],
      ['', empty(3)],
      ['', message(3, text(2, 'x'))],
    ],
  },
  {
    signal: 'metrics',
    format: 'remote_write_2',
    good: concat([
      ...['', '__name__', 'up', 'job'].map((symbol) => text(4, symbol)),
      message(
        5,
        bytes(1, Uint8Array.of(1, 2, 3, 2)),
        message(2, double(1, 1), uint(2, nowMs)),
        message(3, histogram),
        message(4, bytes(1, Uint8Array.of(3, 2)), double(2, 1)),
        message(5, uint(1, 1), uint(3, 3)),
      ),
    ]),
    hostile: [
      ['', empty(4)],
      ['', empty(5)],
      [text(4, ''), message(5, bytes(1, Uint8Array.of(0, 0)))],
    ],
  },
  {
    signal: 'logs',
    format: 'loki_protobuf',
    good: message(
      1,
      text(1, '{app="x", b="\\n"}'),
      message(
        2,
        message(1, uint(1, nowMs / 1000)),
        text(2, 'line'),
        message(3, text(1, 'user'), text(2, 'u')),
      ),
    ),
    hostile: [
      ['', empty(1)],
      ['', message(1, text(1, '{}'), empty(2))],
    ],
  },
  {
    signal: 'logs',
    format: 'loki_json',
    good: json({
      streams: [
        {
          stream: { app: 'x' },
          values: [
            [`${now}`, 'line', { user: 'u' }],
            [`${now}`, 'line'],
          ],
        },
      ],
    }),
    hostile: [
      ['{"streams":[', '{},', '{}]}'],
      ['{"streams":[{"values":[', '["1",""],', '["1",""]]}]}'],
    ],
  },
  {
    signal: 'logs',
    format: 'elasticsearch_bulk',
    good: Buffer.from(
      `{"create":{"_index":"i"}}\n{"@timestamp":"${at}","message":"m","a":{"b":[1,{"c":null}]}}\n{"delete":{"_id":"1"}}\n`,
    ),
    hostile: [
      ['', '{"delete":{}}\n'],
      ['', '{"index":{}}\n{}\n'],
      ['', '\n'],
      ['{"index":{}}\n{"a":', '[', ''],
    ],
  },
  {
    signal: 'logs',
    format: 'elasticsearch_document',
    good: json({ '@timestamp': at, message: 'm', n: 1.5 }),
    hostile: [['{"a":', '{"a":', '']],
  },
  {
    signal: 'logs',
    format: 'json_lines',
    good: Buffer.from(`{"_time":"${at}","_msg":"m","level":"warn"}\n{"_msg":{"a":1},"service.name":"s"}\n`),
    hostile: [
      ['', '{}\n'],
      ['', '\n'],
      ['', '0\n'],
    ],
  },
  {
    signal: 'logs',
    format: 'datadog_json',
    good: json([{ message: 'm', ddtags: 'env:a,b:c', timestamp: nowMs }, 1]),
    hostile: [
      ['[', '{},', '0]'],
      ['[', '0,', '0]'],
    ],
  },
  {
    signal: 'logs',
    format: 'splunk_hec',
    good: Buffer.from(`{"time":${nowMs / 1000},"event":"e","fields":{"a":"b"}}{"event":{"x":1}}`),
    hostile: [
      ['', '{}'],
      ['', '{"event":0}'],
    ],
  },
  {
    signal: 'logs',
    format: 'splunk_raw',
    anything: true,
    good: Buffer.from('a line\nand\r\nmore'),
    hostile: [
      ['', '\n'],
      ['', 'a\n'],
    ],
  },
  {
    signal: 'logs',
    format: 'journald',
    good: concat([
      Buffer.from(`__CURSOR=c\n__REALTIME_TIMESTAMP=${nowMs}000\nPRIORITY=4\n_PID=1\n_PID=2\nMESSAGE\n`),
      Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0),
      Buffer.from('a\nb\n\nMESSAGE=c\n'),
    ]),
    hostile: [
      ['', 'A=\n\n'],
      ['', 'A=\n'],
      ['', 'A=b\nA=c\n'],
      ['', '\n'],
    ],
  },
  {
    signal: 'logs',
    format: 'syslog',
    good: Buffer.from(`${syslogMessage.length} ${syslogMessage}14 <13>app[1]: hi `),
    hostile: [['', '0 ']],
  },
  {
    signal: 'traces',
    format: 'zipkin_json',
    good: json([
      {
        traceId: 'a',
        id: 'b',
        timestamp: nowMs * 1000,
        duration: 1,
        kind: 'CLIENT',
        tags: { error: 'x' },
        annotations: [{ timestamp: nowMs * 1000, value: 'v' }],
      },
    ]),
    hostile: [
      ['[', '{},', '{}]'],
      ['[', '{"traceId":"a","id":"b","timestamp":1},', '{}]'],
    ],
  },
];

const payload = (format: string, body: Uint8Array): Payload => ({
  format,
  parameters: '_stream_fields=a&extra_fields=x=y',
  encoding: 'identity',
  receivedAtNs: now,
  minTimeNs: now - 86_400_000_000_000n,
  maxTimeNs: now + 600_000_000_000n,
  limits,
  body: Uint8Array.from(body),
});

describe('bodies of other formats', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_000);

  for (const { signal, format, good, hostile, anything } of samples) {
    it(`${format}: damaged ones get an answer, and batches hold`, (test) => {
      test.diagnostic(`FUZZ_SEED=${seed}`);
      const decoder = new BatchDecoder(signal, {});
      const [whole] = decoder.decode([payload(format, good)], Infinity).results;
      assert.ok(whole?.ok && whole.rows > 0, JSON.stringify(whole));
      let refused = 0;
      for (let i = 0; i < 400; i++) {
        const random = new Random(seed + i);
        const body = Uint8Array.from(good);
        for (let n = random.below(3) + 1; n > 0; n--)
          body[random.below(body.length)] = random.pick([
            0,
            0x22,
            0x5b,
            0x7b,
            0x7f,
            0x80,
            0xff,
            random.below(256),
          ]);
        const cut = random.chance(0.3) ? body.subarray(0, random.below(body.length)) : body;
        const { results, batch } = decoder.decode([payload(format, good), payload(format, cut)], Infinity);
        checkBatch(
          batch,
          results.reduce((sum, result) => sum + (result.ok ? result.rows : 0), 0),
        );
        const [before, damaged] = results;
        assert.equal(
          before?.ok && before.rows,
          whole.rows,
          `the one before is whole (FUZZ_SEED=${seed}, case ${i})`,
        );
        if (damaged?.ok !== true || damaged.rejected > 0) refused++;
        if (damaged?.ok === false) {
          assert.ok(damaged.message.length > 0 && damaged.message.length < 1000);
        }
      }
      assert.equal(refused > 0, anything !== true, `nothing was refused (FUZZ_SEED=${seed})`);
    });

    it(`${format}: what is repeated is bounded`, () => {
      for (const [before, element, after = ''] of hostile) {
        const unit = Buffer.from(element);
        const repeated = Buffer.alloc(Math.floor((1024 * 1024) / unit.length) * unit.length, unit);
        const body = Buffer.concat([Buffer.from(before), repeated, Buffer.from(after)]);
        let [held, most] = [0, 0];
        const memory = {
          take: (taken: number) => void (most = Math.max(most, (held += taken))),
          give: (given: number) => void (held -= given),
        };
        const decoder = new BatchDecoder(signal, {}, memory);
        const [result] = decoder.decode([payload(format, body)], Infinity).results;
        assert.ok(
          result?.ok === false || result?.rows === 0,
          `${unit.toString().slice(0, 40)}: ${JSON.stringify(result)}`,
        );
        assert.ok(most < 64 * 1024 * 1024, `${unit.toString().slice(0, 40)} took ${most} bytes`);
      }
    });
  }
});
