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

export type RangeOp =
  | 'count_over_time'
  | 'rate'
  | 'rate_counter'
  | 'bytes_over_time'
  | 'bytes_rate'
  | 'avg_over_time'
  | 'sum_over_time'
  | 'min_over_time'
  | 'max_over_time'
  | 'stddev_over_time'
  | 'stdvar_over_time'
  | 'quantile_over_time'
  | 'first_over_time'
  | 'last_over_time'
  | 'absent_over_time';

export type VectorOp =
  'sum' | 'avg' | 'min' | 'max' | 'count' | 'stddev' | 'stdvar' | 'topk' | 'bottomk' | 'sort' | 'sort_desc';

type CompareOp = '==' | '!=' | '>' | '>=' | '<' | '<=';
export type BinaryOp = '+' | '-' | '*' | '/' | '%' | '^' | CompareOp | 'and' | 'or' | 'unless';

export interface RangeExpr {
  readonly kind: 'range';
  readonly op: RangeOp;
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
  /** The k of topk and bottomk. */
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
