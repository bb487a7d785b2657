import { QueryError } from '../../../lake/query-error.js';
import type { Grouping } from '../../series/aggregate.js';
import { checkPattern } from '../grammar/matcher.js';
import { setOperators } from '../../series/operators.js';
import { rangeAggregation } from '../range/index.js';
import type { BinaryExpr, LabelReplaceExpr, MetricExpr, RangeExpr, VectorOp } from './ast.js';

function bad(message: string): QueryError {
  return new QueryError('bad_data', `parse error : ${message}`);
}

export function checkRange(
  range: Omit<RangeExpr, 'parameter' | 'grouping'>,
  parameter: number | undefined,
  grouping: Grouping | undefined,
): RangeExpr {
  const { op, unwrap } = range;
  const definition = rangeAggregation(op);
  if (!unwrap && definition.over === 'values') throw bad(`invalid aggregation ${op} without unwrap`);
  if (unwrap && definition.over === 'records') throw bad(`invalid aggregation ${op} with unwrap`);
  if (grouping && !definition.grouped) throw bad(`grouping not allowed for ${op} aggregation`);
  if (definition.parameter && parameter === undefined) throw bad(`parameter required for operation ${op}`);
  if (!definition.parameter && parameter !== undefined)
    throw bad(`parameter ${parameter} not supported for operation ${op}`);
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
  const takesParameter = op === 'topk' || op === 'bottomk' || op === 'approx_topk';
  if (takesParameter) {
    if (parameter === undefined) throw bad(`parameter required for operation ${op}`);
    if (!Number.isInteger(parameter)) throw bad(`invalid parameter ${op}(${parameter},`);
    if (parameter < 1) throw bad(`invalid parameter (must be greater than 0) ${op}(${parameter}`);
  } else if (parameter !== undefined) throw bad(`unsupported parameter for operation ${op}(${parameter},`);
  if (grouping && (op === 'sort' || op === 'sort_desc' || op === 'approx_topk'))
    throw bad(
      op === 'approx_topk'
        ? `grouping not allowed for ${op} aggregation`
        : `sort and sort_desc doesn't allow grouping by `,
    );
  return {
    kind: 'vector',
    op,
    expr,
    ...(parameter !== undefined && { parameter }),
    ...(grouping && { grouping }),
  };
}

export function checkBinary(expr: BinaryExpr): BinaryExpr {
  if (!setOperators.has(expr.op)) return expr;
  for (const leg of ['left', 'right'] as const) {
    const side = expr[leg];
    if (side.kind !== 'literal') continue;
    const value = side.value.toFixed(6);
    throw bad(`unexpected literal for ${leg} leg of logical/set binary operation (${expr.op}): ${value}`);
  }
  return expr;
}

export function checkLabelReplace(expr: LabelReplaceExpr): LabelReplaceExpr {
  checkPattern(`^(?:${expr.pattern})$`, 'invalid regex in label_replace: ');
  return expr;
}
