import type { TableName } from '../schema/index.js';
import type { PayloadContext } from './batch/context.js';
import { ResourceScopeColumns } from './batch/resource-scope.js';
import { TableBuilder } from './batch/table.js';
import { writeMillionth, writeThousandth } from './batch/time.js';
import { NestedText } from './wire/nested.js';
import { Slices } from './wire/slices.js';
import { truncated } from './wire/source.js';
import { DataPointTag } from './wire/tags.js';

/** DataPointFlags.NO_RECORDED_VALUE_MASK. */
export const noRecordedValue = 1;

/**
 * What the data points of all metric types share (opentelemetry-proto metrics/v1): reading fills the fields of
 * this class, `commit` writes them as a row.
 */
export abstract class PointRecords {
  readonly table: TableBuilder;
  readonly resourceScope: ResourceScopeColumns;
  readonly #timestamp;
  readonly #time;
  readonly #startTimestamp;
  readonly #startTime;
  readonly #attributes;
  readonly #flags;
  readonly #exemplars;
  readonly #nested: NestedText;
  readonly exemplarSlices = new Slices();
  protected timeLo = 0;
  protected timeHi = 0;
  protected startLo = 0;
  protected startHi = 0;
  protected flags = 0;
  protected text = 0;
  /** Values in the point's list columns. */
  protected listed = 0;

  constructor(
    protected readonly context: PayloadContext,
    name: TableName,
    optional: readonly string[],
  ) {
    this.table = new TableBuilder(name, ['start_timestamp', 'start_time_unix_nano', ...optional]);
    this.resourceScope = new ResourceScopeColumns(this.table);
    this.#timestamp = this.table.int64('timestamp');
    this.#time = this.table.int64('time_unix_nano');
    this.#startTimestamp = this.table.int64('start_timestamp');
    this.#startTime = this.table.int64('start_time_unix_nano');
    this.#attributes = this.table.string('metric_attributes');
    this.#flags = this.table.int64('flags');
    this.#exemplars = this.table.string('exemplars_json');
    this.#nested = new NestedText(context);
  }

  /** One data point message; adds a row or a rejection. */
  point(pos: number, end: number): void {
    const { context, table } = this;
    const { arena } = context.writer;
    const row = table.rows;
    this.text = context.beginRecord();
    try {
      this.read(pos, end);
    } catch (error) {
      context.rejectOverLimit(error);
      arena.length = this.text;
    }
    if (table.rows > row) context.budget.charge(arena.length - this.text + table.rowBytes + this.listed * 8);
    else this.abandon();
  }

  protected abstract read(pos: number, end: number): void;

  /** Drops what the lists hold of a point that is not kept. */
  protected abandon(): void {}

  protected begin(): void {
    this.table.reserve(1);
    this.listed = 0;
    this.timeLo = this.timeHi = this.startLo = this.startHi = this.flags = 0;
    this.exemplarSlices.length = 0;
  }

  /** Counts values that go into a list column. */
  protected list(count: number): void {
    this.context.budget.elements(count);
    this.listed += count;
  }

  /** Reads a field that all points have alike, or skips it; `tag` was just read. Gives where it ends. */
  protected field(tag: number, pos: number, end: number): number {
    const { source } = this.context.writer;
    const { view } = source;
    switch (tag) {
      case DataPointTag.timeUnixNano:
        this.timeLo = view.getInt32(pos, true);
        this.timeHi = view.getInt32(pos + 4, true);
        return pos + 8;
      case DataPointTag.startTimeUnixNano:
        this.startLo = view.getInt32(pos, true);
        this.startHi = view.getInt32(pos + 4, true);
        return pos + 8;
      default:
        return source.skip(pos, end, tag);
    }
  }

  protected readFlags(pos: number, end: number): number {
    const { source } = this.context.writer;
    const to = source.varint(pos, end);
    this.flags = source.lo;
    return to;
  }

  protected attribute(pos: number, end: number): number {
    const { source } = this.context.writer;
    const start = source.open(pos, end);
    const to = source.to;
    this.context.attributes.member(start, to, 0);
    return to;
  }

  protected exemplar(pos: number, end: number): number {
    const { source } = this.context.writer;
    const start = source.open(pos, end);
    this.context.budget.element();
    this.exemplarSlices.add(start, source.to);
    return source.to;
  }

  /**
   * The row to write the point's own columns to, or -1 when it is rejected; `pos` is where reading ended, which must be the
   * message's end.
   */
  protected commit(pos: number, end: number): number {
    if (pos !== end) throw truncated(pos);
    const { writer, attributes } = this.context;
    const { arena } = writer;
    if ((this.timeLo | this.timeHi) === 0) {
      this.timeLo = this.context.receivedLo;
      this.timeHi = this.context.receivedHi;
    }
    if (
      this.context.isTooOld(this.timeLo, this.timeHi, 'time_unix_nano') ||
      this.context.isTooNew(this.timeLo, this.timeHi, 'time_unix_nano')
    ) {
      arena.length = this.text;
      return -1;
    }
    if (arena.length > this.text) attributes.close(this.text);
    const exemplars = arena.length;
    if (this.exemplarSlices.length > 0) this.#nested.exemplars(this.exemplarSlices);
    arena.check();
    this.context.points.exemplars += this.exemplarSlices.length;
    const row = this.table.rows++;
    writer.arenaRange(this.#attributes, row, this.text, exemplars);
    writer.arenaRange(this.#exemplars, row, exemplars, arena.length);
    this.#time.set(row, this.timeLo, this.timeHi);
    writeThousandth(this.timeLo, this.timeHi, this.#timestamp.words, row * 2);
    if ((this.startLo | this.startHi) !== 0) {
      if (this.startHi < 0) [this.startLo, this.startHi] = [-1, 0x7fff_ffff];
      this.#startTime.set(row, this.startLo, this.startHi);
      this.#startTime.mark(row);
      writeMillionth(this.startLo, this.startHi, this.#startTimestamp.words, row * 2);
      this.#startTimestamp.mark(row);
    }
    this.#flags.words[row * 2] = this.flags;
    return row;
  }
}
