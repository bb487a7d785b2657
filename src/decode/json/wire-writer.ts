/** Bytes that a nested message's length takes here: not minimal, but known before the message is written. */
const lengthBytes = 5;

/** Writes protobuf's wire format into a growing buffer. */
export class WireWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafe(sizeHint + 1024);
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

  double(field: number, value: number): void {
    this.#reserve(20);
    this.#varint((field << 3) | 1);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** An unsigned value below 2^31. */
  #varint(value: number): void {
    for (; value > 127; value >>>= 7) this.#bytes[this.#length++] = (value & 127) | 128;
    this.#bytes[this.#length++] = value;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
