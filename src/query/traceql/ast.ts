/** TraceQL's syntax tree. Positions are offsets into the query text, for errors found after parsing. */

export type AttributeScope = 'none' | 'resource' | 'span' | 'event' | 'link' | 'instrumentation';

/** Intrinsic fields by the name that answers use for them. */
export type IntrinsicName =
  | 'duration'
  | 'name'
  | 'status'
  | 'statusMessage'
  | 'kind'
  | 'parent'
  | 'childCount'
  | 'traceDuration'
  | 'rootName'
  | 'rootServiceName'
  | 'nestedSetLeft'
  | 'nestedSetRight'
  | 'nestedSetParent'
  | 'trace:id'
  | 'span:id'
  | 'span:parentID'
  | 'event:name'
  | 'event:timeSinceStart'
  | 'link:traceID'
  | 'link:spanID'
  | 'instrumentation:name'
  | 'instrumentation:version';

export interface AttributeField {
  readonly kind: 'attribute';
  readonly scope: AttributeScope;
  readonly name: string;
  /** Looked up on the parent span. */
  readonly parent: boolean;
  readonly at: number;
}

interface IntrinsicField {
  readonly kind: 'intrinsic';
  readonly name: IntrinsicName;
  readonly at: number;
}

export type Field = AttributeField | IntrinsicField;

export type Value =
  | { readonly type: 'nil' }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  /** Nanoseconds. */
  | { readonly type: 'duration'; readonly value: bigint }
  /** OTLP's numbers: 0 unset, 1 ok, 2 error. */
  | { readonly type: 'status'; readonly value: number }
  /** OTLP's numbers: 0 unspecified to 5 consumer. */
  | { readonly type: 'kind'; readonly value: number }
  /** An array attribute: equal when any element is, unequal when all are. */
  | { readonly type: 'array'; readonly values: readonly Value[] }
  /** One value for each event or link that has the field; any of them may satisfy a comparison. */
  | { readonly type: 'each'; readonly values: readonly Value[] }
  /** A map attribute, as JSON: it exists, but compares with nothing. */
  | { readonly type: 'map'; readonly json: string };

export type ValueType = Value['type'];

interface Static {
  readonly kind: 'static';
  readonly value: Value;
  readonly at: number;
}

export type ComparisonOp = '=' | '!=' | '<' | '<=' | '>' | '>=' | '=~' | '!~';
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^';
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

export interface MetricsStage {
  readonly first: MetricsAggregate | MetricsCompare;
  readonly second: readonly SecondStage[];
}

export interface Query {
  readonly pipeline: Pipeline;
  readonly metrics: MetricsStage | null;
  readonly hints: ReadonlyMap<string, Value>;
}

export const statusNames = ['unset', 'ok', 'error'] as const;
export const kindNames = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
