import { QueryError } from '../../../lake/query-error.js';
import type { Grouping } from '../../series/aggregate.js';
import { isLabelName } from '../../attributes/label-name.js';
import { setOperators } from '../../series/operators.js';
import { rangeAggregation } from '../range/index.js';
import type { BinaryExpr, LabelReplaceExpr, MetricExpr, RangeExpr, VectorOp } from './ast.js';

function bad(message: string): QueryError {
  return new QueryError('bad_data', `parse error: ${message}`);
}

export function checkRange(
  range: Omit<RangeExpr, 'parameter' | 'grouping'>,
  parameter: number | undefined,
  grouping: Grouping | undefined,
): RangeExpr {
  const { op, unwrap } = range;
  const definition = rangeAggregation(op);
  if (!unwrap && definition.over === 'values') throw bad(`${op} needs an unwrap stage`);
  if (unwrap && definition.over === 'records') throw bad(`${op} can not be used with unwrap`);
  if (grouping && !definition.grouped) throw bad(`grouping is not allowed for ${op}`);
  if (definition.parameter && parameter === undefined) throw bad(`${op} needs a quantile`);
  if (!definition.parameter && parameter !== undefined) throw bad(`${op} takes no parameter`);
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
