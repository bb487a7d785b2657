import { isCustom, type Histogram } from '../../series/histograms/histogram.js';
import { spansOf, type Span } from '../../series/histograms/spans.js';
import { BitWriter, halves } from './bits.js';

/** A chunk as Prometheus stores samples (tsdb/docs/format/chunks.md there). Times are unix milliseconds. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  /** 1: XOR, 3: float histogram. */
  readonly encoding: 1 | 3;
  readonly data: Uint8Array;
}

/** As many as Prometheus puts into one. */
const samplesPerChunk = 120;

export function* floatChunks(times: readonly number[], values: readonly (number | null)[]): Generator<Chunk> {
  for (let from = 0; from < times.length; from += samplesPerChunk) {
    const to = Math.min(from + samplesPerChunk, times.length);
    yield {
      from: times[from] ?? 0,
      to: times[to - 1] ?? 0,
      encoding: 1,
      data: xor(times.slice(from, to), values.slice(from, to)),
    };
  }
}

/** The first time and value as they are, then deltas of deltas of times, and what changes in the bits of values. */
function xor(times: readonly number[], values: readonly (number | null)[]): Uint8Array {
  const out = new BitWriter();
  out.bits(times.length, 16);
  const value = new XorWriter(out);
  let before = 0;
  let lastDelta = 0;
  times.forEach((time, i) => {
    const delta = time - before;
    if (i === 0) out.zigzag(time);
    else if (i === 1) out.varint(delta);
    else change(out, delta - lastDelta);
    lastDelta = delta;
    before = time;
    value.write(values[i] ?? null);
  });
  return out.finish();
}

function change(out: BitWriter, by: number): void {
  if (by === 0) return out.bits(0, 1);
  const at = [14, 17, 20].findIndex((bits) => -(2 ** (bits - 1)) < by && by <= 2 ** (bits - 1));
  if (at < 0) {
    out.bits(0b1111, 4);
    out.whole(Math.floor(by / 2 ** 32), by);
    return;
  }
  out.bits(2 ** (at + 2) - 2, at + 2);
  out.bits(by, 14 + 3 * at);
}

/** The bits of the NaN with which Prometheus marks the end of a series. */
const staleMarker = [0x7ff0_0000, 2] as const;

class XorWriter {
  #high = 0;
  #low = 0;
  #first = true;
  /** The bits that the last change was in: how many are equal before and behind it. */
  #window: readonly [leading: number, trailing: number] | undefined;

  constructor(private readonly out: BitWriter) {}

  write(value: number | null): void {
    const [high, low] = value === null ? staleMarker : halves(value);
    if (this.#first) this.out.whole(high, low);
    else this.#difference((high ^ this.#high) >>> 0, (low ^ this.#low) >>> 0);
    [this.#high, this.#low, this.#first] = [high, low, false];
  }

  #difference(high: number, low: number): void {
    const { out } = this;
    if (high === 0 && low === 0) return out.bits(0, 1);
    out.bits(1, 1);
    const leading = Math.min(31, Math.clz32(high));
    const trailing = low === 0 ? 32 + lowestBit(high) : lowestBit(low);
    if (this.#window && leading >= this.#window[0] && trailing >= this.#window[1]) {
      out.bits(0, 1);
    } else {
      this.#window = [leading, trailing];
      out.bits(1, 1);
      out.bits(leading, 5);
      // 64 becomes 0, which would mean nothing else.
      out.bits(64 - leading - trailing, 6);
    }
    const [before, behind] = this.#window;
    const shift = Math.max(behind - 32, 0);
    out.bits(high >>> shift, 32 - before - shift);
    if (behind < 32) out.bits(low >>> behind, 32 - behind);
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** One sample a chunk: its layout is then its own, whatever buckets the next has. */
export function histogramChunk(time: number, histogram: Histogram): Chunk {
  const out = new BitWriter();
  const { schema, zeroThreshold, count, zeroCount, sum, positive, negative, bounds, gauge } = histogram;
  out.bits(1, 16);
  out.byte(gauge ? 0b1100_0000 : 0);
  if (zeroThreshold === 0) out.byte(0);
  else {
    out.byte(255);
    out.double(zeroThreshold);
  }
  out.small(schema);
  spans(out, spansOf(positive));
  spans(out, spansOf(negative));
  if (isCustom(histogram)) {
    out.smallUnsigned(bounds.length);
    for (const bound of bounds) {
      out.bits(0, 1);
      out.double(bound);
    }
  }
  out.small(time);
  for (const value of [count, zeroCount, sum, ...positive.counts, ...negative.counts]) out.double(value);
  return { from: time, to: time, encoding: 3, data: out.finish() };
}

function spans(out: BitWriter, all: readonly Span[]): void {
  out.smallUnsigned(all.length);
  for (const { offset, length } of all) {
    out.smallUnsigned(length);
    out.small(offset);
  }
}
