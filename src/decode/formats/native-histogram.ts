import { truncated, type Source } from '../wire/source.js';
import { isStale } from './prometheus-stale.js';

const customSchema = -53;
const [least, most] = [-4, 8];
/** ResetHint GAUGE. */
const gaugeHint = 3;

export function isCustom(schema: number): boolean {
  return schema === customSchema;
}

interface Spans {
  readonly offsets: number[];
  readonly lengths: number[];
  /** Of integers, each the difference to the one before. */
  readonly deltas: number[];
  readonly counts: number[];
}

export interface DenseBuckets {
  /** As OTLP has them: bucket i ends at base^(i + 1), and at base^i in Prometheus. */
  readonly positiveOffset: number;
  readonly negativeOffset: number;
  readonly positive: readonly number[];
  readonly negative: readonly number[];
}

const emptySpans = (): Spans => ({ offsets: [], lengths: [], deltas: [], counts: [] });

/** A native histogram of Prometheus, of whole counts or of any. */
export class NativeHistogram {
  count = 0;
  sum = 0;
  schema = 0;
  zeroThreshold = 0;
  zeroCount = 0;
  ms = 0;
  startMs = 0;
  stale = false;
  /** Whether it is told to be no counter. */
  gauge = false;
  readonly customValues: number[] = [];
  readonly #positive = emptySpans();
  readonly #negative = emptySpans();

  /** Of prometheus.Histogram and io.prometheus.write.v2.Histogram, which are alike; at most `mostElements` values. */
  static read(source: Source, pos: number, end: number, mostElements: number): NativeHistogram {
    const out = new NativeHistogram();
    const { view } = source;
    let elements = 0;
    const list = (at: number, type: number, push: (pos: number, to: number) => number): number => {
      if (type !== 2) return push(at, end);
      let from = source.open(at, end);
      const { to } = source;
      while (from < to && elements++ <= mostElements) from = push(from, to);
      return to;
    };
    const doubles = (into: number[]) => (at: number, to: number) => {
      if (at + 8 > to) throw truncated(at);
      into.push(view.getFloat64(at, true));
      return at + 8;
    };
    const signed = (into: number[]) => (at: number, to: number) => {
      const next = source.varint(at, to);
      into.push(zigzag64(source));
      return next;
    };
    while (pos < end) {
      pos = source.tag(pos, end);
      const [field, type] = [source.lo >>> 3, source.lo & 7];
      const tag = source.lo;
      switch (field) {
        case 1:
          pos = source.varint(pos, end);
          out.count = unsigned(source);
          break;
        case 2:
          out.count = view.getFloat64(pos, true);
          pos += 8;
          break;
        case 3:
          out.stale = isStale(view.getUint32(pos, true), view.getUint32(pos + 4, true));
          out.sum = view.getFloat64(pos, true);
          pos += 8;
          break;
        case 4:
          pos = source.varint(pos, end);
          out.schema = (source.lo >>> 1) ^ -(source.lo & 1);
          break;
        case 5:
          out.zeroThreshold = view.getFloat64(pos, true);
          pos += 8;
          break;
        case 6:
          pos = source.varint(pos, end);
          out.zeroCount = unsigned(source);
          break;
        case 7:
          out.zeroCount = view.getFloat64(pos, true);
          pos += 8;
          break;
        case 8:
        case 11: {
          const from = source.open(pos, end);
          pos = source.to;
          if (elements++ <= mostElements)
            readSpan(source, from, pos, field === 8 ? out.#negative : out.#positive);
          break;
        }
        case 9:
        case 12:
          pos = list(pos, type, signed(field === 9 ? out.#negative.deltas : out.#positive.deltas));
          break;
        case 10:
        case 13:
          pos = list(pos, type, doubles(field === 10 ? out.#negative.counts : out.#positive.counts));
          break;
        case 14:
          pos = source.varint(pos, end);
          out.gauge = source.lo === gaugeHint;
          break;
        case 15:
          pos = source.varint(pos, end);
          out.ms = signed64(source);
          break;
        case 16:
          pos = list(pos, type, doubles(out.customValues));
          break;
        case 17:
          pos = source.varint(pos, end);
          out.startMs = signed64(source);
          break;
        default:
          pos = source.skip(pos, end, tag);
      }
    }
    if (pos !== end) throw truncated(pos);
    return out;
  }

  /** All buckets from the first to the last; a sentence when they can't be had. */
  dense(mostElements: number): DenseBuckets | string {
    const { schema } = this;
    if (!isCustom(schema) && (schema < least || schema > most)) {
      return `malformed: a histogram of schema ${schema}; those from ${least} to ${most} and ${customSchema} are known`;
    }
    if (this.count < 0 || this.zeroCount < 0) return 'malformed: a histogram has a negative count';
    const positive = unfolded(this.#positive, mostElements);
    const negative = unfolded(this.#negative, mostElements);
    if (typeof positive === 'string') return positive;
    if (typeof negative === 'string') return negative;
    if (Math.min(positive.first, negative.first) <= -(2 ** 31)) {
      return 'malformed: a histogram has a bucket below all that are counted';
    }
    if (isCustom(schema)) {
      const wrong = this.customValues.findIndex((bound, i, all) => !(bound > (all[i - 1] ?? -Infinity)));
      if (wrong >= 0 || this.customValues.at(-1) === Infinity) {
        return 'malformed: the custom bounds of a histogram must rise, without +Inf';
      }
      const counts = new Array<number>(this.customValues.length + 1).fill(0);
      if (positive.first < 0 || positive.first + positive.counts.length > counts.length) {
        return 'malformed: a histogram has buckets beyond its custom bounds';
      }
      for (const [i, count] of positive.counts.entries()) counts[positive.first + i] = count;
      return { positiveOffset: 0, negativeOffset: 0, positive: counts, negative: [] };
    }
    return {
      positiveOffset: positive.first - 1,
      negativeOffset: negative.first - 1,
      positive: positive.counts,
      negative: negative.counts,
    };
  }
}

function readSpan(source: Source, pos: number, end: number, into: Spans): void {
  let offset = 0;
  let length = 0;
  while (pos < end) {
    pos = source.tag(pos, end);
    if (source.lo === 8) {
      pos = source.varint(pos, end);
      offset = (source.lo >>> 1) ^ -(source.lo & 1);
    } else if (source.lo === 16) {
      pos = source.varint(pos, end);
      length = source.lo >>> 0;
    } else pos = source.skip(pos, end, source.lo);
  }
  if (pos !== end) throw truncated(pos);
  into.offsets.push(offset);
  into.lengths.push(length);
}

function unfolded(
  { offsets, lengths, deltas, counts }: Spans,
  mostElements: number,
): { first: number; counts: number[] } | string {
  const first = offsets[0] ?? 0;
  if (offsets.some((offset, i) => i > 0 && offset < 0))
    return 'malformed: the buckets of a histogram overlap';
  const size = lengths.reduce((sum, length, i) => sum + length + (i > 0 ? (offsets[i] ?? 0) : 0), 0);
  const given = Math.max(deltas.length, counts.length);
  if (size > mostElements || given > mostElements || offsets.length > mostElements) {
    return `too large: a histogram has more than ${mostElements} buckets (CANARDSTACK_MAX_RECORD_ELEMENTS)`;
  }
  const out: number[] = [];
  let taken = 0;
  let running = 0;
  for (const [i, length] of lengths.entries()) {
    const gap = i > 0 ? (offsets[i] ?? 0) : 0;
    for (let g = 0; g < gap; g++) out.push(0);
    for (let b = 0; b < length; b++) {
      if (taken >= given) return 'malformed: a histogram has fewer bucket counts than its spans say';
      if (counts.length > 0) running = counts[taken] ?? 0;
      else running += deltas[taken] ?? 0;
      taken++;
      if (running < 0) return 'malformed: a histogram has a negative bucket count';
      out.push(running);
    }
  }
  if (taken < given) return 'malformed: a histogram has more bucket counts than its spans say';
  return { first, counts: out };
}

/** The nearest count that the lake's whole numbers hold. */
export function whole(value: number): number {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER
    ? Math.round(value)
    : value > 0
      ? Number.MAX_SAFE_INTEGER
      : 0;
}

function unsigned(source: Source): number {
  return Math.min((source.hi >>> 0) * 2 ** 32 + (source.lo >>> 0), Number.MAX_SAFE_INTEGER);
}

function zigzag64(source: Source): number {
  const value = unsigned(source);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** An int64 as the nearest number. */
export function signed64(source: Source): number {
  return source.hi * 2 ** 32 + (source.lo >>> 0);
}
