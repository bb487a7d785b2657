/** Bits one behind the other, the highest of each value first, as Prometheus' chunks have them. */
export class BitWriter {
  #bytes = new Uint8Array(256);
  #length = 0;
  /** Bits of the last byte that are not taken yet. */
  #free = 0;

  /** The lowest `count` bits, at most 32. */
  bits(value: number, count: number): void {
    let rest = count;
    while (rest > 0) {
      if (this.#free === 0) this.#grow();
      const taken = Math.min(rest, this.#free);
      const part = (value >>> (rest - taken)) & (2 ** taken - 1);
      this.#bytes[this.#length - 1] = (this.#bytes[this.#length - 1] ?? 0) | (part << (this.#free - taken));
      this.#free -= taken;
      rest -= taken;
    }
  }

  byte(value: number): void {
    this.bits(value, 8);
  }

  /** 64 bits in two halves. */
  whole(high: number, low: number): void {
    this.bits(high, 32);
    this.bits(low, 32);
  }

  double(value: number): void {
    const [high, low] = halves(value);
    this.whole(high, low);
  }

  /** Base 128, the lowest part first; a whole number of at least 0. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** Base 128 of a signed number, zigzag. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** A signed number that is small more often than not, in as few bits as its size needs. */
  small(value: number): void {
    this.#sized(value, (bits) => -(2 ** (bits - 1)) < value && value <= 2 ** (bits - 1));
  }

  /** As `small`, of a number of at least 0. */
  smallUnsigned(value: number): void {
    this.#sized(value, (bits) => value < 2 ** bits);
  }

  #sized(value: number, fits: (bits: number) => boolean): void {
    if (value === 0) {
      this.bits(0, 1);
      return;
    }
    const at = sizes.findIndex(fits);
    const ones = at < 0 ? sizes.length + 1 : at + 1;
    this.bits(2 ** ones - 1, ones);
    if (at >= 0) this.bits(0, 1);
    const size = sizes[at] ?? 64;
    if (size > 32) this.bits(Math.floor(value / 2 ** 32), size - 32);
    this.bits(value, Math.min(size, 32));
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length++;
    this.#free = 8;
  }
}

/** Bits of a sized number, by how many ones stand before its first zero. */
const sizes = [3, 6, 9, 12, 18, 25, 56];

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The bits of a double: the higher 32, the lower 32. */
export function halves(value: number): readonly [high: number, low: number] {
  double[0] = value;
  const [first = 0, second = 0] = words;
  return littleEndian ? [second, first] : [first, second];
}
