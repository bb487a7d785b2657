import {
  accept,
  endNumber,
  refusal,
  resumeNumber,
  tablesOf,
  type Grammar,
  type Rule,
  type Tables,
} from './tables.js';

export { end, resume, type Grammar, type Rule } from './tables.js';

/** What feeds a parse, and makes something of it. */
export interface Reader<R extends Rule, Value> {
  /** The next word and its terminal; not called again behind the end. */
  next(): { readonly terminal: string; readonly value: Value };
  /** What a rule makes of its parts. */
  reduce(rule: R, values: readonly Value[]): Value;
  /**
   * Told of the first word that does not fit, with up to four terminals that would: none when there are more, or when it
   * depends on more than the last state. Unless it throws, the parse goes on where a rule has an error's place.
   */
  refuse?(terminal: string, expected: readonly string[]): void;
}

/** So many words have to fit before the next fault counts as one of its own. */
const inStep = 3;

/** A parser as yacc makes them of a grammar: of all parsers of it, it reports what these do, and recovers as they do. */
export class Automaton<R extends Rule> {
  readonly #tables: Tables;

  constructor(private readonly grammar: Grammar<R>) {
    this.#tables = tablesOf(grammar);
  }

  /** What the whole text is; undefined where it is not of the grammar, and no rule for errors mended that. */
  parse<Value>(reader: Reader<R, Value | undefined>): Value | undefined {
    const { width, madeWidth, actions, defaults, asks, gotos, made, terminals } = this.#tables;
    const states: number[] = [0];
    const values: (Value | undefined)[] = [undefined];
    let word: { readonly terminal: string; readonly value: Value | undefined } | undefined;
    let ahead = -1;
    let recovering = 0;
    const peek = () => {
      if (ahead >= 0) return;
      word = reader.next();
      ahead = terminals.get(word.terminal) ?? resumeNumber;
    };
    for (;;) {
      const state = states.at(-1) ?? 0;
      let action = 0;
      if (asks[state]) {
        peek();
        action = actions[state * width + ahead] as number;
      }
      if (action === accept) return values.at(-1);
      if (action > 0 && action !== refusal) {
        states.push(action);
        values.push(word?.value);
        ahead = -1;
        if (recovering > 0) recovering--;
        continue;
      }
      const rule = action < 0 ? -action : action === refusal ? 0 : (defaults[state] as number);
      if (rule > 0) {
        const own = this.grammar.rules[rule - 1] as R;
        const parts = own.of.length === 0 ? [] : values.splice(-own.of.length);
        states.length -= own.of.length;
        values.push(reader.reduce(own, parts));
        states.push(gotos[(states.at(-1) ?? 0) * madeWidth + (made[rule] as number)] as number);
        continue;
      }
      peek();
      if (recovering === 0) reader.refuse?.(word?.terminal ?? '', this.#expected(state));
      if (recovering === inStep) {
        if (ahead === endNumber) return undefined;
        ahead = -1;
        continue;
      }
      recovering = inStep;
      const onError = () => actions[(states.at(-1) ?? 0) * width + resumeNumber] as number;
      while (states.length > 0 && onError() <= 0) {
        states.pop();
        values.pop();
      }
      if (states.length === 0) return undefined;
      states.push(onError());
      values.push(undefined);
    }
  }

  #expected(state: number): string[] {
    const { width, actions, defaults } = this.#tables;
    const row = actions.subarray(state * width, (state + 1) * width);
    const named = (fits: (action: number) => boolean) =>
      this.grammar.terminals.filter((_, i) => fits(row[resumeNumber + 1 + i] as number));
    const expected = [
      ...named((action) => action > 0 && action !== refusal),
      ...named((action) => action < 0),
    ];
    const others = row.some((action) => action < 0 || action >= refusal);
    return expected.length > 4 || (others && defaults[state] !== 0) ? [] : expected;
  }
}
