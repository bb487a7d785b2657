const initialSize = 64 * 1024;

/** Writes protobuf's wire format into one growing buffer. Fields with default values are left out (proto3). */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(initialSize);
  #length = 0;

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }

  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  uint(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, 0);
    this.#varint(value);
  }

  uint64(field: number, value: bigint): void {
    if (value !== 0n) this.int64(field, value);
  }

  bool(field: number, value: boolean): void {
    this.#tag(field, 0);
    this.#varint(value ? 1 : 0);
  }

  /** Also writes zero: members of a oneof count as set by being there. */
  int64(field: number, value: bigint): void {
    this.#tag(field, 0);
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  fixed32(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, 5);
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
  }

  fixed64(field: number, value: bigint): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
  }

  double(field: number, value: number): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  string(field: number, value: string): void {
    if (value !== '') this.oneofString(field, value);
  }

  oneofString(field: number, value: string): void {
    const bytes = Buffer.byteLength(value);
    this.#tag(field, 2);
    this.#varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  hexBytes(field: number, hex: string): void {
    if (hex !== '') this.oneofBytes(field, Buffer.from(hex, 'hex'));
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.oneofBytes(field, value);
  }

  /** Also empty ones, and messages that are encoded already. */
  oneofBytes(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** Zigzag encoding, also of zero. */
  sint(field: number, value: number): void {
    this.int64(field, value < 0 ? 2n * -BigInt(value) - 1n : 2n * BigInt(value));
  }

  /** The length goes before the content, which is written first and moved to make room when it needs more than a byte. */
  message(field: number, write: () => void): void {
    this.#tag(field, 2);
    this.#reserve(1);
    const at = this.#length++;
    write();
    const size = this.#length - at - 1;
    let extra = 0;
    for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 0x80)) extra++;
    if (extra > 0) {
      this.#reserve(extra);
      this.#buffer.copyWithin(at + 1 + extra, at + 1, this.#length);
    }
    this.#length = at;
    this.#varint(size);
    this.#length += size;
  }
}
