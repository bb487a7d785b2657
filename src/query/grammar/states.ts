/** A grammar by numbers: terminals come first, then what rules make. The first rule is the root's. */
export interface NumberedRules {
  readonly terminals: number;
  readonly symbols: number;
  readonly rules: readonly { readonly makes: number; readonly of: readonly number[] }[];
  /** The rules that make a symbol. */
  readonly making: readonly (readonly number[])[];
}

/** The places in rules at which a parser may be at once. */
export interface State {
  /** The states behind each symbol that may come. */
  readonly moves: Map<number, number>;
  /** The rules that may be whole here. */
  readonly whole: readonly number[];
}

/** The states of an LR(0) automaton, of which the first is the beginning. */
export function statesOf(grammar: NumberedRules): State[] {
  const places = new Places(grammar);
  const kernels: (readonly number[])[] = [[0]];
  const known = new Map([['0', 0]]);
  const states: State[] = [];
  for (let kernel = kernels[0]; kernel; kernel = kernels[states.length]) {
    const behind = new Map<number, number[]>();
    const whole: number[] = [];
    for (const place of places.closure(kernel)) {
      const symbol = places.symbols[place] as number;
      if (symbol < 0) {
        whole.push(places.rules[place] as number);
        continue;
      }
      const others = behind.get(symbol);
      if (others) others.push(place + 1);
      else behind.set(symbol, [place + 1]);
    }
    const moves = new Map<number, number>();
    for (const [symbol, next] of behind) {
      const key = next.sort((a, b) => a - b).join();
      const target = known.get(key) ?? kernels.length;
      if (target === kernels.length) {
        known.set(key, target);
        kernels.push(next);
      }
      moves.set(symbol, target);
    }
    states.push({ moves, whole });
  }
  return states;
}

/** All places in rules by number: the symbol behind each (-1 at the end), and its rule. */
class Places {
  readonly symbols: number[] = [];
  readonly rules: number[] = [];
  readonly #first: number[] = [];
  /** The last closure that each place was put into. */
  readonly #seen: number[] = [];
  #stamp = 0;
  readonly #begun = new Map<number, readonly number[]>();

  constructor(private readonly grammar: NumberedRules) {
    grammar.rules.forEach(({ of }, rule) => {
      this.#first.push(this.symbols.length);
      for (const symbol of [...of, -1]) {
        this.symbols.push(symbol);
        this.rules.push(rule);
      }
    });
  }

  closure(kernel: readonly number[]): readonly number[] {
    const found = [...kernel];
    const stamp = ++this.#stamp;
    for (const place of kernel) {
      const symbol = this.symbols[place] as number;
      if (symbol < this.grammar.terminals) continue;
      for (const begun of this.#beginning(symbol)) {
        if (this.#seen[begun] === stamp) continue;
        this.#seen[begun] = stamp;
        found.push(begun);
      }
    }
    return found;
  }

  /** The places that a parser is at before a symbol that rules make. */
  #beginning(symbol: number): readonly number[] {
    const known = this.#begun.get(symbol);
    if (known) return known;
    const symbols = new Set([symbol]);
    const found: number[] = [];
    for (const each of symbols) {
      for (const rule of this.grammar.making[each] ?? []) {
        const place = this.#first[rule] as number;
        found.push(place);
        const next = this.symbols[place] as number;
        if (next >= this.grammar.terminals) symbols.add(next);
      }
    }
    this.#begun.set(symbol, found);
    return found;
  }
}
