import { metricName } from '../../series/labels.js';
import { setOperators } from '../../series/operators.js';
import { plainDecimal } from '../../text/numbers.js';
import { functions } from '../functions/index.js';
import { typeOf } from '../plan/check.js';
import type { Binary, Duration, Expr, Modifiers, VectorSelector } from '../syntax/ast.js';

/** A syntax tree as Prometheus' `parse_query` gives it; durations and times are milliseconds. */
export function syntaxTree(expr: Expr): object {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: plainDecimal(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: expr.value };
    case 'paren':
      return { type: 'parenExpr', expr: syntaxTree(expr.expr) };
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: syntaxTree(expr.expr) };
    case 'selector':
      return { type: 'vectorSelector', ...selector(expr) };
    case 'matrix':
      return { type: 'matrixSelector', range: milliseconds(expr.range), ...selector(expr.selector) };
    case 'subquery':
      return {
        type: 'subquery',
        expr: syntaxTree(expr.expr),
        range: milliseconds(expr.range),
        step: milliseconds(expr.step),
        ...modifiers(expr),
      };
    case 'call': {
      const known = functions.get(expr.name);
      const func = {
        name: expr.name,
        argTypes: known?.args ?? [],
        variadic: known?.repeated ? -1 : (known?.optional ?? 0),
        returnType: typeOf(expr),
      };
      return { type: 'call', func, args: expr.args.map(syntaxTree) };
    }
    case 'aggregation':
      return {
        type: 'aggregation',
        op: expr.op,
        expr: syntaxTree(expr.expr),
        param: expr.param ? syntaxTree(expr.param) : null,
        grouping: expr.grouping?.labels ?? [],
        without: expr.grouping?.without ?? false,
      };
    case 'binary':
      return {
        type: 'binaryExpr',
        op: expr.op,
        lhs: syntaxTree(expr.left),
        rhs: syntaxTree(expr.right),
        matching: matching(expr),
        bool: expr.bool,
      };
  }
}

function matching({ op, left, right, matching: match }: Binary): object | null {
  if (typeOf(left) !== 'vector' || typeOf(right) !== 'vector') return null;
  return {
    card: setOperators.has(op) ? 'many-to-many' : (match?.cardinality ?? 'one-to-one'),
    labels: match?.labels ?? [],
    on: match?.on ?? false,
    include: match?.include ?? [],
  };
}

function selector(expr: VectorSelector): object {
  const named = expr.matchers.find(({ name, op }) => name === metricName && op === '=');
  const matchers = expr.matchers.map(({ name, op, value }) => ({ name, value, type: op }));
  return { name: named?.value ?? '', matchers, ...modifiers(expr) };
}

function modifiers({ offset, at }: Modifiers): object {
  return {
    offset: milliseconds(offset),
    timestamp: typeof at === 'number' ? at : null,
    startOrEnd: typeof at === 'string' ? at : null,
  };
}

/** An expression with `step()` or `range()` has no value outside a query: 0. */
function milliseconds(duration: Duration | undefined): number {
  const ms = Math.round((duration?.seconds({ step: NaN, range: NaN }) ?? 0) * 1000);
  return Number.isFinite(ms) ? ms : 0;
}
