import { PayloadError } from '../errors.js';

/** Bytes that a nested message's length takes here: not minimal, but known before the message is written. */
const lengthBytes = 5;

/** What the buffer may take. */
export interface WireBounds {
  readonly maxBytes: number;
  /** Told what the buffer takes more, before it does. */
  readonly take: (bytes: number) => void;
}

const mostMilliseconds = 2 ** 64 / 1e6;

/** Writes protobuf's wire format into a growing buffer. */
export class WireWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(
    sizeHint: number,
    private readonly bounds: WireBounds | null = null,
  ) {
    bounds?.take(sizeHint + 1024);
    this.#bytes = Buffer.allocUnsafe(sizeHint + 1024);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written since it was that long. */
  truncate(length: number): void {
    this.#length = length;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins a nested message; `end` takes the result. */
  begin(field: number): number {
    this.#reserve(10 + lengthBytes);
    this.#varint((field << 3) | 2);
    this.#length += lengthBytes;
    return this.#length;
  }

  end(start: number): void {
    let length = this.#length - start;
    for (let i = lengthBytes; i > 1; i--, length >>>= 7) this.#bytes[start - i] = (length & 127) | 128;
    this.#bytes[start - 1] = length & 127;
  }

  string(field: number, value: string): void {
    const most = value.length * 3;
    this.#reserve(20 + most);
    this.#varint((field << 3) | 2);
    if (value.length < 40) {
      // At most 120 bytes, so the length takes one byte. Lone surrogates become U+FFFD.
      const size = this.#bytes.write(value, this.#length + 1, 'utf8');
      this.#bytes[this.#length] = size;
      this.#length += 1 + size;
      return;
    }
    const size = Buffer.byteLength(value, 'utf8');
    this.#varint(size);
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  bytes(field: number, value: Uint8Array): void {
    this.#reserve(20 + value.length);
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** An integer from 0 to 2^31 - 1. */
  small(field: number, value: number): void {
    this.#reserve(20);
    this.#varint(field << 3);
    this.#varint(value);
  }

  /** Negative values as two's complement of 64 bits. */
  varint(field: number, value: bigint): void {
    this.#reserve(20);
    this.#varint(field << 3);
    if (value >= 0n && value < 2n ** 31n) {
      this.#varint(Number(value));
      return;
    }
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 127n) | 128;
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed32(field: number, value: number): void {
    this.#reserve(20);
    this.#varint((field << 3) | 5);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  fixed64(field: number, value: bigint): void {
    this.#reserve(20);
    this.#varint((field << 3) | 1);
    this.#length = this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
  }

  /** Milliseconds since the epoch as nanoseconds, exactly; those that uint64 does not hold are its last. */
  milliseconds(field: number, ms: number): void {
    if (ms >= mostMilliseconds) return this.fixed64(field, -1n);
    const low = (ms % 2 ** 32) * 1e6;
    this.#reserve(20);
    this.#varint((field << 3) | 1);
    this.#length = this.#bytes.writeUInt32LE(low % 2 ** 32, this.#length);
    const high = Math.floor(ms / 2 ** 32) * 1e6 + Math.floor(low / 2 ** 32);
    this.#length = this.#bytes.writeUInt32LE(high % 2 ** 32, this.#length);
  }

  /** An attribute whose value is text, both as they are. */
  attribute(field: number, key: Uint8Array, value: Uint8Array): void {
    this.#reserve(60 + key.length + value.length);
    const text = 1 + varintBytes(value.length) + value.length;
    const whole = 1 + varintBytes(key.length) + key.length + 1 + varintBytes(text) + text;
    this.#varint((field << 3) | 2);
    this.#varint(whole);
    this.#bytes[this.#length++] = (1 << 3) | 2;
    this.#varint(key.length);
    this.#copy(key);
    this.#bytes[this.#length++] = (2 << 3) | 2;
    this.#varint(text);
    this.#bytes[this.#length++] = (1 << 3) | 2;
    this.#varint(value.length);
    this.#copy(value);
  }

  /** What was written from `start` to `end`, once more. */
  again(start: number, end: number): void {
    this.#reserve(end - start);
    this.#bytes.copyWithin(this.#length, start, end);
    this.#length += end - start;
  }

  /** Numbers one after the other, each below 2^53 and not negative. */
  packedVarints(field: number, values: readonly number[]): void {
    const start = this.begin(field);
    for (const value of values) {
      this.#reserve(10);
      let rest = value;
      for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
      this.#bytes[this.#length++] = rest;
    }
    this.end(start);
  }

  /** The same as fixed64. */
  packedFixed64(field: number, values: readonly number[]): void {
    const start = this.begin(field);
    this.#reserve(values.length * 8);
    for (const value of values) {
      this.#length = this.#bytes.writeUInt32LE(value % 2 ** 32, this.#length);
      this.#length = this.#bytes.writeUInt32LE(Math.floor(value / 2 ** 32), this.#length);
    }
    this.end(start);
  }

  packedDoubles(field: number, values: readonly number[]): void {
    const start = this.begin(field);
    this.#reserve(values.length * 8);
    for (const value of values) this.#length = this.#bytes.writeDoubleLE(value, this.#length);
    this.end(start);
  }

  double(field: number, value: number): void {
    this.#reserve(20);
    this.#varint((field << 3) | 1);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** Of short values, as most are, byte by byte costs less than a call. */
  #copy(value: Uint8Array): void {
    const bytes = this.#bytes;
    const at = this.#length;
    if (value.length > 32) bytes.set(value, at);
    else for (let i = 0; i < value.length; i++) bytes[at + i] = value[i]!;
    this.#length = at + value.length;
  }

  /** An unsigned value below 2^31. */
  #varint(value: number): void {
    for (; value > 127; value >>>= 7) this.#bytes[this.#length++] = (value & 127) | 128;
    this.#bytes[this.#length++] = value;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const size = Math.max(this.#bytes.length * 2, this.#length + count);
    if (this.bounds && this.#length + count > this.bounds.maxBytes) throw tooLarge(this.bounds.maxBytes);
    this.bounds?.take(size - this.#bytes.length);
    const grown = Buffer.allocUnsafe(size);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (; value > 127; value >>>= 7) bytes++;
  return bytes;
}

function tooLarge(maxBytes: number): PayloadError {
  return new PayloadError(
    'too_large',
    `the records of the request take more than ${maxBytes} bytes (CANARDSTACK_MAX_REQUEST_ROW_BYTES)`,
  );
}
