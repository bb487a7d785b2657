import type { PayloadContext } from './batch/context.js';
import { setCount } from './distribution-points.js';
import { PointRecords } from './metric-points.js';
import { truncated } from './wire/source.js';
import { SummaryDataPointTag, ValueAtQuantileTag } from './wire/tags.js';

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
        case SummaryDataPointTag.count:
          countLo = view.getInt32(pos, true);
          countHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case SummaryDataPointTag.sum:
          sum = view.getFloat64(pos, true);
          pos += 8;
          break;
        case SummaryDataPointTag.quantileValues: {
          pos = source.open(pos, end);
          const to = source.to;
          this.#quantile(pos, to);
          pos = to;
          break;
        }
        case SummaryDataPointTag.attributes:
          pos = this.attribute(pos, end);
          break;
        case SummaryDataPointTag.flags:
          pos = this.readFlags(pos, end);
          break;
        default:
          pos = this.field(tag, pos, end);
      }
    }
    const row = this.commit(pos, end);
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
      if (source.lo === ValueAtQuantileTag.quantile) {
        quantile = view.getFloat64(pos, true);
        pos += 8;
      } else if (source.lo === ValueAtQuantileTag.value) {
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
