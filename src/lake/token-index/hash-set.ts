const leastSlots = 2 ** 15;
/** Of what is kept for the next numbers: more is rarely needed. */
const mostKeptSlots = 2 ** 19;

/** Numbers of 32 bits. */
export class HashSet {
  #slots = new Uint32Array(leastSlots);
  size = 0;
  /** Which no slot can hold. */
  #zero = false;

  add(hash: number): void {
    if (hash === 0) {
      if (!this.#zero) this.size++;
      this.#zero = true;
      return;
    }
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = hash & mask;
    for (let found = slots[at]; found !== 0; found = slots[at]) {
      if (found === hash) return;
      at = (at + 1) & mask;
    }
    slots[at] = hash;
    if (++this.size * 2 > slots.length) this.#grow();
  }

  each(take: (hash: number) => void): void {
    if (this.#zero) take(0);
    for (const hash of this.#slots) if (hash !== 0) take(hash);
  }

  /** Begins anew, in the same memory unless that is large. */
  clear(): void {
    if (this.#slots.length > mostKeptSlots) this.#slots = new Uint32Array(leastSlots);
    else this.#slots.fill(0);
    this.size = 0;
    this.#zero = false;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    const mask = this.#slots.length - 1;
    for (const hash of before) {
      if (hash === 0) continue;
      let at = hash & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = hash;
    }
  }
}
