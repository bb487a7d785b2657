/** TraceQL's syntax tree. Positions are offsets into the query text, for errors found after parsing. */
import type { Field } from '../model/field.js';
import type { ArithmeticOp, ComparisonOp, Value } from '../model/value.js';

interface Static {
  readonly kind: 'static';
  readonly value: Value;
  readonly at: number;
}

type BooleanOp = '&&' | '||';
export type BinaryOp = ComparisonOp | ArithmeticOp | BooleanOp;

interface Binary {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly left: FieldExpr;
  readonly right: FieldExpr;
  readonly at: number;
}

interface Unary {
  readonly kind: 'unary';
  readonly op: '-' | '!';
  readonly operand: FieldExpr;
  readonly at: number;
}

/** `x != nil`, or with `negated` `x = nil`. */
interface Exists {
  readonly kind: 'exists';
  readonly operand: FieldExpr;
  readonly negated: boolean;
  readonly at: number;
}

export type FieldExpr = Static | Field | Unary | Binary | Exists;

export interface SpansetFilter {
  readonly kind: 'filter';
  readonly condition: FieldExpr;
  readonly at: number;
}

export type StructuralOp =
  '>' | '>>' | '<' | '<<' | '~' | '!>' | '!>>' | '!<' | '!<<' | '!~' | '&>' | '&>>' | '&<' | '&<<' | '&~';

export interface SpansetOperation {
  readonly kind: 'operation';
  readonly op: '&&' | '||' | StructuralOp;
  readonly left: SpansetExpr;
  readonly right: SpansetExpr;
  readonly at: number;
}

interface SpansetGroup {
  readonly kind: 'pipeline';
  readonly pipeline: Pipeline;
  readonly at: number;
}

export type SpansetExpr = SpansetFilter | SpansetOperation | SpansetGroup;

export type AggregateOp = 'count' | 'avg' | 'max' | 'min' | 'sum';

export type ScalarExpr =
  | {
      readonly kind: 'aggregate';
      readonly op: AggregateOp;
      readonly operand: FieldExpr | null;
      readonly at: number;
    }
  | Static
  | {
      readonly kind: 'arithmetic';
      readonly op: ArithmeticOp;
      readonly left: ScalarExpr;
      readonly right: ScalarExpr;
      readonly at: number;
    };

export interface ScalarFilter {
  readonly kind: 'scalar';
  readonly op: '=' | '!=' | '<' | '<=' | '>' | '>=';
  readonly left: ScalarExpr;
  readonly right: ScalarExpr;
  readonly at: number;
}

export type PipelineElement =
  | SpansetExpr
  | ScalarFilter
  | { readonly kind: 'by'; readonly operand: FieldExpr; readonly at: number }
  | { readonly kind: 'coalesce'; readonly at: number }
  | { readonly kind: 'select'; readonly fields: readonly Field[]; readonly at: number };

export interface Pipeline {
  readonly elements: readonly PipelineElement[];
}

export type MetricsFunction =
  | 'rate'
  | 'count_over_time'
  | 'min_over_time'
  | 'max_over_time'
  | 'avg_over_time'
  | 'sum_over_time'
  | 'quantile_over_time'
  | 'histogram_over_time';

export interface MetricsAggregate {
  readonly kind: 'aggregate';
  readonly fn: MetricsFunction;
  readonly operand: Field | null;
  readonly quantiles: readonly number[];
  readonly by: readonly Field[];
  readonly at: number;
}

export interface MetricsCompare {
  readonly kind: 'compare';
  readonly selection: SpansetFilter;
  readonly topN: number;
  /** Nanoseconds; the selection is limited to spans that start in this window. */
  readonly window: { readonly start: bigint; readonly end: bigint } | null;
  readonly at: number;
}

export type SecondStage =
  | { readonly kind: 'topk' | 'bottomk'; readonly limit: number }
  | { readonly kind: 'filter'; readonly op: '=' | '!=' | '<' | '<=' | '>' | '>='; readonly value: number };

/** A pipeline with a metrics function behind it. */
export interface MetricsSeries {
  readonly kind: 'series';
  readonly pipeline: Pipeline;
  readonly first: MetricsAggregate | MetricsCompare;
  readonly second: readonly SecondStage[];
}

export type MetricsOp = '+' | '-' | '*' | '/';

/** `(metrics) op (metrics)`; one of the sides may be a number. */
export interface MetricsMath {
  readonly kind: 'math';
  readonly op: MetricsOp;
  readonly left: MetricsExpr;
  readonly right: MetricsExpr;
  readonly second: readonly SecondStage[];
  readonly at: number;
}

export type MetricsExpr =
  MetricsSeries | MetricsMath | { readonly kind: 'number'; readonly value: number; readonly at: number };

interface Hinted {
  readonly hints: ReadonlyMap<string, Value>;
}

export interface SpansetQuery extends Hinted {
  readonly kind: 'spansets';
  readonly pipeline: Pipeline;
}

export interface MetricsQuery extends Hinted {
  readonly kind: 'metrics';
  readonly metrics: MetricsSeries | MetricsMath;
}

export type Query = SpansetQuery | MetricsQuery;
