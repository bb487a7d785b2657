/**
 * Throws damaged and hostile export requests at the decoder and checks that each gets an answer, that batches
 * keep what DuckDB relies on, and that memory stays bounded; then mutated queries at the query APIs. `--help` tells the options.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { compressSync } from 'snappy';
import { options } from '../bench/options.js';
import { BatchDecoder } from '../src/decode/batch/decoder.js';
import { DecodePool, GroupingDecoder } from '../src/decode/index.js';
import { loadZstd } from '../src/decode/wire/zstd.js';
import {
  defaultDecodeLimits,
  signals,
  type ContentEncoding,
  type Payload,
  type PayloadFormat,
  type PayloadResult,
  type Signal,
} from '../src/schema/index.js';
import { createTelemetry } from '../src/telemetry/index.js';
import { checkBatch } from '../test/support/batch-reader.js';
import { doors } from './doors/doors.js';
import { fuzzLanguages, fuzzQueries } from './fuzz-queries.js';
import { doorAttributes, doorRecord, jsonText, protobufBytes, Random } from './fuzz-requests.js';

const limitBytes = 1024 * 1024;
/** Of the whole process, which has DuckDB and two heaps. */
const mostRssBytes = 3 * 1024 * 1024 * 1024;
const now = 1_790_000_000_123_456_789n;
const codes = ['malformed', 'too_large', 'unsupported_encoding'];

export interface FuzzReport {
  readonly cases: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
}

/** One payload, good or damaged, chosen by `random` alone. */
function payload(random: Random, signal: Signal): Payload {
  const { format, body: good } = undamaged(random, signal);
  let body = random.chance(0.7) ? damage(random, good) : good;
  const encoding = random.pick<ContentEncoding>([
    'identity',
    'identity',
    'identity',
    'gzip',
    'deflate',
    'zstd',
    'snappy',
  ]);
  body = encode(random, encoding, body);
  if (encoding !== 'identity' && random.chance(0.2)) body = damage(random, body);
  return {
    format,
    encoding,
    receivedAtNs: now,
    minTimeNs: now - 86_400_000_000_000n,
    maxTimeNs: now + 600_000_000_000n,
    body: Uint8Array.from(body),
  };
}

/** A third by the protocols beside OTLP. */
function undamaged(random: Random, signal: Signal): { format: PayloadFormat; body: Uint8Array } {
  if (random.chance(0.33)) {
    const door = random.pick(doors.filter((one) => one.signal === signal));
    const records = Array.from({ length: random.below(6) + 1 }, () =>
      doorRecord(random, Number(now / 1_000_000n)),
    );
    return { format: door.name, body: door.body(doorAttributes(random), records) };
  }
  return random.chance(0.3)
    ? { format: 'json', body: Buffer.from(jsonText(random, signal)) }
    : { format: 'protobuf', body: protobufBytes(random, signal) };
}

function damage(random: Random, body: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(body);
  switch (random.below(8)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 1:
    case 2:
    case 3:
      for (let i = random.below(4) + 1; i > 0 && bytes.length > 0; i--) {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      }
      return bytes;
    case 4: {
      // A length or a character that is far off.
      for (let i = 0; i < 8 && bytes.length > 0; i++)
        bytes[random.below(bytes.length)] = random.pick([0, 0x7f, 0x80, 0xff, 0x22]);
      return bytes;
    }
    case 5: {
      const [from, to] = [random.below(bytes.length + 1), random.below(bytes.length + 1)].sort(
        (a, b) => a - b,
      ) as [number, number];
      const at = random.below(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at)]);
    }
    case 6: {
      const at = random.below(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(16)), bytes.subarray(at)]);
    }
    default:
      return random.bytes(random.below(300));
  }
}

function encode(random: Random, encoding: ContentEncoding, body: Uint8Array): Uint8Array {
  const bomb = random.chance(0.01) ? Buffer.concat([body, Buffer.alloc(random.below(4) * limitBytes)]) : body;
  switch (encoding) {
    case 'gzip':
      return gzipSync(bomb, { level: 1 });
    case 'deflate':
      return random.chance(0.5) ? deflateSync(bomb, { level: 1 }) : deflateRawSync(bomb, { level: 1 });
    case 'snappy':
      return compressSync(Buffer.from(bomb));
    case 'zstd':
      return random.chance(0.05) ? damage(random, zstdCompressed) : zstdFrame(random, body);
    default:
      return body;
  }
}

/** A frame with a compressed block, whose content is text. */
const zstdCompressed = Buffer.from(
  'KLUv/QRYvQEAxAJ0aGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nOwIA1EL1AUOYZQ0tM5E=',
  'base64',
);

/** A frame of raw and run-length blocks, which need no compressor. */
function zstdFrame(random: Random, body: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38)];
  for (let at = 0; at <= body.length; at += 60_000) {
    const block = body.subarray(at, at + 60_000);
    const last = at + 60_000 > body.length;
    parts.push(blockHeader(block.length, 0, last && !random.chance(0.02)), block);
  }
  if (random.chance(0.02)) {
    for (let i = 0; i < 20; i++) parts.push(blockHeader(131_072, 1, i === 19), Uint8Array.of(0));
  }
  return Buffer.concat(parts);
}

function blockHeader(size: number, type: number, last: boolean): Uint8Array {
  const header = (size << 3) | (type << 1) | Number(last);
  return Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16);
}

function tally(outcomes: Record<string, number>, result: PayloadResult): void {
  if (!result.ok) {
    assert.ok(codes.includes(result.code), `unknown code ${result.code as string}`);
    assert.ok(result.message.length > 0 && result.message.length < 1000, 'a message that helps');
  } else {
    assert.equal(result.rejected > 0, result.reason.length > 0, 'a reason when records are rejected');
  }
  const outcome = result.ok ? (result.rejected > 0 ? 'ok, some records rejected' : 'ok') : result.code;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}

/** Decodes `cases` payloads in groups in this thread. Throws, naming the group's seed, when a promise is broken. */
export async function fuzzDecoder(cases: number, seed: number): Promise<FuzzReport> {
  await loadZstd();
  const decoders = new Map(
    signals.map((signal) => [signal, new BatchDecoder(signal, { maxDecodedBodyBytes: limitBytes })]),
  );
  const outcomes: Record<string, number> = {};
  let peakRssBytes = 0;
  for (let done = 0; done < cases;) {
    const groupSeed = seed + done;
    const random = new Random(groupSeed);
    const signal = random.pick(signals);
    const group = Array.from({ length: Math.min(cases - done, random.below(8) + 1) }, () =>
      payload(random, signal),
    );
    try {
      const { results, batch, taken } = decoders.get(signal)!.decode(group, Infinity);
      assert.equal(taken, group.length);
      checkBatch(
        batch,
        results.reduce((sum, result) => sum + (result.ok ? result.rows : 0), 0),
      );
      for (const result of results) tally(outcomes, result);
    } catch (error) {
      throw new Error(`the group with seed ${groupSeed} (${signal}) broke a promise`, { cause: error });
    }
    done += group.length;
    if (done % 64 < group.length) {
      peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
      // zlib frees the streams of damaged bodies only when the event loop turns, as a worker's does.
      await setImmediate();
    }
  }
  return { cases, outcomes, peakRssBytes };
}

/** The same through worker threads, grouped as under load. */
export async function fuzzPool(cases: number, seed: number): Promise<FuzzReport> {
  const pool = await DecodePool.start({
    threads: 2,
    queueBytes: 256 * 1024 * 1024,
    limits: { ...defaultDecodeLimits, maxDecodedBodyBytes: limitBytes },
    telemetry: createTelemetry('silent'),
  });
  const outcomes: Record<string, number> = {};
  let peakRssBytes = 0;
  try {
    const decoder = new GroupingDecoder<PayloadResult>(pool, async (_, { batch, results, payloads }) => {
      assert.equal(payloads.length, results.length);
      checkBatch(
        batch,
        results.reduce((sum, result) => sum + (result.ok ? result.rows : 0), 0),
      );
      return [...results];
    });
    for (let done = 0; done < cases; done += 200) {
      const random = new Random(seed + done);
      const wave = Array.from({ length: Math.min(200, cases - done) }, () => {
        const signal = random.pick(signals);
        return decoder.submit(signal, payload(random, signal));
      });
      for (const result of await Promise.all(wave)) tally(outcomes, result);
      peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
    }
    assert.equal(pool.queuedBytes, 0);
  } finally {
    await pool.close();
  }
  return { cases, outcomes, peakRssBytes };
}

async function main(): Promise<void> {
  const { seed, cases, queries, only } = options(
    'npm run drill:fuzz',
    `Decodes damaged export requests in this thread, a tenth as many through worker threads, then asks mutated queries over the APIs.
Ends with an error, which names its seed, at the first promise that is broken.`,
    {
      seed: {
        value: Date.now() % 1_000_000_000,
        text: 'of the first request and the first query, drawn if not given',
      },
      cases: { value: 100_000, text: 'export requests' },
      queries: { value: 50_000, text: 'queries' },
      only: {
        value: fuzzLanguages.join(','),
        of: 'NAMES',
        among: fuzzLanguages,
        text: 'languages of the queries',
      },
    },
  );
  const names = fuzzLanguages.filter((name) => only.split(',').includes(name));
  console.log(`seed ${seed}`);
  const runs = [
    ['in process', fuzzDecoder, cases],
    ['through the pool', fuzzPool, Math.ceil(cases / 10)],
  ] as const;
  for (const [name, run, wanted] of runs) {
    if (wanted === 0) continue;
    const { outcomes, peakRssBytes } = await run(wanted, seed);
    console.log(
      `${wanted} cases ${name}: ${JSON.stringify(outcomes)}, peak RSS ${(peakRssBytes / 1e6).toFixed(0)} MB`,
    );
    assert.ok(peakRssBytes < 1024 * 1024 * 1024, 'memory is not bounded');
  }
  // Each with a lake of its own, whose rows are other ones.
  for (let asked = 0; asked < queries; asked += 5000) {
    const some = Math.min(5000, queries - asked);
    const { outcomes, peakRssBytes, slowestMs, slowest } = await fuzzQueries(some, seed + asked, names);
    console.log(
      `${asked + some} queries: ${JSON.stringify(outcomes)}, peak RSS ${(peakRssBytes / 1e6).toFixed(0)} MB, ` +
        `slowest ${slowestMs.toFixed(0)} ms: ${slowest.slice(0, 300)}`,
    );
    assert.ok(peakRssBytes < mostRssBytes, 'memory is not bounded');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
