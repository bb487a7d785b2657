/** Finds values by stream ids, many times faster than a Map of numbers: ids are hashes already. */
export class IdTable<V> {
  readonly #ids: Float64Array;
  readonly #words: Uint32Array;
  readonly #places: Int32Array;
  readonly #mask: number;
  readonly #values: V[] = [];

  constructor(entries: ReadonlyMap<number, V>) {
    let slots = 16;
    while (slots < entries.size * 2) slots *= 2;
    this.#mask = slots - 1;
    this.#ids = new Float64Array(entries.size);
    this.#words = new Uint32Array(this.#ids.buffer);
    this.#places = new Int32Array(slots).fill(-1);
    for (const [id, value] of entries) {
      const place = this.#values.push(value) - 1;
      this.#ids[place] = id;
      let slot = this.#slot(this.#words, place);
      while ((this.#places[slot] ?? -1) >= 0) slot = (slot + 1) & this.#mask;
      this.#places[slot] = place;
    }
  }

  #slot(words: Uint32Array, i: number): number {
    return ((words[2 * i] ?? 0) ^ (words[2 * i + 1] ?? 0)) & this.#mask;
  }

  /** Calls `each` for the rows whose id is known. */
  forEach(ids: Float64Array, each: (value: V, row: number) => void): void {
    const words = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row];
      let slot = this.#slot(words, row);
      for (;;) {
        const place = this.#places[slot] ?? -1;
        if (place < 0) break;
        if (this.#ids[place] === id) {
          each(this.#values[place] as V, row);
          break;
        }
        slot = (slot + 1) & this.#mask;
      }
    }
  }
}
