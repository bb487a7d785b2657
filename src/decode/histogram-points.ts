import { PointRecords } from './metric-points.js';
import type { PayloadContext } from './batch/context.js';
import type { Int64Builder, ListBuilder } from './batch/columns.js';
import { truncated } from './wire/source.js';
import { buckets, exponentialHistogramDataPoint, histogramDataPoint, summaryDataPoint } from './wire/tags.js';

/** Counts are unsigned on the wire and signed in the lake: those beyond its range become its largest. */
function setCount(column: Int64Builder, row: number, lo: number, hi: number): void {
  if (hi < 0) column.set(row, -1, 0x7fff_ffff);
  else column.set(row, lo, hi);
}

function pushCount(list: ListBuilder, lo: number, hi: number): void {
  if (hi < 0) list.pushInt64(-1, 0x7fff_ffff);
  else list.pushInt64(lo, hi);
}

/** HistogramDataPoint messages into rows of `metric_histogram`. */
export class HistogramPoints extends PointRecords {
  readonly #count = this.table.int64('count');
  readonly #sum = this.table.double('sum');
  readonly #min = this.table.double('min');
  readonly #max = this.table.double('max');
  readonly #bucketCounts = this.table.list('bucket_counts');
  readonly #explicitBounds = this.table.list('explicit_bounds');

  constructor(context: PayloadContext) {
    super(context, 'metric_histogram', ['sum', 'min', 'max']);
  }

  protected read(pos: number, end: number): void {
    this.begin();
    const { source } = this.context.writer;
    const view = source.view;
    let countLo = 0;
    let countHi = 0;
    let sumPos = -1;
    let minPos = -1;
    let maxPos = -1;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      switch (tag) {
        case histogramDataPoint.count:
          countLo = view.getInt32(pos, true);
          countHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case histogramDataPoint.sum:
          sumPos = pos;
          pos += 8;
          break;
        case histogramDataPoint.bucketCounts:
        case histogramDataPoint.packedBucketCounts:
          pos = this.#readFixed(pos, end, tag === histogramDataPoint.packedBucketCounts, this.#bucketCounts);
          break;
        case histogramDataPoint.explicitBounds:
        case histogramDataPoint.packedExplicitBounds:
          pos = this.#readFixed(
            pos,
            end,
            tag === histogramDataPoint.packedExplicitBounds,
            this.#explicitBounds,
          );
          break;
        case histogramDataPoint.exemplars:
          pos = this.exemplar(pos, end);
          break;
        case histogramDataPoint.attributes:
          pos = this.attribute(pos, end);
          break;
        case histogramDataPoint.flags:
          pos = source.varint(pos, end);
          this.flags = source.lo;
          break;
        case histogramDataPoint.min:
          minPos = pos;
          pos += 8;
          break;
        case histogramDataPoint.max:
          maxPos = pos;
          pos += 8;
          break;
        default: {
          const next = this.readTime(tag, pos);
          pos = next >= 0 ? next : source.skip(pos, end, tag);
        }
      }
    }
    if (pos !== end) throw truncated(pos);
    const row = this.commit();
    if (row < 0) return;
    setCount(this.#count, row, countLo, countHi);
    if (sumPos >= 0) this.#sum.set(row, view.getFloat64(sumPos, true));
    if (minPos >= 0) this.#min.set(row, view.getFloat64(minPos, true));
    if (maxPos >= 0) this.#max.set(row, view.getFloat64(maxPos, true));
    this.#bucketCounts.end(row);
    this.#explicitBounds.end(row);
  }

  protected override abandon(): void {
    this.#bucketCounts.abandon(this.table.rows);
    this.#explicitBounds.abandon(this.table.rows);
  }

  /** A repeated fixed64 or double field; packed or a single element. Returns where it ends. */
  #readFixed(pos: number, end: number, packed: boolean, list: ListBuilder): number {
    const { source } = this.context.writer;
    let to = pos + 8;
    if (packed) {
      pos = source.open(pos, end);
      to = source.to;
      if ((to - pos) % 8 !== 0) throw truncated(to);
    } else if (to > end) {
      throw truncated(pos);
    }
    const count = (to - pos) / 8;
    this.list(count);
    list.reserve(count);
    const view = source.view;
    for (; pos < to; pos += 8) {
      if (list.element === 'DOUBLE') list.pushDouble(view.getFloat64(pos, true));
      else pushCount(list, view.getInt32(pos, true), view.getInt32(pos + 4, true));
    }
    return to;
  }
}

/** ExponentialHistogramDataPoint messages into rows of `metric_exponential_histogram`. */
export class ExponentialHistogramPoints extends PointRecords {
  readonly #count = this.table.int64('count');
  readonly #sum = this.table.double('sum');
  readonly #min = this.table.double('min');
  readonly #max = this.table.double('max');
  readonly #scale = this.table.int32('scale');
  readonly #zeroCount = this.table.int64('zero_count');
  readonly #zeroThreshold = this.table.double('zero_threshold');
  readonly #positiveOffset = this.table.int32('positive_offset');
  readonly #positiveCounts = this.table.list('positive_bucket_counts');
  readonly #negativeOffset = this.table.int32('negative_offset');
  readonly #negativeCounts = this.table.list('negative_bucket_counts');
  #offset = 0;

  constructor(context: PayloadContext) {
    super(context, 'metric_exponential_histogram', ['sum', 'min', 'max']);
  }

  protected read(pos: number, end: number): void {
    this.begin();
    const { source } = this.context.writer;
    const view = source.view;
    let countLo = 0;
    let countHi = 0;
    let zeroLo = 0;
    let zeroHi = 0;
    let sumPos = -1;
    let minPos = -1;
    let maxPos = -1;
    let threshold = 0;
    let scale = 0;
    let positiveOffset = 0;
    let negativeOffset = 0;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      switch (tag) {
        case exponentialHistogramDataPoint.attributes:
          pos = this.attribute(pos, end);
          break;
        case exponentialHistogramDataPoint.count:
          countLo = view.getInt32(pos, true);
          countHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case exponentialHistogramDataPoint.sum:
          sumPos = pos;
          pos += 8;
          break;
        case exponentialHistogramDataPoint.scale:
          pos = source.varint(pos, end);
          scale = zigzag(source.lo);
          break;
        case exponentialHistogramDataPoint.zeroCount:
          zeroLo = view.getInt32(pos, true);
          zeroHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case exponentialHistogramDataPoint.positive:
          pos = this.#buckets(pos, end, positiveOffset, this.#positiveCounts);
          positiveOffset = this.#offset;
          break;
        case exponentialHistogramDataPoint.negative:
          pos = this.#buckets(pos, end, negativeOffset, this.#negativeCounts);
          negativeOffset = this.#offset;
          break;
        case exponentialHistogramDataPoint.flags:
          pos = source.varint(pos, end);
          this.flags = source.lo;
          break;
        case exponentialHistogramDataPoint.exemplars:
          pos = this.exemplar(pos, end);
          break;
        case exponentialHistogramDataPoint.min:
          minPos = pos;
          pos += 8;
          break;
        case exponentialHistogramDataPoint.max:
          maxPos = pos;
          pos += 8;
          break;
        case exponentialHistogramDataPoint.zeroThreshold:
          threshold = view.getFloat64(pos, true);
          pos += 8;
          break;
        default: {
          const next = this.readTime(tag, pos);
          pos = next >= 0 ? next : source.skip(pos, end, tag);
        }
      }
    }
    if (pos !== end) throw truncated(pos);
    const row = this.commit();
    if (row < 0) return;
    setCount(this.#count, row, countLo, countHi);
    if (sumPos >= 0) this.#sum.set(row, view.getFloat64(sumPos, true));
    if (minPos >= 0) this.#min.set(row, view.getFloat64(minPos, true));
    if (maxPos >= 0) this.#max.set(row, view.getFloat64(maxPos, true));
    this.#scale.values[row] = scale;
    setCount(this.#zeroCount, row, zeroLo, zeroHi);
    this.#zeroThreshold.set(row, threshold);
    this.#positiveOffset.values[row] = positiveOffset;
    this.#positiveCounts.end(row);
    this.#negativeOffset.values[row] = negativeOffset;
    this.#negativeCounts.end(row);
  }

  protected override abandon(): void {
    this.#positiveCounts.abandon(this.table.rows);
    this.#negativeCounts.abandon(this.table.rows);
  }

  #buckets(pos: number, outerEnd: number, offset: number, counts: ListBuilder): number {
    const { source } = this.context.writer;
    pos = source.open(pos, outerEnd);
    const end = source.to;
    while (pos < end) {
      pos = source.tag(pos, end);
      switch (source.lo) {
        case buckets.offset:
          pos = source.varint(pos, end);
          offset = zigzag(source.lo);
          break;
        case buckets.bucketCounts:
          pos = source.varint(pos, end);
          this.list(1);
          pushCount(counts, source.lo, source.hi);
          break;
        case buckets.packedBucketCounts: {
          pos = source.open(pos, end);
          const to = source.to;
          while (pos < to) {
            pos = source.varint(pos, to);
            this.list(1);
            pushCount(counts, source.lo, source.hi);
          }
          break;
        }
        default:
          pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
    this.#offset = offset;
    return end;
  }
}

/** SummaryDataPoint messages into rows of `metric_summary`. */
export class SummaryPoints extends PointRecords {
  readonly #count = this.table.int64('count');
  readonly #sum = this.table.double('sum');
  readonly #quantiles = this.table.list('quantiles');
  readonly #quantileValues = this.table.list('quantile_values');

  constructor(context: PayloadContext) {
    super(context, 'metric_summary', []);
  }

  protected read(pos: number, end: number): void {
    this.begin();
    const { source } = this.context.writer;
    const view = source.view;
    let countLo = 0;
    let countHi = 0;
    let sum = 0;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      switch (tag) {
        case summaryDataPoint.count:
          countLo = view.getInt32(pos, true);
          countHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case summaryDataPoint.sum:
          sum = view.getFloat64(pos, true);
          pos += 8;
          break;
        case summaryDataPoint.quantileValues: {
          pos = source.open(pos, end);
          const to = source.to;
          this.#quantile(pos, to);
          pos = to;
          break;
        }
        case summaryDataPoint.attributes:
          pos = this.attribute(pos, end);
          break;
        case summaryDataPoint.flags:
          pos = source.varint(pos, end);
          this.flags = source.lo;
          break;
        default: {
          const next = this.readTime(tag, pos);
          pos = next >= 0 ? next : source.skip(pos, end, tag);
        }
      }
    }
    if (pos !== end) throw truncated(pos);
    const row = this.commit();
    if (row < 0) return;
    setCount(this.#count, row, countLo, countHi);
    this.#sum.set(row, sum);
    this.#quantiles.end(row);
    this.#quantileValues.end(row);
  }

  protected override abandon(): void {
    this.#quantiles.abandon(this.table.rows);
    this.#quantileValues.abandon(this.table.rows);
  }

  #quantile(pos: number, end: number): void {
    const { source } = this.context.writer;
    const view = source.view;
    let quantile = 0;
    let value = 0;
    while (pos < end) {
      pos = source.tag(pos, end);
      if (source.lo === 0x09) {
        quantile = view.getFloat64(pos, true);
        pos += 8;
      } else if (source.lo === 0x11) {
        value = view.getFloat64(pos, true);
        pos += 8;
      } else {
        pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
    this.list(1);
    this.#quantiles.pushDouble(quantile);
    this.#quantileValues.pushDouble(value);
  }
}

/** sint32 of a varint. */
function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
