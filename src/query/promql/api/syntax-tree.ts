import { metricName } from '../../series/labels.js';
import { setOperators } from '../../series/operators.js';
import { withoutLooseBytes } from '../../text/loose-bytes.js';
import { plainDecimal } from '../../text/numbers.js';
import { functions } from '../functions/index.js';
import { typeOf } from '../plan/check.js';
import type { Binary, Duration, DurationTree, Expr, Modifiers, VectorSelector } from '../syntax/ast.js';

/** A syntax tree as Prometheus' `parse_query` gives it; durations and times are milliseconds. */
export function syntaxTree(expr: Expr): object {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: plainDecimal(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: withoutLooseBytes(expr.value) };
    case 'paren':
      return { type: 'parenExpr', expr: syntaxTree(expr.expr) };
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: syntaxTree(expr.expr) };
    case 'selector':
      return { type: 'vectorSelector', ...selector(expr) };
    case 'matrix':
      return { type: 'matrixSelector', ...duration('range', expr.range), ...selector(expr.selector) };
    case 'subquery':
      return {
        type: 'subquery',
        expr: syntaxTree(expr.expr),
        ...duration('range', expr.range),
        ...duration('step', expr.step),
        ...modifiers(expr),
      };
    case 'call': {
      const known = functions.get(expr.name);
      const { args = [], most } = known ?? {};
      const func = {
        name: expr.name,
        // A bounded number of repetitions is told as that many optional arguments.
        argTypes: most === undefined ? args : [...args, ...args.slice(-1)],
        variadic: most === undefined ? (known?.repeated ? -1 : (known?.optional ?? 0)) : most - args.length,
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
    fillValues: { lhs: match?.fillLeft ?? null, rhs: match?.fillRight ?? null },
  };
}

function selector(expr: VectorSelector): object {
  const { name, extension } = expr;
  // What stands in front of the braces comes last.
  const isName = (matcher: VectorSelector['matchers'][number]) =>
    name !== '' && matcher.name === metricName && matcher.value === name;
  const ordered = [...expr.matchers.filter((one) => !isName(one)), ...expr.matchers.filter(isName)];
  const matchers = ordered.map((one) => ({
    name: withoutLooseBytes(one.name),
    value: withoutLooseBytes(one.value),
    type: one.op,
  }));
  const extended = { anchored: extension === 'anchored', smoothed: extension === 'smoothed' };
  return { name, matchers, ...modifiers(expr), ...extended };
}

function modifiers({ offset, at }: Modifiers): object {
  return {
    ...duration('offset', offset),
    timestamp: typeof at === 'number' ? at : null,
    startOrEnd: typeof at === 'string' ? at : null,
  };
}

/** Milliseconds of a plain duration; an expression stands beside it, and it is 0. */
function duration(name: string, given: Duration | undefined): object {
  const tree = given?.tree;
  const isPlain = tree?.kind === 'literal';
  return {
    [name]: isPlain ? Math.round(tree.seconds * 1000) : 0,
    [`${name}Expr`]: tree && !isPlain ? durationTree(tree) : null,
  };
}

function durationTree(tree: DurationTree): object {
  if (tree.kind === 'literal') {
    return { type: 'numberLiteral', val: plainDecimal(tree.seconds), duration: tree.isDuration };
  }
  const { op, left, right, wrapped } = tree;
  const [lhs, rhs] = [left && durationTree(left), right && durationTree(right)];
  return { type: 'durationExpr', op, lhs, rhs, wrapped };
}
