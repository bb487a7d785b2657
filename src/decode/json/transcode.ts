import type { Signal } from '../../schema/index.js';
import { malformed, type PayloadError } from '../errors.js';
import { IgnoredFields } from './ignored.js';
import { scanJson } from './scan.js';
import { requestSpecs, type FieldSpec, type MessageSpec, type Scalar } from './schema.js';
import { WireWriter } from '../wire/wire-writer.js';

/**
 * Turns an export request in OTLP's JSON encoding into the same request in protobuf, which has one decoder for
 * both. Unknown fields are ignored, which `ignored` is told, and null counts as absent. Throws PayloadError that
 * names the field. `take` is told the memory that it needs, before it needs it; what parsing builds may take `maxBytes`.
 */
export function transcodeJson(
  signal: Signal,
  body: Uint8Array,
  maxBytes: number,
  ignored = new IgnoredFields(),
  take: (bytes: number) => void = () => {},
): Uint8Array {
  const text = scanJson(body, maxBytes, take);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(`the body is not JSON: ${describe(error)}`);
  }
  return new Transcoder(body.length, ignored).request(requestSpecs[signal], value);
}

/** The engine's message quotes the body, which may be long. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.length > 200 ? `${message.slice(0, 200)}…` : message;
}

const maxUint64 = (1n << 64n) - 1n;
const minInt64 = -(1n << 63n);
const maxInt64 = (1n << 63n) - 1n;

class Transcoder {
  readonly #out: WireWriter;
  /** Names and indexes down to the value at hand. */
  readonly #path: (string | number)[] = [];

  constructor(
    sizeHint: number,
    private readonly ignored: IgnoredFields,
  ) {
    this.#out = new WireWriter(sizeHint);
  }

  request(spec: MessageSpec, value: unknown): Uint8Array {
    this.#message(spec, value);
    const names = Object.keys(value as object);
    const [first] = names;
    if (first !== undefined && !names.some((name) => Object.hasOwn(spec, name))) {
      this.ignored.foreign(spec, first);
    }
    return this.#out.finish();
  }

  #message(spec: MessageSpec, value: unknown): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong('an object');
    const fields = value as Record<string, unknown>;
    for (const name in fields) {
      // eslint-disable-next-line canardstack/outside-names -- only its own properties, which JSON.parse made
      const [field, content] = [Object.hasOwn(spec, name) ? spec[name] : undefined, fields[name]];
      if (field === undefined) this.ignored.unknown(spec, name, () => this.#where());
      if (field === undefined || content === null) continue;
      this.#path.push(name);
      if (field.repeated) this.#list(field, content);
      else this.#field(field, content);
      this.#path.pop();
    }
  }

  #list(field: FieldSpec, value: unknown): void {
    if (!Array.isArray(value)) throw this.#wrong('an array');
    for (let i = 0; i < value.length; i++) {
      this.#path.push(i);
      // Empty values in an attribute's array are often sent as null.
      this.#field(field, value[i] === null && typeof field.type === 'object' ? {} : value[i]);
      this.#path.pop();
    }
  }

  #field(field: FieldSpec, value: unknown): void {
    const { number, type } = field;
    if (typeof type === 'string') {
      this.#scalar(number, type, value);
    } else if ('message' in type) {
      const start = this.#out.begin(number);
      this.#message(type.message, value);
      this.#out.end(start);
    } else {
      const code = typeof value === 'string' ? (type.names.get(value) ?? value) : value;
      this.#out.varint(number, this.#integer(code, -(2n ** 31n), 2n ** 31n - 1n));
    }
  }

  #scalar(number: number, type: Scalar, value: unknown): void {
    const out = this.#out;
    switch (type) {
      case 'string':
        out.string(number, this.#string(value));
        return;
      case 'bytes':
        out.bytes(number, this.#base64(this.#string(value)));
        return;
      case 'id':
        out.bytes(number, idBytes(value));
        return;
      case 'bool':
        if (typeof value !== 'boolean') throw this.#wrong('true or false');
        out.varint(number, value ? 1n : 0n);
        return;
      case 'double':
        out.double(number, this.#double(value));
        return;
      case 'int64':
        out.varint(number, this.#integer(value, minInt64, maxInt64));
        return;
      case 'uint64':
        out.varint(number, this.#integer(value, 0n, maxUint64));
        return;
      case 'uint32':
        out.varint(number, this.#integer(value, 0n, 2n ** 32n - 1n));
        return;
      case 'sint32': {
        const signed = this.#integer(value, -(2n ** 31n), 2n ** 31n - 1n);
        out.varint(number, BigInt.asUintN(32, (signed << 1n) ^ (signed >> 31n)));
        return;
      }
      case 'fixed32':
        out.fixed32(number, Number(this.#integer(value, 0n, 2n ** 32n - 1n)));
        return;
      case 'fixed64':
        out.fixed64(number, this.#integer(value, 0n, maxUint64));
        return;
      case 'sfixed64':
        out.fixed64(number, this.#integer(value, minInt64, maxInt64));
        return;
    }
  }

  #string(value: unknown): string {
    if (typeof value !== 'string') throw this.#wrong('a string');
    return value;
  }

  /** Integers may be numbers or decimal strings. */
  #integer(value: unknown, min: bigint, max: bigint): bigint {
    let integer: bigint | null = null;
    if (typeof value === 'number' && Number.isInteger(value)) integer = BigInt(value);
    else if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) integer = BigInt(value);
    if (integer === null || integer < min || integer > max)
      throw this.#wrong(`an integer from ${min} to ${max}`);
    return integer;
  }

  #double(value: unknown): number {
    if (typeof value === 'number') return value;
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
    if (typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return Number(value);
    throw this.#wrong('a number');
  }

  #base64(value: string): Uint8Array {
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw this.#wrong('base64 text');
    return Buffer.from(value, 'base64');
  }

  #wrong(expected: string): PayloadError {
    return malformed(`${this.#where() || 'the body'} must be ${expected}`);
  }

  /** As `resourceLogs[0].scopeLogs`; '' for the request itself. */
  #where(): string {
    const path = this.#path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
    return path.slice(1);
  }
}

/** Bytes of hex text; one byte, which no identifier has, for anything else, so that it concerns its record alone. */
function idBytes(value: unknown): Uint8Array {
  const text = typeof value === 'string' ? value : '?';
  return text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text) ? Buffer.from(text, 'hex') : Uint8Array.of(1);
}
