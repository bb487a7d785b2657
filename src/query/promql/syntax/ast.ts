/** PromQL's syntax tree. Positions are character offsets into the query. */

export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string';

export interface Span {
  readonly from: number;
  readonly to: number;
}

export type MatchOp = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

/** What `step()` and `range()` in a duration expression stand for, in seconds. */
export interface DurationScope {
  readonly step: number;
  readonly range: number;
}

export interface Duration {
  /** As written, for printing. */
  readonly text: string;
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
  readonly text: string;
}

export interface TextLiteral extends Span {
  readonly kind: 'string';
  readonly value: string;
}

export interface VectorSelector extends Span, Modifiers {
  readonly kind: 'selector';
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

export interface Grouping {
  readonly without: boolean;
  readonly labels: readonly string[];
}

export interface Aggregation extends Span {
  readonly kind: 'aggregation';
  readonly op: string;
  readonly param?: Expr;
  readonly expr: Expr;
  readonly grouping?: Grouping;
}

export type Cardinality = 'one-to-one' | 'many-to-one' | 'one-to-many';

export interface Matching {
  /** `on` lists the labels to match by; otherwise they are the ones to ignore. */
  readonly on: boolean;
  readonly labels: readonly string[];
  readonly cardinality: Cardinality;
  /** Labels that group_left/group_right copies from the "one" side. */
  readonly include: readonly string[];
  readonly fillLeft?: number;
  readonly fillRight?: number;
}

export interface Binary extends Span {
  readonly kind: 'binary';
  readonly op: string;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  /** Set when written out; without it vectors match one-to-one on all labels. */
  readonly matching?: Matching;
}

export interface Unary extends Span {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
}

export interface Paren extends Span {
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

export const setOperators: ReadonlySet<string> = new Set(['and', 'or', 'unless']);
export const comparisons: ReadonlySet<string> = new Set(['==', '!=', '>', '<', '>=', '<=']);

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
