import { Aheads } from './aheads.js';
import { statesOf, type NumberedRules } from './states.js';

/** A rule: what it makes, and of what. Names that are no terminal are made by rules. */
export interface Rule {
  readonly makes: string;
  readonly of: readonly string[];
  /** A terminal that it binds as tight as; else its last one. */
  readonly bindsAs?: string | undefined;
}

export interface Grammar<R extends Rule = Rule> {
  /** In the order in which errors name them. */
  readonly terminals: readonly string[];
  /** Operators by how tight they bind, the loosest first; without a side they stand left of what they bind. */
  readonly operators: readonly {
    readonly side?: 'right' | 'none';
    readonly names: readonly string[];
  }[];
  readonly start: string;
  readonly rules: readonly R[];
}

/** The terminal at the end of every text. */
export const end = '$end';
/** The terminal with which a rule says where a parser goes on after an error. */
export const resume = 'error';
/** Their numbers. */
export const endNumber = 0;
export const resumeNumber = 1;
/** The action that ends a parse. */
export const accept = 0x7fff;
/** The action that is an error even where a rule is reduced by default: an operator without a side behind its like. */
export const refusal = 0x7ffe;

/** What a parser does, by numbers of states, terminals, rules (from 1) and made symbols. */
export interface Tables {
  readonly terminals: ReadonlyMap<string, number>;
  /** How many there are: a row of `actions`, and one of `gotos`. */
  readonly width: number;
  readonly madeWidth: number;
  /** Above 0 the state that a terminal leads to, below 0 the rule that is reduced before it, 0 for the default. */
  readonly actions: Int16Array;
  /** The rule that is reduced by default; 0 where that is an error. */
  readonly defaults: Int16Array;
  /** 1 where a state has to know the next terminal. */
  readonly asks: Uint8Array;
  readonly gotos: Int16Array;
  /** What each rule makes. */
  readonly made: readonly number[];
}

/**
 * The LALR(1) tables of a grammar as yacc makes them: an earlier rule before a later one, a shift where no precedence says
 * otherwise, and default reductions, on which it depends what is reported at an error.
 */
export function tablesOf(grammar: Grammar): Tables {
  const names = [end, resume, ...grammar.terminals];
  const width = names.length;
  const numbers = new Map(names.map((name, i) => [name, i]));
  const terminals = new Map(numbers);
  for (const { makes } of grammar.rules) if (!numbers.has(makes)) numbers.set(makes, numbers.size);
  const numberOf = (name: string) => {
    const number = numbers.get(name);
    if (number === undefined) throw new Error(`the grammar has no ${name}`);
    return number;
  };
  const rules = [
    { makes: numbers.size, of: [numberOf(grammar.start), endNumber] },
    ...grammar.rules.map(({ makes, of }) => ({ makes: numberOf(makes), of: of.map(numberOf) })),
  ];
  const making: number[][] = Array.from({ length: numbers.size + 1 }, () => []);
  rules.forEach(({ makes }, rule) => making[makes]?.push(rule));
  const numbered: NumberedRules = { terminals: width, symbols: numbers.size + 1, rules, making };
  const states = statesOf(numbered);
  const madeWidth = numbered.symbols - width;
  const actions = new Int16Array(states.length * width);
  const gotos = new Int16Array(states.length * madeWidth);
  const defaults = new Int16Array(states.length);
  const asks = new Uint8Array(states.length);
  const aheads = new Aheads(numbered, states);
  const shifts = precedence(grammar, numbered, terminals);
  const times = new Int32Array(rules.length);
  states.forEach(({ moves, whole }, state) => {
    const row = state * width;
    moves.forEach((target, symbol) => {
      if (symbol >= width) gotos[state * madeWidth + symbol - width] = target;
      else actions[row + symbol] = symbol === endNumber ? accept : target;
    });
    let reduced = false;
    for (const rule of whole) {
      aheads.forEach(state, rule, (terminal) => {
        const before = actions[row + terminal] as number;
        if (before > 0) {
          const isShift = before >= refusal || shifts(rule, terminal);
          if (isShift === true) return;
          actions[row + terminal] = isShift === undefined ? refusal : -rule;
        } else if (before === 0 || -before > rule) actions[row + terminal] = -rule;
        reduced = true;
      });
    }
    asks[state] = 1;
    if (!reduced || (actions[row + resumeNumber] as number) > 0) return;
    times.fill(0);
    let common = 0;
    for (let at = row; at < row + width; at++) {
      const rule = -(actions[at] as number);
      if (rule > 0) times[rule] = (times[rule] as number) + 1;
    }
    for (let at = row; at < row + width; at++) {
      const rule = -(actions[at] as number);
      if (rule > 0 && (times[rule] as number) > (times[common] as number)) common = rule;
    }
    defaults[state] = common;
    let others = 0;
    for (let at = row; at < row + width; at++) {
      if (common > 0 && actions[at] === -common) actions[at] = 0;
      else if (actions[at] !== 0) others = 1;
    }
    asks[state] = others;
  });
  const made = rules.map(({ makes }) => makes - width);
  return { terminals, width, madeWidth, actions, defaults, asks, gotos, made };
}

/** Whether a terminal is shifted rather than a rule reduced before it; undefined where that is an error. */
function precedence(grammar: Grammar, { rules }: NumberedRules, terminals: ReadonlyMap<string, number>) {
  const levels = new Map(
    grammar.operators.flatMap(({ names, side }, level) =>
      names.map((name) => [terminals.get(name), { level, side }] as const),
    ),
  );
  const ofRules = rules.map(({ of }, i) => {
    const bindsAs = grammar.rules[i - 1]?.bindsAs;
    return levels.get(
      bindsAs === undefined ? of.findLast((symbol) => symbol < terminals.size) : terminals.get(bindsAs),
    );
  });
  return (rule: number, terminal: number): boolean | undefined => {
    const [own, other] = [ofRules[rule], levels.get(terminal)];
    if (!own || !other) return true;
    if (own.level !== other.level) return own.level < other.level;
    return other.side === 'none' ? undefined : other.side === 'right';
  };
}
