import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import fastify, { type FastifyInstance } from 'fastify';
import { compressSync, uncompressSync } from 'snappy';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { concat, message, text, uint } from '../../../../test/support/protobuf.js';
import { ProtobufReader } from '../../../grpc/index.js';
import { createTelemetry } from '../../../telemetry/index.js';
import { prometheusApi } from '../index.js';

const matcher = (type: number, name: string, value: string) =>
  message(3, ...(type ? [uint(1, type)] : []), text(2, name), text(3, value));
const query = (...matchers: Uint8Array[]) =>
  message(1, uint(1, scriptStart), uint(2, scriptStart + 3_600_000), ...matchers);

type Fields = Map<number, (bigint | Uint8Array)[]>;
const none: Fields = new Map();

/** Fields of a message: numbers, and messages or bytes. */
function fields(bytes: Uint8Array): Fields {
  const out: Fields = new Map();
  for (const { number, value } of new ProtobufReader(bytes).fields()) {
    out.set(number, [...(out.get(number) ?? []), value]);
  }
  return out;
}

const messages = (of: Fields, field: number) =>
  (of.get(field) ?? []).map((value) => fields(value as Uint8Array));
const string = (of: Fields, field: number) =>
  Buffer.from((of.get(field)?.[0] ?? new Uint8Array()) as Uint8Array).toString();
const double = (value: bigint | Uint8Array | undefined) => Buffer.from(value as Uint8Array).readDoubleLE();
const labelsOf = (series: Fields) =>
  Object.fromEntries(messages(series, 1).map((label) => [string(label, 1), string(label, 2)]));

/** Reads bits one by one: an XOR chunk by its specification. */
function xorSamples(chunk: Uint8Array): [number, number][] {
  let at = 16;
  const bits = (count: number) => {
    let value = 0n;
    for (let i = 0; i < count; i++, at++) {
      value = (value << 1n) | BigInt(((chunk[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    }
    return value;
  };
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bits(8);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  const dod = () => {
    let ones = 0;
    while (ones < 4 && bits(1) === 1n) ones++;
    const size = [0, 14, 17, 20, 64][ones] ?? 0;
    const value = bits(size);
    return BigInt.asIntN(
      64,
      size < 64 && value > 1n << BigInt(Math.max(size - 1, 0)) ? value - (1n << BigInt(size)) : value,
    );
  };
  const count = ((chunk[0] ?? 0) << 8) | (chunk[1] ?? 0);
  const out: [number, number][] = [];
  let [time, delta, value, leading, trailing] = [0n, 0n, 0n, 0, 0];
  for (let i = 0; i < count; i++) {
    if (i === 0) {
      const zigzag = varint();
      time = (zigzag >> 1n) ^ -(zigzag & 1n);
      value = bits(64);
    } else {
      delta = i === 1 ? varint() : delta + dod();
      time += delta;
      if (bits(1) === 1n) {
        if (bits(1) === 1n) {
          leading = Number(bits(5));
          trailing = 64 - leading - (Number(bits(6)) || 64);
        }
        value ^= bits(64 - leading - trailing) << BigInt(trailing);
      }
    }
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    out.push([Number(time), bytes.readDoubleBE()]);
  }
  return out;
}

describe('remote read', () => {
  const times = Array.from({ length: 200 }, (_, i) => scriptStart + i * 15_000 + (i % 7 === 0 ? 137 : i % 5));
  const values = times.map((_, i) => (i % 3 === 0 ? -1 - i : i % 3 === 1 ? 2 ** (i % 40) : i / 1024));
  let lake: TestLake;
  let app: FastifyInstance;
  before(async () => {
    lake = await testLake();
    const gauge = times.map((time, i) => ({ ...metricPoint(time, 'load', { host: 'a' }), value: values[i] }));
    const other = { ...metricPoint(scriptStart, 'load', { host: 'b' }), value: 7 };
    const ended = { ...metricPoint(scriptStart + 60_000, 'load', { host: 'b' }), value: null, flags: 1 };
    await lake.insert('metric_gauge', [...gauge, other, ended]);
    await lake.insert('metric_exponential_histogram', [
      {
        ...metricPoint(scriptStart, 'latency'),
        ...{ count: 9, sum: 12, scale: 1, zero_count: 2, zero_threshold: 0 },
        ...{
          positive_offset: 1,
          positive_bucket_counts: [3, 0, 4],
          negative_offset: 0,
          negative_bucket_counts: [],
        },
      },
    ]);
    app = fastify();
    await app.register(prometheusApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  const read = (body: Uint8Array, compressed = true) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/read',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      payload: compressed ? compressSync(Buffer.from(body)) : Buffer.from(body),
    });

  it('gives samples, ends of series and native histograms', async () => {
    const answer = await read(
      concat([
        query(matcher(0, '__name__', 'load'), matcher(1, 'host', 'a')),
        query(matcher(2, '__name__', 'lat.*y')),
      ]),
    );
    assert.equal(answer.statusCode, 200, answer.body);
    assert.equal(answer.headers['content-type'], 'application/x-protobuf');
    assert.equal(answer.headers['content-encoding'], 'snappy');
    const [loads, latencies] = messages(fields(uncompressSync(answer.rawPayload) as Buffer), 1);
    const [load] = messages(loads ?? none, 1);
    assert.deepEqual(labelsOf(load ?? none), { __name__: 'load', host: 'b' });
    const samples = messages(load ?? none, 2);
    assert.deepEqual(
      samples.map((sample) => [
        Number(sample.get(2)?.[0]) - scriptStart,
        Buffer.from(sample.get(1)?.[0] as Uint8Array).toString('hex'),
      ]),
      [
        [0, '0000000000001c40'],
        [60_000, '020000000000f07f'],
      ],
    );
    const [latency] = messages(latencies ?? none, 1);
    const [histogram] = messages(latency ?? none, 4);
    assert.deepEqual(
      [1, 4, 6, 15].map((field) => histogram?.get(field)?.[0]),
      [9n, 2n, 2n, BigInt(scriptStart)],
    );
    assert.equal(double(histogram?.get(3)?.[0]), 12);
    const spans = messages(histogram ?? none, 11);
    assert.deepEqual(
      spans.map((span) => [span.get(1)?.[0], span.get(2)?.[0]]),
      [
        [4n, 1n],
        [2n, 1n],
      ],
    );
    assert.deepEqual(histogram?.get(12), [6n, 2n]);
  });

  it('streams chunks to whom takes them', async () => {
    const answer = await read(
      concat([query(matcher(0, '__name__', 'load'), matcher(0, 'host', 'a')), uint(2, 1)]),
    );
    assert.equal(answer.statusCode, 200, answer.body);
    assert.match(String(answer.headers['content-type']), /^application\/x-streamed-protobuf/);
    const body = answer.rawPayload;
    let at = 0;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++] ?? 0;
      length |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    const frame = body.subarray(at + 4);
    assert.equal(frame.length, length);
    assert.equal(body.readUInt32BE(at), crc32c(frame));
    const [series] = messages(fields(frame), 1);
    assert.deepEqual(labelsOf(series ?? none), { __name__: 'load', host: 'a' });
    const chunks = messages(series ?? none, 2);
    assert.equal(chunks.length, 2);
    const samples = chunks.flatMap((chunk) => xorSamples(chunk.get(4)?.[0] as Uint8Array));
    assert.deepEqual(
      samples,
      times.map((time, i) => [time, values[i]]),
    );
  });

  it('refuses in plain text what it cannot read', async () => {
    const wrong: [Uint8Array, RegExp, boolean?][] = [
      [Uint8Array.of(200, 200), /not compressed with snappy/, false],
      [Uint8Array.of(255, 255, 255, 255, 15, 0), /bytes uncompressed, at most/, false],
      [Uint8Array.of(255), /no prometheus\.ReadRequest/],
      [query(matcher(9, 'a', 'b')), /invalid matcher type/],
      [query(matcher(2, 'a', '(')), /missing closing/],
      [concat([query(matcher(0, '__name__', 'load')), uint(2, 5)]), /does not support any/],
    ];
    for (const [body, words, compressed] of wrong) {
      const answer = await read(body, compressed);
      assert.equal(answer.statusCode, 400, answer.body);
      assert.match(answer.body, words);
      assert.match(String(answer.headers['content-type']), /^text\/plain/);
    }
  });
});
