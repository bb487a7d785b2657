/** Where repeated messages lie that are looked at again after the message around them is read. Reused. */
export class Slices {
  length = 0;
  #starts = new Int32Array(16);
  #ends = new Int32Array(16);

  add(start: number, end: number): void {
    if (this.length === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#ends = doubled(this.#ends);
    }
    this.#starts[this.length] = start;
    this.#ends[this.length] = end;
    this.length++;
  }

  start(i: number): number {
    return this.#starts[i]!;
  }

  end(i: number): number {
    return this.#ends[i]!;
  }
}

function doubled(values: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(values.length * 2);
  grown.set(values);
  return grown;
}
