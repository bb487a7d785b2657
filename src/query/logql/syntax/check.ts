import { QueryError } from '../../../lake/query-error.js';
import type { Grouping } from '../../series/aggregate.js';
import { isLabelName } from '../../attributes/label-name.js';
import { setOperators } from '../../series/operators.js';
import type { BinaryExpr, LabelReplaceExpr, MetricExpr, RangeExpr, RangeOp, VectorOp } from './ast.js';

const withoutUnwrap: readonly RangeOp[] = [
  'count_over_time',
  'rate',
  'bytes_over_time',
  'bytes_rate',
  'absent_over_time',
];
const onlyWithoutUnwrap: readonly RangeOp[] = ['count_over_time', 'bytes_over_time', 'bytes_rate'];
const groupable: readonly RangeOp[] = [
  'avg_over_time',
  'min_over_time',
  'max_over_time',
  'stddev_over_time',
  'stdvar_over_time',
  'quantile_over_time',
  'first_over_time',
  'last_over_time',
];

function bad(message: string): QueryError {
  return new QueryError('bad_data', `parse error: ${message}`);
}

export function checkRange(
  range: Omit<RangeExpr, 'parameter' | 'grouping'>,
  parameter: number | undefined,
  grouping: Grouping | undefined,
): RangeExpr {
  const { op, unwrap } = range;
  if (!unwrap && !withoutUnwrap.includes(op)) throw bad(`${op} needs an unwrap stage`);
  if (unwrap && onlyWithoutUnwrap.includes(op)) throw bad(`${op} can not be used with unwrap`);
  if (grouping && !groupable.includes(op)) throw bad(`grouping is not allowed for ${op}`);
  if ((op === 'quantile_over_time') !== (parameter !== undefined)) {
    throw bad(op === 'quantile_over_time' ? `${op} needs a quantile` : `${op} takes no parameter`);
  }
  if (range.range <= 0) throw bad('the range of an aggregation must be longer than zero');
  return {
    ...range,
    ...(parameter !== undefined && { parameter }),
    ...(grouping && { grouping }),
  };
}

export function checkVector(
  op: VectorOp,
  expr: MetricExpr,
  parameter: number | undefined,
  grouping: Grouping | undefined,
): MetricExpr {
  const takesParameter = op === 'topk' || op === 'bottomk';
  if (takesParameter) {
    if (parameter === undefined) throw bad(`${op} needs a parameter`);
    if (!Number.isInteger(parameter) || parameter < 1) throw bad(`the parameter of ${op} must be 1 or more`);
  } else if (parameter !== undefined) throw bad(`${op} takes no parameter`);
  if (grouping && (op === 'sort' || op === 'sort_desc')) throw bad(`grouping is not allowed for ${op}`);
  return {
    kind: 'vector',
    op,
    expr,
    ...(parameter !== undefined && { parameter }),
    ...(grouping && { grouping }),
  };
}

export function checkBinary(expr: BinaryExpr): BinaryExpr {
  const { cardinality } = expr.matching;
  if (setOperators.has(expr.op) && cardinality !== 'one-to-one') {
    throw bad(`${expr.op} can not be used with group_${cardinality === 'many-to-one' ? 'left' : 'right'}`);
  }
  return expr;
}

export function checkLabelReplace(expr: LabelReplaceExpr): LabelReplaceExpr {
  if (isLabelName(expr.destination)) return expr;
  throw bad(`label_replace: ${expr.destination.slice(0, 100)} is not a label name`);
}
