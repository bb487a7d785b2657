/** A set of small whole numbers, a bit for each up to the largest. */
export class NumberSet {
  #words = new Uint32Array(8);

  get bytes(): number {
    return this.#words.byteLength;
  }

  add(number: number): void {
    const word = number >>> 5;
    if (word >= this.#words.length) this.#grow(word + 1);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (number & 31));
  }

  addAll(other: NumberSet): void {
    const own = other.#words;
    if (own.length > this.#words.length) this.#grow(own.length);
    for (let i = 0; i < own.length; i++) this.#words[i] = (this.#words[i] ?? 0) | (own[i] ?? 0);
  }

  addNumbers(numbers: PackedNumbers): void {
    if (numbers instanceof NumberSet) this.addAll(numbers);
    else for (const number of numbers) this.add(number);
  }

  equals(other: NumberSet): boolean {
    const [one, two] = [this.#words, other.#words];
    for (let i = Math.max(one.length, two.length) - 1; i >= 0; i--) {
      if ((one[i] ?? 0) !== (two[i] ?? 0)) return false;
    }
    return true;
  }

  /** In rising order. */
  numbers(): number[] {
    const all: number[] = [];
    for (const [i, word] of this.#words.entries()) {
      for (let rest = word; rest !== 0; rest &= rest - 1) all.push(i * 32 + 31 - Math.clz32(rest & -rest));
    }
    return all;
  }

  #grow(words: number): void {
    const grown = new Uint32Array(Math.max(words, this.#words.length * 2));
    grown.set(this.#words);
    this.#words = grown;
  }
}

/** Numbers one by one, or a bit for each. */
export type PackedNumbers = NumberSet | Uint32Array;

/** In whichever form they take less room. */
export function packed(numbers: ReadonlySet<number>): PackedNumbers {
  const list = Uint32Array.from(numbers);
  const largest = list.reduce((most, number) => Math.max(most, number), 0);
  if (list.length <= largest >>> 5) return list;
  const set = new NumberSet();
  for (const number of list) set.add(number);
  return set;
}

/** What some sets of numbers stand for: the same thing for as long as it is kept, those used last. */
export class BySet<T> {
  readonly #kept: { readonly numbers: NumberSet; readonly thing: T }[] = [];

  constructor(private readonly most: number) {}

  get(numbers: NumberSet, make: () => T): T {
    const at = this.#kept.findIndex((one) => one.numbers.equals(numbers));
    const found = this.#kept.splice(at, at < 0 ? 0 : 1)[0] ?? { numbers, thing: make() };
    this.#kept.unshift(found);
    if (this.#kept.length > this.most) this.#kept.pop();
    return found.thing;
  }

  clear(): void {
    this.#kept.length = 0;
  }
}
