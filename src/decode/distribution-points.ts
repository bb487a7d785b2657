import type { PayloadContext } from './batch/context.js';
import type { Int64Builder, ListBuilder } from './batch/columns.js';
import { PointRecords } from './metric-points.js';
import { truncated } from './wire/source.js';
import { floatCountsField } from './wire/tags.js';

const floatCountsTag = (floatCountsField << 3) | 2;

/** What the data points of both kinds of histograms have alike: count, sum, least and greatest value. */
export abstract class DistributionPoints extends PointRecords {
  readonly #count = this.table.int64('count');
  readonly #sum = this.table.double('sum');
  readonly #min = this.table.double('min');
  readonly #max = this.table.double('max');
  readonly #floatCounts = this.table.list('float_counts');
  #countLo = 0;
  #countHi = 0;
  /** Where the values lie, -1 when absent. */
  protected sumPos = -1;
  protected minPos = -1;
  protected maxPos = -1;

  constructor(context: PayloadContext, name: 'metric_histogram' | 'metric_exponential_histogram') {
    super(context, name, ['sum', 'min', 'max']);
  }

  protected override begin(): void {
    super.begin();
    this.#countLo = this.#countHi = 0;
    this.sumPos = this.minPos = this.maxPos = -1;
  }

  protected readCount(pos: number): number {
    const { view } = this.context.writer.source;
    this.#countLo = view.getInt32(pos, true);
    this.#countHi = view.getInt32(pos + 4, true);
    return pos + 8;
  }

  protected override field(tag: number, pos: number, end: number): number {
    if (tag !== floatCountsTag || !this.context.prometheusNames) return super.field(tag, pos, end);
    const { source } = this.context.writer;
    pos = source.open(pos, end);
    const { to, view } = source;
    if ((to - pos) % 8 !== 0) throw truncated(to);
    // Their rounded counts were budgeted.
    this.listed += (to - pos) / 8;
    for (; pos < to; pos += 8) this.#floatCounts.pushDouble(view.getFloat64(pos, true));
    return to;
  }

  protected override abandon(): void {
    this.#floatCounts.abandon(this.table.rows);
  }

  protected writeDistribution(row: number): void {
    const { view } = this.context.writer.source;
    this.context.points.histograms++;
    this.#floatCounts.end(row);
    setCount(this.#count, row, this.#countLo, this.#countHi);
    if (this.sumPos >= 0) this.#sum.set(row, view.getFloat64(this.sumPos, true));
    if (this.minPos >= 0) this.#min.set(row, view.getFloat64(this.minPos, true));
    if (this.maxPos >= 0) this.#max.set(row, view.getFloat64(this.maxPos, true));
  }
}

/** Counts are unsigned on the wire and signed in the lake: those beyond its range become its largest. */
export function setCount(column: Int64Builder, row: number, lo: number, hi: number): void {
  if (hi < 0) column.set(row, -1, 0x7fff_ffff);
  else column.set(row, lo, hi);
}

/** As `setCount`, for one of a list. */
export function pushCount(list: ListBuilder, lo: number, hi: number): void {
  if (hi < 0) list.pushInt64(-1, 0x7fff_ffff);
  else list.pushInt64(lo, hi);
}
