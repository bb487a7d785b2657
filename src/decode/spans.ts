import { promotedColumns } from '../schema/index.js';
import type { PayloadContext } from './batch/context.js';
import { PromotedValues } from './batch/promoted-values.js';
import { TableBuilder } from './batch/table.js';
import { isBefore, writeMillionth, writeThousandth } from './batch/time.js';
import { NestedText } from './wire/nested.js';
import { Slices } from './wire/slices.js';
import { TableRecords } from './records.js';
import { truncated } from './wire/source.js';
import { SpanStatusTag, SpanTag } from './wire/tags.js';

/** Span messages (opentelemetry-proto trace/v1) into rows of `spans`. */
export class SpanRecords extends TableRecords {
  readonly #timestamp = this.table.int64('timestamp');
  readonly #startTime = this.table.int64('start_time_unix_nano');
  readonly #endTimestamp = this.table.int64('end_timestamp');
  readonly #endTime = this.table.int64('end_time_unix_nano');
  readonly #duration = this.table.int64('duration');
  readonly #durationNano = this.table.int64('duration_nano');
  readonly #traceId = this.table.string('trace_id');
  readonly #spanId = this.table.string('span_id');
  readonly #parentSpanId = this.table.string('parent_span_id');
  readonly #traceState = this.table.string('trace_state');
  readonly #name = this.table.string('span_name');
  readonly #kind = this.table.int32('span_kind');
  readonly #statusCode = this.table.int32('status_code');
  readonly #statusMessage = this.table.string('status_message');
  readonly #attributes = this.table.string('span_attributes');
  readonly #eventsJson = this.table.string('events_json');
  readonly #linksJson = this.table.string('links_json');
  readonly #droppedAttributes = this.table.int64('dropped_attributes_count');
  readonly #droppedEvents = this.table.int64('dropped_events_count');
  readonly #droppedLinks = this.table.int64('dropped_links_count');
  readonly #flags = this.table.int64('flags');

  readonly #promotedAttributes = promotedColumns('traces').filter((attribute) => attribute.from === 'record');
  readonly #promotedColumns = this.#promotedAttributes.map((attribute) =>
    this.table.string(attribute.column),
  );
  readonly #promoted: PromotedValues;
  readonly #nested: NestedText;
  readonly #events = new Slices();
  readonly #links = new Slices();
  #status = 0;
  #messagePos = 0;
  #messageLength = 0;

  constructor(context: PayloadContext) {
    super(context, new TableBuilder('spans', []));
    this.#promoted = new PromotedValues(context.writer, this.#promotedAttributes);
    this.#nested = new NestedText(context);
  }

  protected read(pos: number, end: number): void {
    this.table.reserve(1);
    const { writer, attributes, budget } = this.context;
    const { source, arena } = writer;
    const bytes = source.bytes;
    const view = source.view;
    const visit = this.#promoted.visit;
    const text = arena.length;
    this.#promoted.reset();
    this.#events.length = 0;
    this.#links.length = 0;
    this.#status = 0;
    this.#messageLength = 0;
    let tracePos = 0;
    let traceLength = 0;
    let spanPos = 0;
    let spanLength = 0;
    let statePos = 0;
    let stateLength = 0;
    let parentPos = 0;
    let parentLength = 0;
    let namePos = 0;
    let nameLength = 0;
    let kind = 0;
    let startLo = 0;
    let startHi = 0;
    let endLo = 0;
    let endHi = 0;
    let droppedAttributes = 0;
    let droppedEvents = 0;
    let droppedLinks = 0;
    let flags = 0;
    while (pos < end) {
      const tag = bytes[pos++]!;
      switch (tag) {
        case SpanTag.traceId:
          tracePos = source.open(pos, end);
          pos = source.to;
          traceLength = pos - tracePos;
          break;
        case SpanTag.spanId:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case SpanTag.traceState:
          statePos = source.open(pos, end);
          pos = source.to;
          stateLength = pos - statePos;
          break;
        case SpanTag.parentSpanId:
          parentPos = source.open(pos, end);
          pos = source.to;
          parentLength = pos - parentPos;
          break;
        case SpanTag.name:
          namePos = source.open(pos, end);
          pos = source.to;
          nameLength = pos - namePos;
          break;
        case SpanTag.kind:
          pos = source.varint(pos, end);
          kind = source.lo;
          break;
        case SpanTag.startTimeUnixNano:
          startLo = view.getInt32(pos, true);
          startHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case SpanTag.endTimeUnixNano:
          endLo = view.getInt32(pos, true);
          endHi = view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case SpanTag.attributes: {
          const start = source.open(pos, end);
          pos = source.to;
          attributes.member(start, pos, 0, visit);
          break;
        }
        case SpanTag.droppedAttributesCount:
          pos = source.varint(pos, end);
          droppedAttributes = source.lo;
          break;
        case SpanTag.events: {
          const start = source.open(pos, end);
          pos = source.to;
          budget.element();
          this.#events.add(start, pos);
          break;
        }
        case SpanTag.droppedEventsCount:
          pos = source.varint(pos, end);
          droppedEvents = source.lo;
          break;
        case SpanTag.links: {
          const start = source.open(pos, end);
          pos = source.to;
          budget.element();
          this.#links.add(start, pos);
          break;
        }
        case SpanTag.droppedLinksCount:
          pos = source.varint(pos, end);
          droppedLinks = source.lo;
          break;
        case SpanTag.status: {
          const start = source.open(pos, end);
          pos = source.to;
          this.#readStatus(start, pos);
          break;
        }
        default:
          pos = source.tag(pos - 1, end);
          if (source.lo === SpanTag.flags) {
            flags = view.getInt32(pos, true);
            pos += 4;
          } else {
            pos = source.skip(pos, end, source.lo);
          }
      }
    }
    if (pos !== end) throw truncated(pos);

    // A span that misses one of its times is taken as a point in time.
    if ((startLo | startHi) === 0) [startLo, startHi] = [endLo, endHi];
    if ((endLo | endHi) === 0) [endLo, endHi] = [startLo, startHi];
    if (
      this.context.isTooOld(endLo, endHi, 'end_time_unix_nano') ||
      this.context.isTooNew(startLo, startHi, 'start_time_unix_nano') ||
      this.context.isMissingId(tracePos, traceLength, 16, 'trace_id') ||
      this.context.isMissingId(spanPos, spanLength, 8, 'span_id')
    ) {
      arena.length = text;
      return;
    }
    if (arena.length > text) attributes.close(text);
    const events = arena.length;
    if (this.#events.length > 0) this.#nested.events(this.#events);
    const links = arena.length;
    if (this.#links.length > 0) this.#nested.links(this.#links);

    const row = this.table.rows++;
    writer.arenaRange(this.#attributes, row, text, events);
    writer.arenaRange(this.#eventsJson, row, events, links);
    writer.arenaRange(this.#linksJson, row, links, arena.length);
    if (endHi < 0) [endLo, endHi] = [-1, 0x7fff_ffff];
    writeThousandth(startLo, startHi, this.#timestamp.words, row * 2);
    this.#startTime.set(row, startLo, startHi);
    writeMillionth(endLo, endHi, this.#endTimestamp.words, row * 2);
    this.#endTime.set(row, endLo, endHi);
    // Clocks that were set back meanwhile can end a span before its start.
    if (isBefore(startLo, startHi, endLo, endHi)) {
      const borrow = isBefore(endLo, 0, startLo, 0) ? 1 : 0;
      const lo = (endLo - startLo) | 0;
      const hi = (endHi - startHi - borrow) | 0;
      writeMillionth(lo, hi, this.#duration.words, row * 2);
      this.#durationNano.set(row, lo, hi);
    }
    writer.id(this.#traceId, row, tracePos, traceLength);
    writer.id(this.#spanId, row, spanPos, spanLength);
    // Without it the span is a root, which shows it in its trace at least.
    if (this.context.isGoodId(parentLength, 8, 'parent_span_id')) {
      writer.id(this.#parentSpanId, row, parentPos, parentLength);
    }
    writer.text(this.#traceState, row, statePos, stateLength);
    writer.text(this.#name, row, namePos, nameLength);
    this.#kind.values[row] = kind;
    this.#statusCode.values[row] = this.#status;
    writer.text(this.#statusMessage, row, this.#messagePos, this.#messageLength);
    this.#droppedAttributes.words[row * 2] = droppedAttributes;
    this.#droppedEvents.words[row * 2] = droppedEvents;
    this.#droppedLinks.words[row * 2] = droppedLinks;
    this.#flags.words[row * 2] = flags;
    if (this.#promoted.found) this.#writePromoted(row);
  }

  #readStatus(pos: number, end: number): void {
    const source = this.context.writer.source;
    while (pos < end) {
      pos = source.tag(pos, end);
      if (source.lo === SpanStatusTag.message) {
        this.#messagePos = source.open(pos, end);
        pos = source.to;
        this.#messageLength = pos - this.#messagePos;
      } else if (source.lo === SpanStatusTag.code) {
        pos = source.varint(pos, end);
        this.#status = source.lo;
      } else {
        pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
  }

  #writePromoted(row: number): void {
    const { writer, attributes } = this.context;
    for (let slot = 0; slot < this.#promoted.slots; slot++) {
      if (this.#promoted.find(slot, attributes)) writer.value(this.#promotedColumns[slot]!, row, attributes);
    }
  }
}
