import type { Cells } from '../batch/cells.js';
import type { PayloadContext } from '../batch/context.js';
import type { AttributeText } from './attributes.js';
import type { Slices } from './slices.js';
import { truncated } from './source.js';

/**
 * A span's events and links and a data point's exemplars as JSON arrays at the end of the heap. A link whose
 * identifiers are malformed leads nowhere and is left out; an exemplar goes without such an identifier.
 */
export class NestedText {
  private readonly cells: Cells;
  private readonly attributes: AttributeText;

  constructor(private readonly context: PayloadContext) {
    this.cells = context.cells;
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
    const { heap } = this.cells;
    const start = heap.length;
    for (let i = 0; i < slices.length; i++) {
      const before = heap.length;
      heap.byte(before === start ? 0x5b : 0x2c);
      write(slices.start(i), slices.end(i));
      // Nothing was written: it is left out.
      if (heap.length === before + 1) heap.length = before;
    }
    if (heap.length > start) heap.byte(0x5d);
  }

  #event(start: number, end: number): void {
    const { source, heap } = this.cells;
    let timeLo = 0;
    let timeHi = 0;
    let namePos = 0;
    let nameLength = 0;
    let dropped = 0;
    let pos = start;
    while (pos < end) {
      pos = source.tag(pos, end);
      switch (source.lo) {
        case 0x09:
          timeLo = source.view.getInt32(pos, true);
          timeHi = source.view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case 0x12:
          namePos = source.open(pos, end);
          pos = source.to;
          nameLength = pos - namePos;
          break;
        case 0x20:
          pos = source.varint(pos, end);
          dropped = source.lo >>> 0;
          break;
        default:
          pos = source.skip(pos, end, source.lo);
      }
    }
    if (pos !== end) throw truncated(pos);
    heap.ascii('{"name":');
    heap.jsonString(source, namePos, nameLength);
    this.#time(',"time_unix_nano":"', timeLo, timeHi);
    this.#attributes('attributes', start, end, 0x1a);
    if (dropped !== 0) this.#number('dropped_attributes_count', dropped);
    heap.byte(0x7d);
  }

  #link(start: number, end: number): void {
    const { source, heap } = this.cells;
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
        case 0x0a:
          tracePos = source.open(pos, end);
          pos = source.to;
          traceLength = pos - tracePos;
          break;
        case 0x12:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case 0x1a:
          statePos = source.open(pos, end);
          pos = source.to;
          stateLength = pos - statePos;
          break;
        case 0x28:
          pos = source.varint(pos, end);
          dropped = source.lo >>> 0;
          break;
        case 0x35:
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
    heap.ascii('{"trace_id":"');
    this.#id(tracePos, traceLength);
    heap.ascii('","span_id":"');
    this.#id(spanPos, spanLength);
    heap.byte(0x22);
    if (stateLength > 0) {
      heap.ascii(',"trace_state":');
      heap.jsonString(source, statePos, stateLength);
    }
    this.#attributes('attributes', start, end, 0x22);
    if (dropped !== 0) this.#number('dropped_attributes_count', dropped);
    if (flags !== 0) this.#number('flags', flags);
    heap.byte(0x7d);
  }

  #exemplar(start: number, end: number): void {
    const { source, heap } = this.cells;
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
        case 0x11:
          timeLo = source.view.getInt32(pos, true);
          timeHi = source.view.getInt32(pos + 4, true);
          pos += 8;
          break;
        case 0x19:
        case 0x31:
          isInt = source.lo === 0x31;
          valuePos = pos;
          pos += 8;
          break;
        case 0x22:
          spanPos = source.open(pos, end);
          pos = source.to;
          spanLength = pos - spanPos;
          break;
        case 0x2a:
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
    heap.ascii(',"value":');
    if (valuePos < 0) heap.ascii('null');
    else if (isInt)
      heap.int64(source.view.getInt32(valuePos, true), source.view.getInt32(valuePos + 4, true));
    else heap.double(source.view.getFloat64(valuePos, true), '"');
    if (traceLength > 0 && this.context.isGoodId(traceLength, 16, 'exemplar')) {
      heap.ascii(',"trace_id":"');
      this.#id(tracePos, traceLength);
      heap.byte(0x22);
    }
    if (spanLength > 0 && this.context.isGoodId(spanLength, 8, 'exemplar')) {
      heap.ascii(',"span_id":"');
      this.#id(spanPos, spanLength);
      heap.byte(0x22);
    }
    this.#attributes('filtered_attributes', start, end, 0x3a);
    heap.byte(0x7d);
  }

  #time(before: string, lo: number, hi: number): void {
    this.cells.heap.ascii(before);
    this.cells.heap.uint64(lo, hi);
    this.cells.heap.byte(0x22);
  }

  #number(name: string, value: number): void {
    this.cells.heap.ascii(`,"${name}":${value}`);
  }

  #attributes(name: string, pos: number, end: number, tag: number): void {
    const { heap } = this.cells;
    heap.ascii(`,"${name}":`);
    const start = heap.length;
    this.attributes.object(pos, end, tag);
    if (heap.length === start) heap.ascii('{}');
  }

  #id(pos: number, length: number): void {
    if (!this.cells.isZero(pos, length)) this.cells.heap.hex(this.cells.source, pos, length);
  }
}
