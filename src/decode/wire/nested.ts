import type { ColumnWriter } from '../batch/column-writer.js';
import type { PayloadContext } from '../batch/context.js';
import type { AttributeText } from './attributes.js';
import type { Slices } from './slices.js';
import { truncated } from './source.js';
import { exemplar, spanEvent, spanLink } from './tags.js';

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
      arena.byte(before === start ? 0x5b : 0x2c);
      write(slices.start(i), slices.end(i));
      // Nothing was written: it is left out.
      if (arena.length === before + 1) arena.length = before;
    }
    if (arena.length > start) arena.byte(0x5d);
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
        case spanEvent.timeUnixNano:
          timeLo = source.view.getInt32(pos, true);
          timeHi = source.view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case spanEvent.name:
          namePos = source.open(pos, end);
          pos = source.to;
          nameLength = pos - namePos;
          break;
        case spanEvent.droppedAttributesCount:
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
    this.#attributes('attributes', start, end, 0x1a);
    if (dropped !== 0) this.#number('dropped_attributes_count', dropped);
    arena.byte(0x7d);
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
        case spanLink.traceId:
          tracePos = source.open(pos, end);
          pos = source.to;
          traceLength = pos - tracePos;
          break;
        case spanLink.spanId:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case spanLink.traceState:
          statePos = source.open(pos, end);
          pos = source.to;
          stateLength = pos - statePos;
          break;
        case spanLink.droppedAttributesCount:
          pos = source.varint(pos, end);
          dropped = source.lo >>> 0;
          break;
        case spanLink.flags:
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
    arena.byte(0x22);
    if (stateLength > 0) {
      arena.ascii(',"trace_state":');
      arena.jsonString(source, statePos, stateLength);
    }
    this.#attributes('attributes', start, end, 0x22);
    if (dropped !== 0) this.#number('dropped_attributes_count', dropped);
    if (flags !== 0) this.#number('flags', flags);
    arena.byte(0x7d);
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
        case exemplar.timeUnixNano:
          timeLo = source.view.getInt32(pos, true);
          timeHi = source.view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case exemplar.asDouble:
        case exemplar.asInt:
          isInt = source.lo === exemplar.asInt;
          valuePos = pos;
          pos += 8;
          break;
        case exemplar.spanId:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case exemplar.traceId:
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
      arena.byte(0x22);
    }
    if (spanLength > 0 && this.context.isGoodId(spanLength, 8, 'exemplar')) {
      arena.ascii(',"span_id":"');
      this.#id(spanPos, spanLength);
      arena.byte(0x22);
    }
    this.#attributes('filtered_attributes', start, end, 0x3a);
    arena.byte(0x7d);
  }

  #time(before: string, lo: number, hi: number): void {
    this.writer.arena.ascii(before);
    this.writer.arena.uint64(lo, hi);
    this.writer.arena.byte(0x22);
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
