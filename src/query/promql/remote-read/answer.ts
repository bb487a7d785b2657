import { crc32c } from '@node-rs/crc32';
import type { Histogram } from '../../series/histograms/histogram.js';
import type { Buckets } from '../../series/histograms/buckets.js';
import { spansOf } from '../../series/histograms/spans.js';
import type { Labels } from '../../series/labels.js';
import { ProtobufWriter } from '../../server/protobuf-writer.js';
import { floatChunks, histogramChunk, type Chunk } from './chunks.js';

/** One series' samples in time order. Times are unix milliseconds. */
export interface ReadSeries {
  readonly labels: Labels;
  readonly times: readonly number[];
  /** Null: the series ended. */
  readonly values: readonly (number | null)[];
  readonly histograms: readonly (readonly [ms: number, histogram: Histogram])[];
}

/** The NaN with which Prometheus marks the end of a series; a number of JavaScript need not keep its bits. */
const staleMarker = 0x7ff0_0000_0000_0002n;

/** A whole prometheus.ReadResponse: of each query its series. */
export function samplesAnswer(results: readonly (readonly ReadSeries[])[]): Uint8Array {
  const out = new ProtobufWriter();
  for (const all of results) out.message(1, () => all.forEach((series) => timeSeries(out, series)));
  return out.finish();
}

function timeSeries(out: ProtobufWriter, { labels, times, values, histograms }: ReadSeries): void {
  out.message(1, () => {
    writeLabels(out, labels);
    times.forEach((time, i) =>
      out.message(2, () => {
        const value = values[i] ?? null;
        if (value === null) out.fixed64(1, staleMarker);
        else out.double(1, value);
        out.int64(2, BigInt(time));
      }),
    );
    for (const [time, histogram] of histograms) out.message(4, () => writeHistogram(out, time, histogram));
  });
}

function writeLabels(out: ProtobufWriter, labels: Labels): void {
  for (const [name, value] of labels.entries()) {
    out.message(1, () => {
      out.string(1, name);
      out.string(2, value);
    });
  }
}

/** prometheus.Histogram; one whose counts are whole is told as such, as Prometheus stores those of OpenTelemetry. */
function writeHistogram(out: ProtobufWriter, time: number, histogram: Histogram): void {
  const { count, sum, schema, zeroThreshold, zeroCount, positive, negative, bounds, gauge } = histogram;
  const whole = [count, zeroCount, ...positive.counts, ...negative.counts].every(
    (value) => Number.isSafeInteger(value) && value >= 0,
  );
  if (whole) out.int64(1, BigInt(count));
  else out.double(2, count);
  out.double(3, sum);
  out.sint(4, schema);
  out.double(5, zeroThreshold);
  if (whole) out.int64(6, BigInt(zeroCount));
  else out.double(7, zeroCount);
  side(out, 8, negative, whole);
  side(out, 11, positive, whole);
  if (gauge) out.uint(14, 3);
  out.int64(15, BigInt(time));
  for (const bound of bounds) out.double(16, bound);
}

/** Spans in `field`; behind it the differences from count to count, or the counts themselves. */
function side(out: ProtobufWriter, field: 8 | 11, buckets: Buckets, whole: boolean): void {
  for (const { offset, length } of spansOf(buckets)) {
    out.message(field, () => {
      out.sint(1, offset);
      out.uint(2, length);
    });
  }
  let before = 0;
  for (const count of buckets.counts) {
    if (whole) out.sint(field + 1, count - before);
    else out.double(field + 2, count);
    before = count;
  }
}

/** About as long as Prometheus makes them. */
const frameBytes = 1024 * 1024;

/** Frames of prometheus.ChunkedReadResponse, of one series each: length, CRC-32C, message. */
export function* chunkFrames(query: number, series: ReadSeries): Generator<Uint8Array> {
  let chunks: Chunk[] = [];
  let bytes = 0;
  for (const chunk of chunksOf(series)) {
    chunks.push(chunk);
    bytes += chunk.data.length;
    if (bytes < frameBytes) continue;
    yield frame(query, series.labels, chunks);
    [chunks, bytes] = [[], 0];
  }
  if (chunks.length > 0) yield frame(query, series.labels, chunks);
}

function* chunksOf({ times, values, histograms }: ReadSeries): Generator<Chunk> {
  yield* floatChunks(times, values);
  for (const [time, histogram] of histograms) yield histogramChunk(time, histogram);
}

function frame(query: number, labels: Labels, chunks: readonly Chunk[]): Uint8Array {
  const out = new ProtobufWriter();
  out.message(1, () => {
    writeLabels(out, labels);
    for (const { from, to, encoding, data } of chunks) {
      out.message(2, () => {
        out.int64(1, BigInt(from));
        out.int64(2, BigInt(to));
        out.uint(3, encoding);
        out.bytes(4, data);
      });
    }
  });
  out.uint(2, query);
  const message = out.finish();
  const head: number[] = [];
  for (let rest = message.length; ; rest >>>= 7) {
    head.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) break;
  }
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(message));
  return Buffer.concat([Uint8Array.from(head), checksum, message]);
}
