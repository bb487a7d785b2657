import type { PayloadContext } from './batch/context.js';
import type { ListBuilder } from './batch/columns.js';
import { DistributionPoints, pushCount } from './distribution-points.js';
import { truncated } from './wire/source.js';
import { HistogramDataPointTag } from './wire/tags.js';

/** HistogramDataPoint messages into rows of `metric_histogram`. */
export class HistogramPoints extends DistributionPoints {
  readonly #bucketCounts = this.table.list('bucket_counts');
  readonly #explicitBounds = this.table.list('explicit_bounds');

  constructor(context: PayloadContext) {
    super(context, 'metric_histogram');
  }

  protected read(pos: number, end: number): void {
    this.begin();
    const { source } = this.context.writer;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      switch (tag) {
        case HistogramDataPointTag.count:
          pos = this.readCount(pos);
          break;
        case HistogramDataPointTag.sum:
          this.sumPos = pos;
          pos += 8;
          break;
        case HistogramDataPointTag.bucketCounts:
        case HistogramDataPointTag.packedBucketCounts:
          pos = this.#readFixed(
            pos,
            end,
            tag === HistogramDataPointTag.packedBucketCounts,
            this.#bucketCounts,
          );
          break;
        case HistogramDataPointTag.explicitBounds:
        case HistogramDataPointTag.packedExplicitBounds:
          pos = this.#readFixed(
            pos,
            end,
            tag === HistogramDataPointTag.packedExplicitBounds,
            this.#explicitBounds,
          );
          break;
        case HistogramDataPointTag.exemplars:
          pos = this.exemplar(pos, end);
          break;
        case HistogramDataPointTag.attributes:
          pos = this.attribute(pos, end);
          break;
        case HistogramDataPointTag.flags:
          pos = this.readFlags(pos, end);
          break;
        case HistogramDataPointTag.min:
          this.minPos = pos;
          pos += 8;
          break;
        case HistogramDataPointTag.max:
          this.maxPos = pos;
          pos += 8;
          break;
        default:
          pos = this.field(tag, pos, end);
      }
    }
    const row = this.commit(pos, end);
    if (row < 0) return;
    this.writeDistribution(row);
    this.#bucketCounts.end(row);
    this.#explicitBounds.end(row);
  }

  protected override abandon(): void {
    super.abandon();
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
