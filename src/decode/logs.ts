import { valueKinds } from './wire/attributes.js';
import { TableRecords } from './records.js';
import { truncated } from './wire/source.js';
import type { PayloadContext } from './batch/context.js';
import type { SharedAttributes } from './batch/resource-scope.js';
import { TableBuilder } from './batch/table.js';
import { writeThousandth } from './batch/time.js';
import { inlineWords, LevelDetector } from './level/index.js';
import { LogRecordTag } from './wire/tags.js';

const kindNames = valueKinds.map(inlineWords);

/** LogRecord messages (opentelemetry-proto logs/v1) into rows of `logs`. */
export class LogRecords extends TableRecords {
  readonly #timestamp = this.table.int64('timestamp');
  readonly #time = this.table.int64('time_unix_nano');
  readonly #observed = this.table.int64('observed_time_unix_nano');
  readonly #traceId = this.table.string('trace_id');
  readonly #spanId = this.table.string('span_id');
  readonly #severityNumber = this.table.int32('severity_number');
  readonly #severityText = this.table.string('severity_text');
  readonly #detectedLevel = this.table.string('detected_level');
  readonly #eventName = this.table.string('event_name');
  readonly #body = this.table.string('body');
  readonly #bodyType = this.table.string('body_type');
  readonly #attributes = this.table.string('log_attributes');
  readonly #dropped = this.table.int64('dropped_attributes_count');
  readonly #flags = this.table.int64('flags');
  readonly #keys = this.table.keysOf('log_attributes');

  readonly #level: LevelDetector;
  readonly shared: SharedAttributes;

  constructor(context: PayloadContext) {
    super(context, new TableBuilder('logs', ['observed_time_unix_nano']));
    const level = new LevelDetector(context.writer, context.attributes);
    this.#level = level;
    this.shared = {
      reset: () => level.reset(),
      visit: level.visit,
      resourceKeys: this.table.keysOf('resource_attributes'),
      scopeKeys: this.table.keysOf('scope_attributes'),
      write: (from, to) => level.writeShared(this.#detectedLevel, this.#severityNumber.values, from, to),
    };
  }

  protected read(pos: number, end: number): void {
    this.table.reserve(1);
    const { writer, attributes } = this.context;
    const { source, arena } = writer;
    const bytes = source.bytes;
    const view = source.view;
    const text = arena.length;
    attributes.noted = this.#keys;
    const { visit, lengths } = this.#level;
    this.#level.reset();
    let timeLo = 0;
    let timeHi = 0;
    let observedLo = 0;
    let observedHi = 0;
    let severity = 0;
    let severityPos = 0;
    let severityLength = 0;
    let bodyPos = -1;
    let bodyEnd = 0;
    let dropped = 0;
    let flags = 0;
    let tracePos = 0;
    let traceLength = 0;
    let spanPos = 0;
    let spanLength = 0;
    let eventPos = 0;
    let eventLength = 0;
    while (pos < end) {
      const tag = bytes[pos++]!;
      switch (tag) {
        case LogRecordTag.timeUnixNano:
          timeLo = view.getInt32(pos, true);
          timeHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case LogRecordTag.observedTimeUnixNano:
          observedLo = view.getInt32(pos, true);
          observedHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case LogRecordTag.severityNumber:
          pos = source.varint(pos, end);
          severity = source.lo;
          break;
        case LogRecordTag.severityText:
          severityPos = source.open(pos, end);
          pos = source.to;
          severityLength = pos - severityPos;
          break;
        case LogRecordTag.body:
          bodyPos = source.open(pos, end);
          bodyEnd = pos = source.to;
          break;
        case LogRecordTag.attributes: {
          const start = source.open(pos, end);
          pos = source.to;
          attributes.member(start, pos, 0, visit, lengths);
          break;
        }
        case LogRecordTag.droppedAttributesCount:
          pos = source.varint(pos, end);
          dropped = source.lo;
          break;
        case LogRecordTag.flags:
          flags = view.getInt32(pos, true);
          pos += 4;
          break;
        case LogRecordTag.traceId:
          tracePos = source.open(pos, end);
          pos = source.to;
          traceLength = pos - tracePos;
          break;
        case LogRecordTag.spanId:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case LogRecordTag.eventName:
          eventPos = source.open(pos, end);
          pos = source.to;
          eventLength = pos - eventPos;
          break;
        default:
          pos = source.tag(pos - 1, end);
          pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);

    const hasObserved = (observedLo | observedHi) !== 0;
    if ((timeLo | timeHi) === 0) {
      timeLo = hasObserved ? observedLo : this.context.receivedLo;
      timeHi = hasObserved ? observedHi : this.context.receivedHi;
    }
    if (
      this.context.isTooOld(timeLo, timeHi, 'time_unix_nano') ||
      this.context.isTooNew(timeLo, timeHi, 'time_unix_nano')
    ) {
      arena.length = text;
      return;
    }

    const row = this.table.rows++;
    if (arena.length > text) {
      attributes.close(text);
      writer.fromArena(this.#attributes, row, text);
    }
    this.#time.set(row, timeLo, timeHi);
    writeThousandth(timeLo, timeHi, this.#timestamp.words, row * 2);
    if (hasObserved) {
      if (observedHi < 0) [observedLo, observedHi] = [-1, 0x7fff_ffff];
      this.#observed.set(row, observedLo, observedHi);
      this.#observed.mark(row);
    }
    if (this.context.isGoodId(traceLength, 16, 'trace_id')) {
      writer.id(this.#traceId, row, tracePos, traceLength);
    }
    if (this.context.isGoodId(spanLength, 8, 'span_id')) writer.id(this.#spanId, row, spanPos, spanLength);
    this.#severityNumber.values[row] = severity;
    writer.text(this.#severityText, row, severityPos, severityLength);
    writer.text(this.#eventName, row, eventPos, eventLength);
    const found = this.#level.write(this.#detectedLevel, row, severityPos, severityLength, severity);
    this.#writeBody(row, bodyPos, bodyEnd, !found);
    this.#dropped.words[row * 2] = dropped;
    this.#flags.words[row * 2] = flags;
  }

  /** `level`: also writes the level that it tells. */
  #writeBody(row: number, pos: number, end: number, level: boolean): void {
    const { writer, attributes } = this.context;
    if (pos >= 0) attributes.find(pos, end);
    if (pos < 0 || attributes.valuePos < 0) {
      if (level) this.#level.writeLine(this.#detectedLevel, row, writer.source.bytes, 0, 0);
      return;
    }
    this.#bodyType.set(row, kindNames[attributes.kind]!);
    if (attributes.isText) {
      const { valuePos, valueEnd } = attributes;
      writer.text(this.#body, row, valuePos, valueEnd - valuePos);
      if (level) {
        this.#level.writeLine(this.#detectedLevel, row, writer.source.bytes, valuePos, valueEnd);
      }
      return;
    }
    const start = writer.arena.length;
    attributes.plainText();
    writer.fromArena(this.#body, row, start);
    if (level) {
      this.#level.writeLine(this.#detectedLevel, row, writer.arena.bytes, start, writer.arena.length);
    }
  }
}
