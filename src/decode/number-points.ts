import { noRecordedValue, PointRecords } from './metric-points.js';
import type { PayloadContext } from './batch/context.js';
import { DataPointTag, NumberDataPointTag } from './wire/tags.js';

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
        case NumberDataPointTag.asDouble:
        case NumberDataPointTag.asInt:
          isInt = tag === NumberDataPointTag.asInt;
          valuePos = pos;
          pos += 8;
          break;
        case DataPointTag.timeUnixNano:
          this.timeLo = view.getInt32(pos, true);
          this.timeHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case DataPointTag.startTimeUnixNano:
          this.startLo = view.getInt32(pos, true);
          this.startHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case NumberDataPointTag.attributes:
          pos = this.attribute(pos, end);
          break;
        case NumberDataPointTag.exemplars:
          pos = this.exemplar(pos, end);
          break;
        case NumberDataPointTag.flags:
          pos = this.readFlags(pos, end);
          break;
        default:
          pos = this.field(tag, pos, end);
      }
    }
    const row = this.commit(pos, end);
    if (row < 0) return;
    const ended = (this.flags & noRecordedValue) !== 0;
    if (valuePos >= 0 || ended) this.context.points.samples++;
    if (valuePos < 0 || ended) return;
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
