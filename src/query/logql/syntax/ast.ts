/** The LogQL syntax tree. Durations are nanoseconds, sizes are bytes. */

import type { Grouping } from '../../series/aggregate.js';
import type { Matcher } from '../../series/matchers.js';
import type { Matching } from '../../series/operators.js';
import type { Stage } from '../stages/index.js';
import type { Unwrap } from '../stages/unwrap.js';

export interface LogExpr {
  readonly kind: 'log';
  readonly matchers: readonly Matcher[];
  readonly stages: readonly Stage[];
}

export type VectorOp =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'count'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'approx_topk'
  | 'sort'
  | 'sort_desc';

type CompareOp = '==' | '!=' | '>' | '>=' | '<' | '<=';
export type BinaryOp = '+' | '-' | '*' | '/' | '%' | '^' | CompareOp | 'and' | 'or' | 'unless';

export interface RangeExpr {
  readonly kind: 'range';
  /** A name of the registry of range aggregations. */
  readonly op: string;
  readonly log: LogExpr;
  readonly unwrap?: Unwrap;
  readonly range: number;
  readonly offset: number;
  /** The quantile of quantile_over_time. */
  readonly parameter?: number;
  readonly grouping?: Grouping;
}

export interface VectorExpr {
  readonly kind: 'vector';
  readonly op: VectorOp;
  readonly expr: MetricExpr;
  /** The k of topk, bottomk and approx_topk. */
  readonly parameter?: number;
  readonly grouping?: Grouping;
}

export interface BinaryExpr {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly left: MetricExpr;
  readonly right: MetricExpr;
  readonly bool: boolean;
  readonly matching: Matching;
}

export interface LabelReplaceExpr {
  readonly kind: 'label_replace';
  readonly expr: MetricExpr;
  readonly destination: string;
  readonly replacement: string;
  readonly source: string;
  readonly pattern: string;
}

export type MetricExpr =
  | RangeExpr
  | VectorExpr
  | BinaryExpr
  | LabelReplaceExpr
  | { readonly kind: 'literal'; readonly value: number }
  /** `vector(n)`: one series without labels. */
  | { readonly kind: 'constant'; readonly value: number };

export type Expr = LogExpr | MetricExpr;
