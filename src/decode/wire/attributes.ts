import { Char } from '../characters.js';
import { malformed } from '../errors.js';
import type { Budget } from '../batch/budget.js';
import type { StringArena } from '../batch/string-arena.js';
import type { KeySet } from './key-set.js';
import { dropRepeated, RepeatedKeys } from './repeated-keys.js';
import { truncated, type Source } from './source.js';
import { AnyValueTag, KeyValueTag, ListTag } from './tags.js';

const maxDepth = 64;

/** Called for each attribute of a list with where its key and value (an AnyValue) lie; `valuePos` is -1 without one. */
export type AttributeVisitor = (
  keyPos: number,
  keyLength: number,
  valuePos: number,
  valueEnd: number,
) => void;

/** Kinds of an AnyValue, and the names that `body_type` has for them. */
export const valueKinds = ['string', 'bool', 'int', 'double', 'array', 'kvlist', 'bytes'] as const;

/**
 * Attributes (opentelemetry-proto common/v1: KeyValue, AnyValue) as JSON text at the end of the arena.
 * Every member is written with a comma before it, and the first comma then becomes the bracket.
 */
export class AttributeText {
  /** The value that `find` found; `valuePos` is -1 for an empty AnyValue. `kind`: index of `valueKinds`. */
  valuePos = -1;
  valueEnd = 0;
  kind = -1;
  #keyPos = 0;
  #keyLength = 0;
  #valuePos = 0;
  #valueEnd = 0;
  readonly #keys = new RepeatedKeys();
  /** Is told the keys of attributes, not those of objects in them. */
  noted: KeySet | null = null;

  constructor(
    private readonly source: Source,
    private readonly arena: StringArena,
    private readonly budget: Budget,
  ) {}

  /**
   * One KeyValue message as a member of a JSON object whose text began at the arena's length before the first.
   * `close` ends the object. `lengths`: a bit for each length of key, modulo 32, that `visit` may want.
   */
  member(pos: number, end: number, depth: number, visit?: AttributeVisitor, lengths = ~0): void {
    const source = this.source;
    const bytes = source.bytes;
    const arena = this.arena;
    let keyPos = pos + 2;
    let keyLength = bytes[pos + 1]!;
    let valuePos = keyPos + keyLength + 2;
    let valueEnd = end;
    // The shape that nearly every attribute has: a short key, then a short value, and nothing else.
    const usual =
      bytes[pos] === KeyValueTag.key &&
      keyLength <= 127 &&
      valuePos <= end &&
      bytes[valuePos - 2] === KeyValueTag.value &&
      bytes[valuePos - 1] === end - valuePos &&
      end - valuePos <= 127;
    if (!usual) {
      this.#keyValue(pos, end);
      keyPos = this.#keyPos;
      keyLength = this.#keyLength;
      valuePos = this.#valuePos;
      valueEnd = this.#valueEnd;
    }
    this.budget.element();
    const slot = this.#keys.note(source, keyPos, keyLength, depth);
    if (this.noted !== null && depth === 0) this.noted.note(source, keyPos, keyLength, slot);
    if (usual && !source.careful) {
      arena.memberName(source, keyPos, keyLength);
      if (bytes[valuePos] === AnyValueTag.stringValue && bytes[valuePos + 1] === end - valuePos - 2)
        arena.shortString(source, valuePos + 2, end - valuePos - 2);
      else this.value(valuePos, end, depth);
    } else {
      arena.byte(Char.comma);
      arena.jsonString(source, keyPos, keyLength);
      arena.byte(Char.colon);
      if (valuePos < 0) arena.ascii('null');
      else this.value(valuePos, valueEnd, depth);
    }
    if (visit && ((lengths >>> keyLength) & 1) !== 0) visit(keyPos, keyLength, valuePos, valueEnd);
  }

  /** Turns the members since `start` into an object; of members with one key the last stays. */
  close(start: number, depth = 0): void {
    const arena = this.arena;
    if (this.#keys.mayRepeat(depth)) dropRepeated(arena, start);
    arena.byte(Char.closeBrace);
    arena.bytes[start] = Char.openBrace;
  }

  /** All KeyValue fields with `tag` of a message as one object; nothing at all when there is none. */
  object(pos: number, end: number, tag: number, visit?: AttributeVisitor): void {
    const start = this.arena.length;
    this.members(pos, end, tag, 0, visit);
    if (this.arena.length > start) this.close(start);
  }

  members(pos: number, end: number, tag: number, depth: number, visit?: AttributeVisitor): void {
    const source = this.source;
    while (pos < end) {
      pos = source.tag(pos, end);
      if (source.lo === tag) {
        pos = source.open(pos, end);
        const to = source.to;
        this.member(pos, to, depth, visit);
        pos = to;
      } else {
        pos = source.skip(pos, end, source.lo);
      }
    }
  }

  /** An AnyValue as JSON. */
  value(pos: number, end: number, depth: number): void {
    const source = this.source;
    const arena = this.arena;
    const first = source.bytes[pos]!;
    // The common shapes, without looking for further fields: a short string alone, an int alone.
    if (first === AnyValueTag.stringValue && pos + 1 < end) {
      const length = source.bytes[pos + 1]!;
      if (length < 128 && pos + 2 + length === end) {
        arena.jsonString(source, pos + 2, length);
        return;
      }
    } else if (first === AnyValueTag.intValue && pos + 1 < end && source.varint(pos + 1, end) === end) {
      arena.int64(source.lo, source.hi);
      return;
    }
    this.find(pos, end);
    if (this.valuePos < 0) {
      arena.ascii('null');
      return;
    }
    if (this.isText) {
      arena.jsonString(source, this.valuePos, this.valueEnd - this.valuePos);
    } else if (this.kind === 6) {
      arena.byte(Char.quote);
      arena.base64(source, this.valuePos, this.valueEnd - this.valuePos);
      arena.byte(Char.quote);
    } else {
      if (this.kind === 5 && depth === 0) this.noted?.nest();
      this.#scalarOrNested(depth, '"');
    }
  }

  /** An AnyValue as text for a column of its own: strings and bytes without quotes. Sets `kind`. */
  plainText(): void {
    if (this.kind === 6) {
      this.arena.base64(this.source, this.valuePos, this.valueEnd - this.valuePos);
    } else {
      this.#scalarOrNested(0, '');
    }
  }

  #scalarOrNested(depth: number, quote: '"' | ''): void {
    const source = this.source;
    const arena = this.arena;
    const pos = this.valuePos;
    switch (this.kind) {
      case 1:
        source.varint(pos, this.valueEnd);
        arena.ascii((source.lo | source.hi) === 0 ? 'false' : 'true');
        return;
      case 2:
        source.varint(pos, this.valueEnd);
        arena.int64(source.lo, source.hi);
        return;
      case 3:
        arena.double(source.view.getFloat64(pos, true), quote);
        return;
      case 4:
        this.#array(pos, this.valueEnd, depth + 1);
        return;
      case 5: {
        this.#checkDepth(depth + 1);
        const start = arena.length;
        this.members(pos, this.valueEnd, ListTag.values, depth + 1);
        if (arena.length === start) arena.byte(Char.openBrace);
        this.close(start, depth + 1);
        return;
      }
    }
  }

  #array(pos: number, end: number, depth: number): void {
    this.#checkDepth(depth);
    const source = this.source;
    const arena = this.arena;
    const start = arena.length;
    while (pos < end) {
      pos = source.tag(pos, end);
      if (source.lo === ListTag.values) {
        pos = source.open(pos, end);
        const to = source.to;
        this.budget.element();
        arena.byte(Char.comma);
        this.value(pos, to, depth);
        pos = to;
      } else {
        pos = source.skip(pos, end, source.lo);
      }
    }
    if (arena.length === start) arena.byte(Char.openBracket);
    arena.byte(Char.closeBracket);
    arena.bytes[start] = Char.openBracket;
  }

  #checkDepth(depth: number): void {
    if (depth > maxDepth) throw malformed(`attribute values are nested deeper than ${maxDepth} levels`);
  }

  /** `find` found a string. */
  get isText(): boolean {
    return this.kind === 0;
  }

  /** Finds which member of AnyValue's oneof is set; the last one counts. */
  find(pos: number, end: number): void {
    const source = this.source;
    this.valuePos = -1;
    this.kind = -1;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      const field = tag >>> 3;
      if (field > 7 || tag !== ((field << 3) | wireTypes[field]!)) {
        pos = source.skip(pos, end, tag);
        continue;
      }
      this.kind = field - 1;
      if ((tag & 7) === 2) {
        this.valuePos = source.open(pos, end);
        this.valueEnd = pos = source.to;
      } else {
        this.valuePos = pos;
        this.valueEnd = pos = source.skip(pos, end, tag);
      }
    }
  }

  /** A KeyValue of any shape. */
  #keyValue(pos: number, end: number): void {
    const source = this.source;
    this.#keyPos = pos;
    this.#keyLength = 0;
    this.#valuePos = -1;
    this.#valueEnd = end;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      if (tag === KeyValueTag.key) {
        this.#keyPos = source.open(pos, end);
        pos = source.to;
        this.#keyLength = pos - this.#keyPos;
      } else if (tag === KeyValueTag.value) {
        this.#valuePos = source.open(pos, end);
        this.#valueEnd = pos = source.to;
      } else {
        pos = source.skip(pos, end, tag);
      }
    }
    if (pos !== end) throw truncated(pos);
  }
}

/** By AnyValue's field number; 8 matches no tag. */
const wireTypes = Uint8Array.of(8, 2, 0, 0, 1, 2, 2, 2);
