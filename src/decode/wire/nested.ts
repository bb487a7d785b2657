import { Char } from '../characters.js';
import type { ColumnWriter } from '../batch/column-writer.js';
import type { PayloadContext } from '../batch/context.js';
import type { AttributeText } from './attributes.js';
import type { Slices } from './slices.js';
import { truncated } from './source.js';
import { ExemplarTag, SpanEventTag, SpanLinkTag } from './tags.js';

/**
 * A span's events and links and a data point's exemplars as JSON arrays at the end of the arena. A link whose
 * identifiers are malformed leads nowhere and is left out; an exemplar goes without such an identifier.
 */
export class NestedText {
  private readonly writer: ColumnWriter;
  private readonly attributes: AttributeText;

  constructor(private readonly context: PayloadContext) {
    this.writer = context.writer;
    this.attributes = context.attributes;
  }

  /** `[{"name","time_unix_nano","attributes","dropped_attributes_count"?}, …]` from Span.Event messages. */
  events(slices: Slices): void {
    this.#array(slices, (pos, end) => this.#event(pos, end));
  }

  /** `[{"trace_id","span_id","trace_state"?,"attributes","dropped_attributes_count"?,"flags"?}, …]` from Span.Link. */
  links(slices: Slices): void {
    this.#array(slices, (pos, end) => this.#link(pos, end));
  }

  /** `[{"time_unix_nano","value","trace_id"?,"span_id"?,"filtered_attributes"}, …]` from Exemplar messages. */
  exemplars(slices: Slices): void {
    this.#array(slices, (pos, end) => this.#exemplar(pos, end));
  }

  #array(slices: Slices, write: (pos: number, end: number) => void): void {
    const { arena } = this.writer;
    const start = arena.length;
    for (let i = 0; i < slices.length; i++) {
      const before = arena.length;
      arena.byte(before === start ? Char.openBracket : Char.comma);
      write(slices.start(i), slices.end(i));
      // Nothing was written: it is left out.
      if (arena.length === before + 1) arena.length = before;
    }
    if (arena.length > start) arena.byte(Char.closeBracket);
  }

  #event(start: number, end: number): void {
    const { source, arena } = this.writer;
    let timeLo = 0;
    let timeHi = 0;
    let namePos = 0;
    let nameLength = 0;
    let dropped = 0;
    let pos = start;
    while (pos < end) {
      pos = source.tag(pos, end);
      switch (source.lo) {
        case SpanEventTag.timeUnixNano:
          timeLo = source.view.getInt32(pos, true);
          timeHi = source.view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case SpanEventTag.name:
          namePos = source.open(pos, end);
          pos = source.to;
          nameLength = pos - namePos;
          break;
        case SpanEventTag.droppedAttributesCount:
          pos = source.varint(pos, end);
          dropped = source.lo >>> 0;
          break;
        default:
          pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
    arena.ascii('{"name":');
    arena.jsonString(source, namePos, nameLength);
    this.#time(',"time_unix_nano":"', timeLo, timeHi);
    this.#attributes('attributes', start, end, SpanEventTag.attributes);
    if (dropped !== 0) this.#number('dropped_attributes_count', dropped);
    arena.byte(Char.closeBrace);
  }

  #link(start: number, end: number): void {
    const { source, arena } = this.writer;
    let tracePos = 0;
    let traceLength = 0;
    let spanPos = 0;
    let spanLength = 0;
    let statePos = 0;
    let stateLength = 0;
    let dropped = 0;
    let flags = 0;
    let pos = start;
    while (pos < end) {
      pos = source.tag(pos, end);
      switch (source.lo) {
        case SpanLinkTag.traceId:
          tracePos = source.open(pos, end);
          pos = source.to;
          traceLength = pos - tracePos;
          break;
        case SpanLinkTag.spanId:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case SpanLinkTag.traceState:
          statePos = source.open(pos, end);
          pos = source.to;
          stateLength = pos - statePos;
          break;
        case SpanLinkTag.droppedAttributesCount:
          pos = source.varint(pos, end);
          dropped = source.lo >>> 0;
          break;
        case SpanLinkTag.flags:
          flags = source.view.getUint32(pos, true);
          pos += 4;
          break;
        default:
          pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
    if (!this.context.isGoodId(traceLength, 16, 'link') || !this.context.isGoodId(spanLength, 8, 'link'))
      return;
    arena.ascii('{"trace_id":"');
    this.#id(tracePos, traceLength);
    arena.ascii('","span_id":"');
    this.#id(spanPos, spanLength);
    arena.byte(Char.quote);
    if (stateLength > 0) {
      arena.ascii(',"trace_state":');
      arena.jsonString(source, statePos, stateLength);
    }
    this.#attributes('attributes', start, end, SpanLinkTag.attributes);
    if (dropped !== 0) this.#number('dropped_attributes_count', dropped);
    if (flags !== 0) this.#number('flags', flags);
    arena.byte(Char.closeBrace);
  }

  #exemplar(start: number, end: number): void {
    const { source, arena } = this.writer;
    let timeLo = 0;
    let timeHi = 0;
    let valuePos = -1;
    let isInt = false;
    let tracePos = 0;
    let traceLength = 0;
    let spanPos = 0;
    let spanLength = 0;
    let pos = start;
    while (pos < end) {
      pos = source.tag(pos, end);
      switch (source.lo) {
        case ExemplarTag.timeUnixNano:
          timeLo = source.view.getInt32(pos, true);
          timeHi = source.view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case ExemplarTag.asDouble:
        case ExemplarTag.asInt:
          isInt = source.lo === ExemplarTag.asInt;
          valuePos = pos;
          pos += 8;
          break;
        case ExemplarTag.spanId:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case ExemplarTag.traceId:
          tracePos = source.open(pos, end);
          pos = source.to;
          traceLength = pos - tracePos;
          break;
        default:
          pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
    this.#time('{"time_unix_nano":"', timeLo, timeHi);
    arena.ascii(',"value":');
    if (valuePos < 0) arena.ascii('null');
    else if (isInt)
      arena.int64(source.view.getInt32(valuePos, true), source.view.getInt32(valuePos + 4, true));
    else arena.double(source.view.getFloat64(valuePos, true), '"');
    if (traceLength > 0 && this.context.isGoodId(traceLength, 16, 'exemplar')) {
      arena.ascii(',"trace_id":"');
      this.#id(tracePos, traceLength);
      arena.byte(Char.quote);
    }
    if (spanLength > 0 && this.context.isGoodId(spanLength, 8, 'exemplar')) {
      arena.ascii(',"span_id":"');
      this.#id(spanPos, spanLength);
      arena.byte(Char.quote);
    }
    this.#attributes('filtered_attributes', start, end, ExemplarTag.filteredAttributes);
    arena.byte(Char.closeBrace);
  }

  #time(before: string, lo: number, hi: number): void {
    this.writer.arena.ascii(before);
    this.writer.arena.uint64(lo, hi);
    this.writer.arena.byte(Char.quote);
  }

  #number(name: string, value: number): void {
    this.writer.arena.ascii(`,"${name}":${value}`);
  }

  #attributes(name: string, pos: number, end: number, tag: number): void {
    const { arena } = this.writer;
    arena.ascii(`,"${name}":`);
    const start = arena.length;
    this.attributes.object(pos, end, tag);
    if (arena.length === start) arena.ascii('{}');
  }

  #id(pos: number, length: number): void {
    if (!this.writer.isZero(pos, length)) this.writer.arena.hex(this.writer.source, pos, length);
  }
}
