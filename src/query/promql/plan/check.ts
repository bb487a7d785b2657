import { QueryError } from '../../../lake/query-error.js';
import { compileMatcher, type CompiledMatcher } from '../../series/matchers.js';
import { comparisons, setOperators } from '../../series/operators.js';
import { functions } from '../functions/index.js';
import {
  unwrap,
  type Aggregation,
  type Binary,
  type Call,
  type Expr,
  type ValueType,
  type VectorSelector,
} from '../syntax/ast.js';
import { parseError, unsupported } from '../syntax/errors.js';

const typeNames: Record<ValueType, string> = {
  scalar: 'scalar',
  vector: 'instant vector',
  matrix: 'range vector',
  string: 'string',
};

/** The type of a checked expression. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
    case 'aggregation':
      return 'vector';
    case 'matrix':
    case 'subquery':
      return 'matrix';
    case 'call':
      return functions.get(expr.name)?.returns ?? 'vector';
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector';
    case 'unary':
    case 'paren':
      return typeOf(expr.expr);
  }
}

/** Refuses what parses but has no meaning: wrong types, selectors that match everything, bad matching clauses. */
export function check(expr: Expr, source: string): void {
  const expect = (child: Expr, wanted: ValueType, where: string) => {
    const type = typeOf(child);
    if (type === wanted) return;
    const message = `expected type ${typeNames[wanted]} in ${where}, got ${typeNames[type]}`;
    throw parseError(source, child.from, message);
  };
  switch (expr.kind) {
    case 'number':
    case 'string':
      return;
    case 'selector': {
      const matchers = compiled(expr, source);
      if (matchers.every((matcher) => matcher.matches(''))) {
        throw parseError(source, expr.from, 'vector selector must contain at least one non-empty matcher');
      }
      return;
    }
    case 'matrix':
      return check(expr.selector, source);
    case 'subquery':
      check(expr.expr, source);
      if (typeOf(expr.expr) === 'vector') return;
      throw parseError(
        source,
        expr.from,
        `subquery is only allowed on instant vector, got ${typeNames[typeOf(expr.expr)]} instead`,
      );
    case 'paren':
      return check(expr.expr, source);
    case 'unary': {
      check(expr.expr, source);
      const type = typeOf(expr.expr);
      if (type === 'scalar' || type === 'vector') return;
      const message = `unary expression only allowed on expressions of type scalar or instant vector, got ${JSON.stringify(typeNames[type])}`;
      throw parseError(source, expr.from, message);
    }
    case 'aggregation':
      return checkAggregation(expr, source, expect);
    case 'call':
      return checkCall(expr, source, expect);
    case 'binary':
      return checkBinary(expr, source);
  }
}

type Expect = (child: Expr, wanted: ValueType, where: string) => void;

function checkAggregation(expr: Aggregation, source: string, expect: Expect): void {
  check(expr.expr, source);
  expect(expr.expr, 'vector', 'aggregation expression');
  if (!expr.param) return;
  check(expr.param, source);
  expect(expr.param, expr.op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter');
}

function checkCall(expr: Call, source: string, expect: Expect): void {
  const definition = functions.get(expr.name);
  if (!definition)
    throw parseError(source, expr.from, `unknown function with name ${JSON.stringify(expr.name)}`);
  if (!definition.run) throw unsupported(`the function ${expr.name}`);
  const { args, optional, repeated, most = repeated ? Infinity : args.length } = definition;
  const least = args.length - optional;
  if (expr.args.length < least || expr.args.length > most) {
    const count =
      optional || repeated
        ? expr.args.length < least
          ? `at least ${least}`
          : `at most ${most}`
        : `${least}`;
    const message = `expected ${count} argument(s) in call to ${JSON.stringify(expr.name)}, got ${expr.args.length}`;
    throw parseError(source, expr.from, message);
  }
  const [, labels] = expr.args;
  if (expr.name === 'info' && labels && typeOf(labels) !== 'vector') {
    const types = `expected type instant vector in call to function "info", got ${typeNames[typeOf(labels)]}`;
    throw parseError(source, expr.from, types);
  }
  expr.args.forEach((arg, i) => {
    if (expr.name === 'info' && i === 1) return checkLabelSelector(arg, source);
    check(arg, source);
    const wanted = args[Math.min(i, args.length - 1)];
    if (wanted) expect(arg, wanted, `call to function ${JSON.stringify(expr.name)}`);
  });
}

/** The second argument of `info` has matchers alone, which may let everything through. */
function checkLabelSelector(arg: Expr, source: string): void {
  const selector = unwrap(arg);
  if (selector.kind !== 'selector') {
    throw parseError(
      source,
      arg.from,
      `expected label selectors only, got ${typeNames[typeOf(arg)]} expression`,
    );
  }
  if (!source.startsWith('{', selector.from)) {
    throw parseError(source, arg.from, 'expected label selectors only, got vector selector instead');
  }
  compiled(selector, source);
}

/** The matchers, whose patterns are looked at. */
function compiled({ matchers, from, to }: VectorSelector, source: string): CompiledMatcher[] {
  return matchers.map((matcher) => {
    try {
      return compileMatcher(matcher);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      // RE2's words, without the flag with which a pattern is compiled.
      const why = error.message.replace(/^[\s\S]*?: (?=error parsing regexp)/, '').replace(/`\(\?s\)/, '`');
      const at = source.slice(from, to).indexOf(matcher.name);
      throw parseError(source, from + Math.max(at, 0), why);
    }
  });
}

function checkBinary(expr: Binary, source: string): void {
  const fail = (message: string, at = expr.from): never => {
    throw parseError(source, at, message);
  };
  check(expr.left, source);
  check(expr.right, source);
  const types = [typeOf(expr.left), typeOf(expr.right)];
  const wrong = types.findIndex((type) => type !== 'scalar' && type !== 'vector');
  if (wrong >= 0) {
    const { from } = wrong === 0 ? expr.left : expr.right;
    fail('binary expression must contain only scalar and instant vector types', from);
  }
  const scalars = types.filter((type) => type === 'scalar').length;
  const isSet = setOperators.has(expr.op);
  const match = expr.matching;
  if (expr.bool && !comparisons.has(expr.op))
    fail('bool modifier can only be used on comparison operators', expr.operatorAt);
  if (comparisons.has(expr.op) && !expr.bool && scalars === 2) {
    fail('comparisons between scalars must use BOOL modifier', expr.operatorAt);
  }
  if (match && scalars > 0 && (match.labels.length > 0 || match.cardinality !== 'one-to-one')) {
    fail('vector matching only allowed between instant vectors');
  }
  if (isSet && scalars > 0)
    fail(`set operator ${JSON.stringify(expr.op)} not allowed in binary scalar expression`);
  if (!match) return;
  if (match.fillLeft !== undefined || match.fillRight !== undefined) {
    if (scalars > 0) fail('filling in missing series only allowed between instant vectors');
    if (isSet) fail('filling in missing series not allowed for set operators');
  }
  if (isSet && match.cardinality !== 'one-to-one')
    fail(`no grouping allowed for ${JSON.stringify(expr.op)} operation`);
  const both = match.on ? match.include.find((name) => match.labels.includes(name)) : undefined;
  if (both !== undefined)
    fail(`label ${JSON.stringify(both)} must not occur in ON and GROUP clause at once`, expr.operatorAt);
}
