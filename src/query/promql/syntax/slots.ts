import type { Matcher } from '../../series/matchers.js';
import type { Grouping } from '../../series/aggregate.js';
import type { Matching } from '../../series/operators.js';
import type { DurationTree, Expr, NumberLiteral, ValueType, VectorSelector } from './ast.js';
import type { Token, TokenKind } from './token.js';

/** What stands between a binary operator and its right side. */
export interface BinaryModifiers {
  readonly bool: boolean;
  readonly matching?: Matching;
}

/** What a place of the parser's stack holds: a word, or what was made of several. */
export type Slot =
  | Token
  | Expr
  | NumberLiteral
  | VectorSelector
  | DurationTree
  | BinaryModifiers
  | Grouping
  | Matcher
  | number
  | readonly Expr[]
  | readonly Matcher[]
  | readonly string[]
  | undefined;

export interface ParseOptions {
  /** What a function gives; undefined where there is none of this name. */
  readonly returns: (name: string) => ValueType | undefined;
  /** Functions that are refused as experimental, and with them all other experiments. */
  readonly refused?: ReadonlySet<string>;
}

/** What an action may ask of the parser. */
export interface Context {
  readonly options: ParseOptions;
  fail(at: number, message: string): never;
  /** Complains about the last word that was read. */
  unexpected(context?: string, expected?: string): never;
  /** Where the last word ended that can end an expression. */
  readonly closed: number;
  /** The same, or behind the closing parenthesis before the one that was read ahead. */
  readonly closedBefore: number;
}

/** What a production makes of its places. */
export type Rule = (slots: readonly Slot[], ctx: Context) => Slot;

/** An action whose places hold what the grammar says of the production. */
export function on<S extends readonly Slot[]>(rule: (slots: S, ctx: Context) => Slot): Rule {
  return rule as unknown as Rule;
}

/**
 * A rule of the grammar, as `what it makes: its parts`, and what it makes of them, which is the first part where nothing is
 * said; and the operator as which it binds where that is not its last one.
 */
export type Production = readonly [text: string, rule?: Rule, bindsAs?: TokenKind];
