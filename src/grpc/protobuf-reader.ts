/** A field of a message: a number of at most 64 bits, or bytes. Of fixed-width fields only their place is known. */
export interface ProtobufField {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

/** Reads one message of protobuf's wire format, field by field. Throws RangeError when it is cut short or no message. */
export class ProtobufReader {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  *fields(): Generator<ProtobufField> {
    while (this.#at < this.bytes.length) {
      const tag = Number(this.#varint());
      const number = Math.floor(tag / 8);
      if (number === 0) throw new RangeError('a field has the number 0');
      switch (tag % 8) {
        case 0:
          yield { number, value: this.#varint() };
          break;
        case 1:
          yield { number, value: this.#take(8) };
          break;
        case 2:
          yield { number, value: this.#take(Number(this.#varint())) };
          break;
        case 5:
          yield { number, value: this.#take(4) };
          break;
        default:
          throw new RangeError(`a field has the wire type ${tag % 8}`);
      }
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.bytes.length) throw new RangeError('the message ends too early');
    const taken = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new RangeError('the message ends too early');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('a number is longer than 10 bytes');
  }
}
