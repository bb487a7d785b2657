/** PromQL's syntax tree. Positions are character offsets into the query. */

import type { Grouping } from '../../series/aggregate.js';
import type { Matcher } from '../../series/matchers.js';
import type { Operation } from '../../series/operators.js';

export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string';

interface Span {
  readonly from: number;
  readonly to: number;
}

/** What `step()` and `range()` in a duration expression stand for, in seconds. */
export interface DurationScope {
  readonly step: number;
  readonly range: number;
}

/** A duration expression as Prometheus keeps it; parentheses around a number are an operation of their own, `+`. */
export type DurationTree =
  | (Span & { readonly kind: 'literal'; readonly seconds: number; readonly isDuration: boolean })
  | (Span & {
      readonly kind: 'operation';
      readonly op: string;
      readonly left: DurationTree | null;
      readonly right: DurationTree | null;
      readonly wrapped: boolean;
    });

export interface Duration {
  readonly tree: DurationTree;
  /** Throws DurationFault. */
  readonly seconds: (scope: DurationScope) => number;
}

/** `@ <time>`: unix milliseconds, or the start or end of the query. */
export type At = number | 'start' | 'end';

export interface Modifiers {
  readonly offset?: Duration;
  readonly at?: At;
}

export interface NumberLiteral extends Span {
  readonly kind: 'number';
  readonly value: number;
  /** It is written with units. */
  readonly isDuration: boolean;
}

interface TextLiteral extends Span {
  readonly kind: 'string';
  readonly value: string;
}

/** What is beyond the ends of a range counts: the sample before it, or values interpolated at its bounds. */
export type Extension = 'anchored' | 'smoothed';

export interface VectorSelector extends Span, Modifiers {
  readonly kind: 'selector';
  readonly extension?: Extension;
  /** As it stands in front of the braces; '' where there is none, whatever matchers there are. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

export interface MatrixSelector extends Span {
  readonly kind: 'matrix';
  readonly selector: VectorSelector;
  readonly range: Duration;
}

export interface Subquery extends Span, Modifiers {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly range: Duration;
  readonly step?: Duration;
}

export interface Call extends Span {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expr[];
}

export interface Aggregation extends Span {
  readonly kind: 'aggregation';
  readonly op: string;
  readonly param?: Expr;
  readonly expr: Expr;
  readonly grouping?: Grouping;
}

export interface Binary extends Span, Operation {
  readonly kind: 'binary';
  readonly left: Expr;
  readonly right: Expr;
}

interface Unary extends Span {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
}

interface Paren extends Span {
  readonly kind: 'paren';
  readonly expr: Expr;
}

export type Expr =
  | NumberLiteral
  | TextLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregation
  | Binary
  | Unary
  | Paren;

/** Without parentheses around it. */
export function unwrap(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}

export function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'matrix':
      return [expr.selector];
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.expr];
    case 'call':
      return expr.args;
    case 'aggregation':
      return expr.param ? [expr.param, expr.expr] : [expr.expr];
    case 'binary':
      return [expr.left, expr.right];
    default:
      return [];
  }
}

/** Every vector selector of the expression, those in range selectors and subqueries too. */
export function selectors(expr: Expr): VectorSelector[] {
  return expr.kind === 'selector' ? [expr] : children(expr).flatMap(selectors);
}
