import type { NumberedRules, State } from './states.js';

/**
 * The terminals that may come behind a whole rule in a state, by DeRemer and Pennello: sets of what follows each move by
 * a made symbol, which grow along the moves that they contain.
 */
export class Aheads {
  readonly #words: number;
  /** A set of bits for each move by a made symbol. */
  readonly #sets: Int32Array;
  /** The move by a symbol out of a state. */
  readonly #moves = new Map<number, number>();
  /** The moves that put a rule's symbol in the place of what is whole in a state. */
  readonly #lookback = new Map<number, number[]>();

  constructor(
    private readonly grammar: NumberedRules,
    private readonly states: readonly State[],
  ) {
    const { terminals, symbols } = grammar;
    this.#words = (terminals + 31) >> 5;
    states.forEach(({ moves }, state) => {
      for (const symbol of moves.keys())
        if (symbol >= terminals) this.#moves.set(state * symbols + symbol, this.#moves.size);
    });
    this.#sets = new Int32Array(this.#moves.size * this.#words);
    this.#grow(this.#contained(nullable(grammar)));
  }

  /** Calls `found` with each terminal that may come behind a rule that is whole in a state. */
  forEach(state: number, rule: number, found: (terminal: number) => void): void {
    const moves = this.#lookback.get(state * this.grammar.rules.length + rule) ?? [];
    for (let word = 0; word < this.#words; word++) {
      let bits = 0;
      for (const move of moves) bits |= this.#sets[move * this.#words + word] as number;
      for (; bits !== 0; bits &= bits - 1) found(word * 32 + 31 - Math.clz32(bits & -bits));
    }
  }

  /** Pairs of moves, of which what follows the second follows the first; fills in what follows moves at once. */
  #contained(empty: readonly boolean[]): number[] {
    const { terminals, symbols, rules, making } = this.grammar;
    const pairs: number[] = [];
    for (const [key, move] of this.#moves) {
      const from = Math.floor(key / symbols);
      const made = key % symbols;
      const target = this.#target(from, made);
      for (const symbol of this.states[target]?.moves.keys() ?? []) {
        if (symbol < terminals) this.#sets[move * this.#words + (symbol >> 5)]! |= 1 << (symbol & 31);
        else if (empty[symbol]) pairs.push(move, this.#moves.get(target * symbols + symbol) as number);
      }
      for (const rule of making[made] ?? []) {
        const { of } = rules[rule] as (typeof rules)[number];
        const restFrom = of.findLastIndex((symbol) => !empty[symbol]);
        let state = from;
        of.forEach((symbol, i) => {
          if (symbol >= terminals && i >= restFrom)
            pairs.push(this.#moves.get(state * symbols + symbol) as number, move);
          state = this.#target(state, symbol);
        });
        const whole = state * rules.length + rule;
        const others = this.#lookback.get(whole);
        if (others) others.push(move);
        else this.#lookback.set(whole, [move]);
      }
    }
    return pairs;
  }

  #target(state: number, symbol: number): number {
    return this.states[state]?.moves.get(symbol) as number;
  }

  #grow(pairs: readonly number[]): void {
    const [sets, words] = [this.#sets, this.#words];
    for (let grown = true; grown;) {
      grown = false;
      for (let i = 0; i < pairs.length; i += 2) {
        const [to, from] = [(pairs[i] as number) * words, (pairs[i + 1] as number) * words];
        for (let word = 0; word < words; word++) {
          const before = sets[to + word] as number;
          const after = before | (sets[from + word] as number);
          if (after === before) continue;
          sets[to + word] = after;
          grown = true;
        }
      }
    }
  }
}

/** Whether a symbol may stand for nothing. */
function nullable({ symbols, rules }: NumberedRules): boolean[] {
  const empty = new Array<boolean>(symbols).fill(false);
  for (let grown = true; grown;) {
    grown = false;
    for (const { makes, of } of rules) {
      if (empty[makes] || !of.every((symbol) => empty[symbol])) continue;
      empty[makes] = grown = true;
    }
  }
  return empty;
}
