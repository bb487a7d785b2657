import { QueryError } from '../../../lake/query-error.js';
import { checkShape, type ShapeLimits } from '../../text/shape.js';
import { children, type Expr, type VectorSelector } from './ast.js';
import { parseError } from './errors.js';
import * as tables from './grammar-tables.js';
import { Lexer } from './lexer.js';
import { rules } from './rules.js';
import type { Context, ParseOptions, Slot } from './slots.js';
import { described, type Token, type TokenKind } from './token.js';

const maxDepth = 500;
const shape: ShapeLimits = {
  maxLength: 64 * 1024,
  maxDepth,
  maxItems: 1000,
};

/**
 * Parses PromQL by Prometheus' own grammar; its types are not checked yet. Throws QueryError `bad_data` with
 * `line:column` of the first fault, in Prometheus' words.
 */
export function parseExpr(source: string, options: ParseOptions): Expr {
  checkShape(source, shape);
  const expr = new Machine(source, 'START_EXPRESSION', options).run();
  try {
    if (depth(expr) > maxDepth) throw new RangeError();
    return expr;
  } catch (error) {
    // The call stack ends before the depth can be measured when a query is nested without any sense.
    if (!(error instanceof RangeError)) throw error;
    throw new QueryError('bad_data', `the query is nested or chained deeper than ${maxDepth} levels`);
  }
}

/** Parses what selects series and nothing else, as `match[]` has it. Throws QueryError. */
export function parseVectorSelector(source: string, options: ParseOptions): VectorSelector {
  checkShape(source, shape);
  return new Machine(source, 'START_METRIC_SELECTOR', options).run() as VectorSelector;
}

function depth(expr: Expr): number {
  return 1 + Math.max(0, ...children(expr).map(depth));
}

const errorToken = 2;
const endToken = 1;
/** In the table of bases: the state has one action, whatever comes. */
const noBase = -1000;
/** In the table of defaults: the action is in the table of exceptions. */
const exceptional = -2;
const numbers: ReadonlyMap<TokenKind, number> = new Map(
  tables.tokenNames.map((kind, i) => [kind, tables.firstToken + i]),
);

/** goyacc's push-down automaton, error recovery included: which fault is told depends on it. */
class Machine {
  readonly #lexer: Lexer;
  readonly #states: number[] = [];
  readonly #slots: Slot[] = [];
  #state = 0;
  /** The next token's number, if it was read. */
  #ahead: number | undefined;
  #token: Token = { kind: 'EOF', at: 0, text: '' };
  #started = false;
  #ended = false;
  /** Tokens to be shifted until the parser counts as in step again. */
  #recovering = 0;
  /** Where the last word ended that can end an expression. */
  #closed = 0;
  #result: Expr | undefined;

  constructor(
    private readonly source: string,
    private readonly beginning: TokenKind,
    private readonly options: ParseOptions,
  ) {
    this.#lexer = new Lexer(source);
  }

  run(): Expr {
    this.#push(0, undefined);
    for (;;) {
      if (this.#shift()) continue;
      const rule = this.#rule();
      if (rule < 0) break;
      if (rule > 0) this.#reduce(rule);
      else if (!this.#recover()) break;
    }
    return this.#result ?? this.#fail(this.#token.at, 'unexpected input');
  }

  #push(state: number, slot: Slot): void {
    this.#state = state;
    this.#states.push(state);
    this.#slots.push(slot);
  }

  #peek(): number {
    return (this.#ahead ??= this.#read());
  }

  #read(): number {
    if (!this.#started) {
      this.#started = true;
      return numbers.get(this.beginning) ?? errorToken;
    }
    if (this.#ended) return endToken;
    const token = this.#lexer.next();
    const { kind, at, text } = token;
    this.#token = token;
    if (kind === 'ERROR') this.#fail(at, text);
    if (kind === 'EOF') this.#ended = true;
    if (/^(RIGHT_BRACE|RIGHT_PAREN|RIGHT_BRACKET|DURATION|NUMBER)$/.test(kind))
      this.#closed = at + text.length;
    return numbers.get(kind) ?? errorToken;
  }

  #shift(): boolean {
    const base = at(tables.actionBase, this.#state);
    if (base <= noBase) return false;
    const next = base + this.#peek();
    if (next < 0 || next >= tables.actions.length) return false;
    const state = at(tables.actions, next);
    if (at(tables.checks, state) !== this.#ahead) return false;
    this.#ahead = undefined;
    if (this.#recovering > 0) this.#recovering--;
    this.#push(state, this.#token);
    return true;
  }

  /** The production to reduce by; 0: a fault, below 0: accepted. */
  #rule(): number {
    const rule = at(tables.defaults, this.#state);
    if (rule !== exceptional) return rule;
    const ahead = this.#peek();
    let i = 0;
    while (at(tables.exceptions, i) !== -1 || at(tables.exceptions, i + 1) !== this.#state) i += 2;
    do i += 2;
    while (at(tables.exceptions, i) >= 0 && at(tables.exceptions, i) !== ahead);
    const found = at(tables.exceptions, i + 1);
    return found < 0 ? -1 : found;
  }

  /** Goes back to where an error is expected, or throws the next token away; false where there is no way on. */
  #recover(): boolean {
    if (this.#recovering === 3) {
      if (this.#peek() === endToken) return false;
      this.#ahead = undefined;
      return true;
    }
    this.#recovering = 3;
    for (; this.#states.length > 0; this.#states.pop(), this.#slots.pop()) {
      const next = at(tables.actionBase, this.#states.at(-1) ?? 0) + errorToken;
      if (next < 0 || next >= tables.actions.length) continue;
      const state = at(tables.actions, next);
      if (at(tables.checks, state) !== errorToken) continue;
      this.#push(state, undefined);
      return true;
    }
    return false;
  }

  #reduce(rule: number): void {
    const length = at(tables.productionLength, rule);
    const slots = length === 0 ? [] : this.#slots.splice(-length);
    this.#states.length -= length;
    const symbol = at(tables.producedSymbol, rule);
    const base = at(tables.gotoBase, symbol);
    const next = base + (this.#states.at(-1) ?? 0) + 1;
    const candidate = next < tables.actions.length ? at(tables.actions, next) : undefined;
    const known = candidate !== undefined && at(tables.checks, candidate) === -symbol;
    const slot = rules[rule]?.(slots, this.#context);
    this.#push(known ? candidate : at(tables.actions, base), slot);
  }

  get #context(): Context {
    const closed = this.#closed;
    return {
      options: this.options,
      fail: (from, message) => this.#fail(from, message),
      unexpected: (context, expected) => {
        const within = context === undefined ? '' : ` in ${context}`;
        const wanted = expected === undefined ? '' : `, expected ${expected}`;
        return this.#fail(this.#token.at, `unexpected ${described(this.#token)}${within}${wanted}`);
      },
      closed,
      closedBefore: this.#lexer.behindLastParenthesis(closed),
      accept: (expr) => {
        this.#result = expr;
      },
    };
  }

  #fail(from: number, message: string): never {
    throw parseError(this.source, from, message);
  }
}

function at(table: readonly number[], i: number): number {
  return table[i] ?? 0;
}
