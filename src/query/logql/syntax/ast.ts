/** The LogQL syntax tree. Durations are nanoseconds, sizes are bytes. */

import type { Grouping } from '../../series/aggregate.js';
import type { Matcher } from '../../series/matchers.js';
import type { Matching } from '../../series/operators.js';

export type CompareOp = '==' | '!=' | '>' | '>=' | '<' | '<=';

export type LabelFilter =
  | { readonly kind: 'and' | 'or'; readonly left: LabelFilter; readonly right: LabelFilter }
  | { readonly kind: 'match'; readonly matcher: Matcher }
  | {
      readonly kind: 'number' | 'duration' | 'bytes';
      readonly name: string;
      readonly op: CompareOp;
      readonly value: number;
    }
  | { readonly kind: 'ip'; readonly name: string; readonly op: '=' | '!='; readonly value: string };

export type LineFilterOp = '|=' | '!=' | '|~' | '!~' | '|>' | '!>';

export interface LineFilter {
  readonly kind: 'line';
  readonly op: LineFilterOp;
  /** Alternatives of an `or` chain: any of them for `|=`, none of them for `!=`. */
  readonly any: readonly { readonly value: string; readonly ip: boolean }[];
}

/** `name="path"` of a json or logfmt stage. */
export interface Extraction {
  readonly name: string;
  readonly path: string;
}

export type Stage =
  | LineFilter
  | { readonly kind: 'label'; readonly filter: LabelFilter }
  | { readonly kind: 'json'; readonly fields: readonly Extraction[] }
  | {
      readonly kind: 'logfmt';
      readonly strict: boolean;
      readonly keepEmpty: boolean;
      readonly fields: readonly Extraction[];
    }
  | { readonly kind: 'regexp'; readonly pattern: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'unpack' }
  | { readonly kind: 'decolorize' }
  | { readonly kind: 'line_format'; readonly template: string }
  | {
      readonly kind: 'label_format';
      readonly assignments: readonly (
        | { readonly name: string; readonly from: string }
        | { readonly name: string; readonly template: string }
      )[];
    }
  | {
      readonly kind: 'drop' | 'keep';
      readonly items: readonly { readonly name: string; readonly matcher?: Matcher }[];
    };

export interface LogExpr {
  readonly kind: 'log';
  readonly matchers: readonly Matcher[];
  readonly stages: readonly Stage[];
}

type Conversion = 'bytes' | 'duration';

export interface Unwrap {
  readonly name: string;
  readonly conversion?: Conversion;
  /** Filters written after the unwrap. */
  readonly filters: readonly LabelFilter[];
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
