/**
 * Structs of Thrift's compact protocol, field by field (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 * Values stay the bytes that they are until somebody looks into them, so what is not looked into is written as it was read, known or not.
 */

/** As it lies in its struct, behind its header; of a truth value the type tells which. */
export interface Field {
  readonly type: number;
  readonly value: Buffer;
}

/** By their ids, in their order. */
export type Struct = ReadonlyMap<number, Field>;

const types = {
  ...{ yes: 1, no: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8 },
  ...{ list: 9, set: 10, map: 11, struct: 12, uuid: 13 },
} as const;
const numbers: ReadonlySet<number> = new Set([types.i16, types.i32, types.i64]);
/** Structs in structs; a footer has six. */
const mostDepth = 16;
/** Of a list; a longer one is told by a number behind. */
const mostShort = 14;
const mostDelta = 15;

/** What is read is no struct of the compact protocol, or not the one that was expected. */
export class UnexpectedBytes extends Error {}

export function readStruct(bytes: Buffer): Struct {
  const reader = new Reader(bytes);
  const read = reader.struct();
  reader.end();
  return read;
}

export function writeStruct(fields: Iterable<readonly [number, Field]>): Buffer {
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const [id, { type, value }] of fields) {
    const delta = id - last;
    if (delta > 0 && delta <= mostDelta) parts.push(Uint8Array.of((delta << 4) | type));
    else parts.push(Uint8Array.of(type), zigzag(id));
    parts.push(value);
    last = id;
  }
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

/** The structs of a list of them. */
export function readStructs(field: Field): Buffer[] {
  const reader = expected(field, types.list);
  const { type, size } = reader.listHead();
  if (type !== types.struct) throw new UnexpectedBytes(`a list of type ${type}`);
  const structs = Array.from({ length: size }, () => reader.value(types.struct));
  reader.end();
  return structs;
}

export function structsField(structs: readonly Buffer[]): Field {
  const size = structs.length;
  const head =
    size <= mostShort
      ? Uint8Array.of((size << 4) | types.struct)
      : Buffer.concat([Uint8Array.of(0xf0 | types.struct), varint(size)]);
  return { type: types.list, value: Buffer.concat([head, ...structs]) };
}

/** Of 16, 32 or 64 bits. */
export function readNumber(field: Field): number {
  if (!numbers.has(field.type)) throw new UnexpectedBytes(`no number but type ${field.type}`);
  const reader = new Reader(field.value);
  const value = reader.zigzag();
  reader.end();
  return value;
}

/** Another number of the same type. */
export function numberField({ type }: Field, value: number): Field {
  return { type, value: zigzag(value) };
}

export function readText(field: Field): string {
  const reader = expected(field, types.binary);
  const text = reader.binary().toString();
  reader.end();
  return text;
}

export function textField(text: string): Field {
  const bytes = Buffer.from(text);
  return { type: types.binary, value: Buffer.concat([varint(bytes.length), bytes]) };
}

function expected({ type, value }: Field, wanted: number): Reader {
  if (type !== wanted) throw new UnexpectedBytes(`type ${type} in place of ${wanted}`);
  return new Reader(value);
}

/** Throws UnexpectedBytes where bytes are missing. */
class Reader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  end(): void {
    if (this.#at !== this.bytes.length) throw new UnexpectedBytes('bytes behind the end');
  }

  struct(depth = 0): Struct {
    if (depth > mostDepth) throw new UnexpectedBytes('structs too deep');
    const fields = new Map<number, Field>();
    let last = 0;
    for (let head = this.#byte(); head !== 0; head = this.#byte()) {
      const id = head >> 4 === 0 ? this.zigzag() : last + (head >> 4);
      const type = head & 0x0f;
      if (fields.has(id)) throw new UnexpectedBytes(`field ${id} twice`);
      const isTruth = type === types.yes || type === types.no;
      fields.set(id, { type, value: isTruth ? Buffer.alloc(0) : this.value(type, depth) });
      last = id;
    }
    return fields;
  }

  /** The bytes of a value that is not a field's truth value. */
  value(type: number, depth = 0): Buffer {
    const from = this.#at;
    this.#pass(type, depth);
    return this.bytes.subarray(from, this.#at);
  }

  listHead(): { readonly type: number; readonly size: number } {
    const head = this.#byte();
    const size = head >> 4 > mostShort ? this.#varint() : head >> 4;
    // Each takes a byte at least.
    if (size > this.bytes.length - this.#at) throw new UnexpectedBytes('a list ends early');
    return { type: head & 0x0f, size };
  }

  binary(): Buffer {
    const length = this.#varint();
    const from = this.#at;
    this.#skip(length);
    return this.bytes.subarray(from, this.#at);
  }

  zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #pass(type: number, depth: number): void {
    if (numbers.has(type)) this.#passVarint();
    // In a list a truth value is a byte.
    else if (type === types.byte || type === types.yes || type === types.no) this.#skip(1);
    else if (type === types.double) this.#skip(8);
    else if (type === types.uuid) this.#skip(16);
    else if (type === types.binary) this.binary();
    else if (type === types.struct) this.struct(depth + 1);
    else if (type === types.list || type === types.set) {
      const { type: of, size } = this.listHead();
      if (depth > mostDepth) throw new UnexpectedBytes('lists too deep');
      for (let i = 0; i < size; i++) this.#pass(of, depth + 1);
    } else throw new UnexpectedBytes(`type ${type}`);
  }

  #byte(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) throw new UnexpectedBytes('ends early');
    this.#at++;
    return byte;
  }

  #skip(length: number): void {
    if (length > this.bytes.length - this.#at) throw new UnexpectedBytes('ends early');
    this.#at += length;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new UnexpectedBytes('a number too large');
      if (byte < 128) return value;
    }
  }

  /** Of any value. */
  #passVarint(): void {
    for (let i = 1; this.#byte() >= 128; i++) if (i === 10) throw new UnexpectedBytes('a number too long');
  }
}

function zigzag(value: number): Buffer {
  return varint(value < 0 ? -2 * value - 1 : 2 * value);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
