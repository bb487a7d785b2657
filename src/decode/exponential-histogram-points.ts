import type { PayloadContext } from './batch/context.js';
import type { ListBuilder } from './batch/columns.js';
import { DistributionPoints, pushCount, setCount } from './distribution-points.js';
import { truncated } from './wire/source.js';
import { BucketsTag, ExponentialHistogramDataPointTag } from './wire/tags.js';

/** ExponentialHistogramDataPoint messages into rows of `metric_exponential_histogram`. */
export class ExponentialHistogramPoints extends DistributionPoints {
  readonly #scale = this.table.int32('scale');
  readonly #zeroCount = this.table.int64('zero_count');
  readonly #zeroThreshold = this.table.double('zero_threshold');
  readonly #positiveOffset = this.table.int32('positive_offset');
  readonly #positiveCounts = this.table.list('positive_bucket_counts');
  readonly #negativeOffset = this.table.int32('negative_offset');
  readonly #negativeCounts = this.table.list('negative_bucket_counts');
  #offset = 0;

  constructor(context: PayloadContext) {
    super(context, 'metric_exponential_histogram');
  }

  protected read(pos: number, end: number): void {
    this.begin();
    const { source } = this.context.writer;
    const view = source.view;
    let zeroLo = 0;
    let zeroHi = 0;
    let threshold = 0;
    let scale = 0;
    let positiveOffset = 0;
    let negativeOffset = 0;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      switch (tag) {
        case ExponentialHistogramDataPointTag.attributes:
          pos = this.attribute(pos, end);
          break;
        case ExponentialHistogramDataPointTag.count:
          pos = this.readCount(pos);
          break;
        case ExponentialHistogramDataPointTag.sum:
          this.sumPos = pos;
          pos += 8;
          break;
        case ExponentialHistogramDataPointTag.scale:
          pos = source.varint(pos, end);
          scale = zigzag(source.lo);
          break;
        case ExponentialHistogramDataPointTag.zeroCount:
          zeroLo = view.getInt32(pos, true);
          zeroHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case ExponentialHistogramDataPointTag.positive:
          pos = this.#buckets(pos, end, positiveOffset, this.#positiveCounts);
          positiveOffset = this.#offset;
          break;
        case ExponentialHistogramDataPointTag.negative:
          pos = this.#buckets(pos, end, negativeOffset, this.#negativeCounts);
          negativeOffset = this.#offset;
          break;
        case ExponentialHistogramDataPointTag.flags:
          pos = this.readFlags(pos, end);
          break;
        case ExponentialHistogramDataPointTag.exemplars:
          pos = this.exemplar(pos, end);
          break;
        case ExponentialHistogramDataPointTag.min:
          this.minPos = pos;
          pos += 8;
          break;
        case ExponentialHistogramDataPointTag.max:
          this.maxPos = pos;
          pos += 8;
          break;
        case ExponentialHistogramDataPointTag.zeroThreshold:
          threshold = view.getFloat64(pos, true);
          pos += 8;
          break;
        default:
          pos = this.field(tag, pos, end);
      }
    }
    const row = this.commit(pos, end);
    if (row < 0) return;
    this.writeDistribution(row);
    this.#scale.values[row] = scale;
    setCount(this.#zeroCount, row, zeroLo, zeroHi);
    this.#zeroThreshold.set(row, threshold);
    this.#positiveOffset.values[row] = positiveOffset;
    this.#positiveCounts.end(row);
    this.#negativeOffset.values[row] = negativeOffset;
    this.#negativeCounts.end(row);
  }

  protected override abandon(): void {
    super.abandon();
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
        case BucketsTag.offset:
          pos = source.varint(pos, end);
          offset = zigzag(source.lo);
          break;
        case BucketsTag.bucketCounts:
          pos = source.varint(pos, end);
          this.list(1);
          pushCount(counts, source.lo, source.hi);
          break;
        case BucketsTag.packedBucketCounts: {
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

/** sint32 of a varint. */
function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
