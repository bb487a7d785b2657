import { QueryError } from '../../../lake/query-error.js';
import { end, type Reader } from '../../grammar/index.js';
import { checkShape, type ShapeLimits } from '../../text/shape.js';
import { children, type Expr, type VectorSelector } from './ast.js';
import { parseError } from './errors.js';
import { Lexer } from './lexer.js';
import { promql, type ActingRule } from './rules.js';
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
  const expr = new Reading(source, 'START_EXPRESSION', options).run();
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
  return new Reading(source, 'START_METRIC_SELECTOR', options).run() as VectorSelector;
}

function depth(expr: Expr): number {
  return 1 + Math.max(0, ...children(expr).map(depth));
}

/** A query that is being read, and what its rules ask of it. */
class Reading implements Context, Reader<ActingRule, Slot> {
  readonly #lexer: Lexer;
  #token: Token;
  #begun = false;
  #ended = false;
  #closed = 0;

  constructor(
    private readonly source: string,
    beginning: TokenKind,
    readonly options: ParseOptions,
  ) {
    this.#lexer = new Lexer(source);
    this.#token = { kind: beginning, at: 0, text: '' };
  }

  run(): Expr {
    return (promql().parse<Slot>(this) as Expr | undefined) ?? this.fail(this.#token.at, 'unexpected input');
  }

  next(): { terminal: string; value: Slot } {
    if (this.#ended) return { terminal: end, value: undefined };
    if (this.#begun) this.#read();
    this.#begun = true;
    return { terminal: this.#token.kind, value: this.#token };
  }

  #read(): void {
    const token = this.#lexer.next();
    const { kind, at, text } = token;
    this.#token = token;
    if (kind === 'ERROR') this.fail(at, text);
    if (kind === 'EOF') this.#ended = true;
    if (/^(RIGHT_BRACE|RIGHT_PAREN|RIGHT_BRACKET|DURATION|NUMBER)$/.test(kind))
      this.#closed = at + text.length;
  }

  reduce({ act }: ActingRule, slots: readonly Slot[]): Slot {
    return act(slots, this);
  }

  unexpected(context?: string, expected?: string): never {
    const within = context === undefined ? '' : ` in ${context}`;
    const wanted = expected === undefined ? '' : `, expected ${expected}`;
    return this.fail(this.#token.at, `unexpected ${described(this.#token)}${within}${wanted}`);
  }

  get closed(): number {
    return this.#closed;
  }

  get closedBefore(): number {
    return this.#lexer.behindLastParenthesis(this.#closed);
  }

  fail(from: number, message: string): never {
    throw parseError(this.source, from, message);
  }
}
