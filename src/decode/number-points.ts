import { noRecordedValue, PointRecords } from './metric-points.js';
import type { PayloadContext } from './batch/context.js';
import { truncated } from './wire/source.js';
import { numberDataPoint } from './wire/tags.js';

/** NumberDataPoint messages into rows of `metric_gauge` or `metric_sum`. */
export class NumberPoints extends PointRecords {
  readonly #value = this.table.double('value');
  readonly #valueInt = this.table.int64('value_int');

  constructor(context: PayloadContext, name: 'metric_gauge' | 'metric_sum') {
    super(context, name, ['value', 'value_int']);
  }

  protected read(pos: number, end: number): void {
    this.begin();
    const { source } = this.context.writer;
    const view = source.view;
    let valuePos = -1;
    let isInt = false;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      switch (tag) {
        case numberDataPoint.asDouble:
        case numberDataPoint.asInt:
          isInt = tag === numberDataPoint.asInt;
          valuePos = pos;
          pos += 8;
          break;
        case numberDataPoint.attributes:
          pos = this.attribute(pos, end);
          break;
        case numberDataPoint.exemplars:
          pos = this.exemplar(pos, end);
          break;
        case numberDataPoint.flags:
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
    if (row < 0 || valuePos < 0 || (this.flags & noRecordedValue) !== 0) return;
    if (isInt) {
      const lo = view.getInt32(valuePos, true);
      const hi = view.getInt32(valuePos + 4, true);
      this.#valueInt.set(row, lo, hi);
      this.#valueInt.mark(row);
      this.#value.set(row, hi * 4294967296 + (lo >>> 0));
    } else {
      this.#value.set(row, view.getFloat64(valuePos, true));
    }
  }
}
