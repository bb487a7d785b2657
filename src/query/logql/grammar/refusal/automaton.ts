/** A rule: what it makes, and of what. Names that are no terminal are made by rules. */
export interface Rule {
  readonly makes: string;
  readonly of: readonly string[];
}

export interface Grammar {
  /** In the order in which errors name them. */
  readonly terminals: readonly string[];
  /** Operators by how tight they bind, the loosest first. */
  readonly operators: readonly { readonly right?: boolean; readonly names: readonly string[] }[];
  readonly start: string;
  readonly rules: readonly Rule[];
}

/** The terminal at the end of every text. */
export const end = '$end';
/** The terminal with which a rule says where a parser goes on after an error. */
export const resume = 'error';

interface State {
  readonly shifts: ReadonlyMap<string, number>;
  readonly gotos: ReadonlyMap<string, number>;
  /** Terminals before which a rule is reduced that is not the default; `null` accepts. */
  readonly others: ReadonlyMap<string, Rule | null>;
  /** The rule that is reduced before any other terminal. */
  readonly byDefault: Rule | undefined;
}

/**
 * An LALR(1) automaton with the default reductions of yacc: of all automata of a grammar this one says what could stand in
 * the place of a word as parsers made by yacc do.
 */
export class Automaton {
  readonly #terminals: readonly string[];
  readonly #states: readonly State[];

  constructor(grammar: Grammar) {
    this.#terminals = grammar.terminals;
    this.#states = statesOf(grammar);
  }

  /**
   * Reads terminals until one does not fit; gives it with what is expected in its place, which is empty when that is more than
   * four terminals or depends on more than the last state. Undefined: the text is of the grammar.
   */
  refused(
    next: () => string,
  ): { readonly terminal: string; readonly expected: readonly string[] } | undefined {
    const stack = [0];
    let ahead: string | undefined;
    for (;;) {
      const state = this.#states[stack.at(-1) ?? 0] as State;
      if (state.shifts.size > 0 || state.others.size > 0) {
        ahead ??= next();
        const shift = state.shifts.get(ahead);
        if (shift !== undefined) {
          stack.push(shift);
          ahead = undefined;
          continue;
        }
      }
      const rule = ahead !== undefined && state.others.has(ahead) ? state.others.get(ahead) : state.byDefault;
      if (rule === null) return undefined;
      if (!rule) return { terminal: ahead ?? next(), expected: this.#expected(state) };
      stack.length -= rule.of.length;
      const below = this.#states[stack.at(-1) ?? 0] as State;
      stack.push(below.gotos.get(rule.makes) as number);
    }
  }

  #expected({ shifts, others, byDefault }: State): string[] {
    const named = (names: ReadonlyMap<string, unknown>) => this.#terminals.filter((name) => names.has(name));
    const expected = [...named(shifts), ...named(others)];
    return expected.length > 4 || (others.size > 0 && byDefault) ? [] : expected;
  }
}

/** A place in a rule. */
interface Item {
  readonly rule: number;
  readonly at: number;
}

interface Kernel {
  readonly items: readonly Item[];
  readonly aheads: readonly Set<string>[];
  readonly moves: Map<string, number>;
}

function statesOf(grammar: Grammar): State[] {
  const rules: readonly Rule[] = [{ makes: '$root', of: [grammar.start, end] }, ...grammar.rules];
  const byName = grouped(
    rules.map((rule, index) => ({ ...rule, index })),
    ({ makes }) => makes,
  );
  const first = firstsOf(rules, byName);
  const kernels = kernelsOf(rules, byName, first);
  const tightness = new Map<string, { level: number; right: boolean }>(
    grammar.operators.flatMap(({ names, right = false }, level) =>
      names.map((name) => [name, { level, right }] as const),
    ),
  );
  const operatorOf = (rule: Rule) => {
    const last = rule.of.findLast((name) => !byName.has(name));
    return last === undefined ? undefined : tightness.get(last);
  };
  return kernels.map(({ items, aheads, moves }) => {
    const shifts = new Map([...moves].filter(([name]) => !byName.has(name)));
    const gotos = new Map([...moves].filter(([name]) => byName.has(name)));
    const reductions = new Map<string, number>();
    const accepts = shifts.delete(end);
    for (const { item, ahead } of closure({ items, aheads }, rules, byName, first)) {
      const rule = rules[item.rule] as Rule;
      if (item.at < rule.of.length) continue;
      for (const name of ahead) {
        if (shifts.has(name)) {
          const [own, other] = [operatorOf(rule), tightness.get(name)];
          if (!own || !other || own.level < other.level || (own.level === other.level && other.right))
            continue;
          shifts.delete(name);
        }
        reductions.set(name, Math.min(reductions.get(name) ?? Infinity, item.rule));
      }
    }
    const common = shifts.has(resume) ? undefined : mostCommon([...reductions.values()]);
    const others = new Map<string, Rule | null>();
    for (const [name, rule] of reductions) if (rule !== common) others.set(name, rules[rule] as Rule);
    if (accepts) others.set(end, null);
    return { shifts, gotos, others, byDefault: common === undefined ? undefined : rules[common] };
  });
}

function grouped<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

function mostCommon(values: readonly number[]): number | undefined {
  let best: number | undefined;
  let times = 0;
  for (const [value, own] of grouped(values, (each) => each)) {
    if (own.length > times) [best, times] = [value, own.length];
  }
  return best;
}

type Rules = ReadonlyMap<string, readonly (Rule & { readonly index: number })[]>;
/** What a name may begin with; '' where it may be nothing. */
type Firsts = ReadonlyMap<string, ReadonlySet<string>>;

function firstsOf(rules: readonly Rule[], byName: Rules): Firsts {
  const firsts = new Map<string, Set<string>>([...byName.keys()].map((name) => [name, new Set()]));
  for (let grown = true; grown;) {
    grown = false;
    for (const { makes, of } of rules) {
      const own = firsts.get(makes) as Set<string>;
      const before = own.size;
      for (const name of firstOf(of, firsts, ['']).values()) own.add(name);
      if (own.size > before) grown = true;
    }
  }
  return firsts;
}

function firstOf(names: readonly string[], firsts: Firsts, behind: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const name of names) {
    const own = firsts.get(name);
    if (!own) return found.add(name);
    for (const each of own) if (each !== '') found.add(each);
    if (!own.has('')) return found;
  }
  for (const each of behind) found.add(each);
  return found;
}

/** All items of a state with the terminals behind their rules. */
function closure(
  { items, aheads }: Pick<Kernel, 'items' | 'aheads'>,
  rules: readonly Rule[],
  byName: Rules,
  firsts: Firsts,
): { readonly item: Item; readonly ahead: Set<string> }[] {
  const found = new Map<string, { readonly item: Item; readonly ahead: Set<string> }>();
  items.forEach((item, i) => found.set(keyOf(item), { item, ahead: new Set(aheads[i]) }));
  const queue = [...found.values()];
  for (let one = queue.pop(); one; one = queue.pop()) {
    const { item, ahead } = one;
    const of = rules[item.rule]?.of ?? [];
    const made = byName.get(of[item.at] ?? '');
    if (!made) continue;
    const behind = firstOf(of.slice(item.at + 1), firsts, ahead);
    for (const { index } of made) {
      const next = { rule: index, at: 0 };
      const known = found.get(keyOf(next)) ?? { item: next, ahead: new Set<string>() };
      const before = found.has(keyOf(next)) ? known.ahead.size : -1;
      for (const name of behind) known.ahead.add(name);
      found.set(keyOf(next), known);
      if (known.ahead.size > before) queue.push(known);
    }
  }
  return [...found.values()];
}

const keyOf = ({ rule, at }: Item) => `${rule}.${at}`;

/** The states by the places in rules that they are, with what may stand behind these. */
function kernelsOf(rules: readonly Rule[], byName: Rules, firsts: Firsts): Kernel[] {
  const kernels: Kernel[] = [{ items: [{ rule: 0, at: 0 }], aheads: [new Set([end])], moves: new Map() }];
  const known = new Map([['0.0', 0]]);
  const queue = [0];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    const kernel = kernels[at] as Kernel;
    const moved = grouped(
      closure(kernel, rules, byName, firsts).filter(
        ({ item }) => item.at < (rules[item.rule]?.of.length ?? 0),
      ),
      ({ item }) => rules[item.rule]?.of[item.at] as string,
    );
    for (const [name, from] of moved) {
      const items = from
        .map(({ item, ahead }) => ({ item: { rule: item.rule, at: item.at + 1 }, ahead }))
        .sort((a, b) => a.item.rule - b.item.rule || a.item.at - b.item.at);
      const key = items.map(({ item }) => keyOf(item)).join(' ');
      const target = known.get(key) ?? kernels.length;
      kernel.moves.set(name, target);
      const state = kernels[target];
      if (!state) {
        known.set(key, target);
        const aheads = items.map(({ ahead }) => new Set(ahead));
        kernels.push({ items: items.map(({ item }) => item), aheads, moves: new Map() });
        queue.push(target);
        continue;
      }
      let grown = false;
      items.forEach(({ ahead }, i) => {
        const own = state.aheads[i] as Set<string>;
        const before = own.size;
        for (const each of ahead) own.add(each);
        if (own.size > before) grown = true;
      });
      if (grown && !queue.includes(target)) queue.push(target);
    }
  }
  return kernels;
}
