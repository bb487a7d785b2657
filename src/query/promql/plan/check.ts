import { metricName } from '../../series/labels.js';
import { compileMatcher } from '../../series/matchers.js';
import { comparisons, setOperators } from '../../series/operators.js';
import { goQuote } from '../../text/go-quote.js';
import { functions } from '../functions/index.js';
import type { Binary, Call, Expr, ValueType, VectorSelector } from '../syntax/ast.js';
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

/**
 * Refuses what parses but has no meaning: wrong types, selectors that match everything, bad matching clauses. In the
 * order in which Prometheus looks, as the first fault is the one that is told. Throws QueryError.
 */
export function check(expr: Expr, source: string): void {
  new Checker(source).check(expr);
}

class Checker {
  constructor(private readonly source: string) {}

  check(expr: Expr): ValueType {
    switch (expr.kind) {
      case 'selector':
        this.#selector(expr);
        break;
      case 'matrix':
        this.#selector(expr.selector);
        break;
      case 'subquery': {
        const type = this.check(expr.expr);
        if (type !== 'vector')
          this.#fail(expr.from, `subquery is only allowed on instant vector, got ${type} instead`);
        break;
      }
      case 'paren':
        this.check(expr.expr);
        break;
      case 'unary': {
        const type = this.check(expr.expr);
        if (type === 'scalar' || type === 'vector') break;
        const given = `got ${goQuote(typeNames[type])}`;
        this.#fail(
          expr.from,
          `unary expression only allowed on expressions of type scalar or instant vector, ${given}`,
        );
        break;
      }
      case 'aggregation':
        this.#expect(expr.expr, 'vector', 'aggregation expression');
        if (expr.param) {
          const wanted = expr.op === 'count_values' ? 'string' : 'scalar';
          this.#expect(expr.param, wanted, 'aggregation parameter');
        }
        break;
      case 'call':
        this.#call(expr);
        break;
      case 'binary':
        this.#binary(expr);
        break;
      default:
    }
    return typeOf(expr);
  }

  #fail(at: number, message: string): never {
    throw parseError(this.source, at, message);
  }

  #expect(expr: Expr, wanted: ValueType, where: string): void {
    const type = this.check(expr);
    if (type !== wanted)
      this.#fail(expr.from, `expected type ${typeNames[wanted]} in ${where}, got ${typeNames[type]}`);
  }

  #selector({ name, matchers, from }: VectorSelector): void {
    if (name !== '') {
      const other = matchers.slice(1).find((matcher) => matcher.name === metricName);
      if (other)
        this.#fail(from, `metric name must not be set twice: ${goQuote(name)} or ${goQuote(other.value)}`);
    } else if (matchers.every((matcher) => compileMatcher(matcher).matches(''))) {
      this.#fail(from, 'vector selector must contain at least one non-empty matcher');
    }
  }

  #call(expr: Call): void {
    const definition = functions.get(expr.name);
    if (!definition) return;
    if (!definition.run) throw unsupported(`the function ${expr.name}`);
    const { args, optional, repeated, most = repeated ? Infinity : args.length } = definition;
    const least = args.length - optional;
    const given = expr.args.length;
    if (given < least || given > most) {
      const count =
        !optional && !repeated ? `${least}` : given < least ? `at least ${least}` : `at most ${most}`;
      this.#fail(expr.from, `expected ${count} argument(s) in call to ${goQuote(expr.name)}, got ${given}`);
    }
    const call = `call to function ${goQuote(expr.name)}`;
    const labels = expr.name === 'info' ? expr.args[1] : undefined;
    if (labels) this.#labelSelectors(labels, expr.from, call);
    expr.args.forEach((arg, i) => {
      const wanted = args[Math.min(i, args.length - 1)];
      if (wanted && arg !== labels) this.#expect(arg, wanted, call);
    });
  }

  /** The second argument of `info` has matchers alone, which may let everything through. */
  #labelSelectors(arg: Expr, at: number, call: string): void {
    if (typeOf(arg) !== 'vector')
      this.#fail(at, `expected type ${typeNames.vector} in ${call}, got ${typeNames[typeOf(arg)]}`);
    if (arg.kind !== 'selector') this.#fail(arg.from, 'expected label selectors only');
    else if (arg.name !== '')
      this.#fail(arg.from, 'expected label selectors only, got vector selector instead');
  }

  #binary(expr: Binary): void {
    const { op, left, right, bool, matching: match, from } = expr;
    const types = [this.check(left), this.check(right)];
    const [leftType, rightType] = types;
    const isSet = setOperators.has(op);
    if (bool && !comparisons.has(op))
      this.#fail(this.#operatorAt(expr), 'bool modifier can only be used on comparison operators');
    if (comparisons.has(op) && !bool && leftType === 'scalar' && rightType === 'scalar')
      this.#fail(this.#operatorAt(expr), 'comparisons between scalars must use BOOL modifier');
    const both = match?.on ? match.labels.find((name) => match.include.includes(name)) : undefined;
    if (both !== undefined)
      this.#fail(
        this.#operatorAt(expr),
        `label ${goQuote(both)} must not occur in ON and GROUP clause at once`,
      );
    for (const [i, side] of [left, right].entries()) {
      if (types[i] !== 'scalar' && types[i] !== 'vector')
        this.#fail(side.from, 'binary expression must contain only scalar and instant vector types');
    }
    const isFilled = match?.fillLeft !== undefined || match?.fillRight !== undefined;
    if (leftType === 'scalar' || rightType === 'scalar') {
      if (match && match.labels.length > 0)
        this.#fail(from, 'vector matching only allowed between instant vectors');
      if (isFilled) this.#fail(from, 'filling in missing series only allowed between instant vectors');
      if (isSet) this.#fail(from, `set operator ${goQuote(op)} not allowed in binary scalar expression`);
    } else if (isSet) {
      if (match && match.cardinality !== 'one-to-one')
        this.#fail(from, `no grouping allowed for ${goQuote(op)} operation`);
      if (isFilled) this.#fail(from, 'filling in missing series not allowed for set operators');
    }
  }

  /** The first character behind the left side that is no blank. */
  #operatorAt({ left }: Binary): number {
    return left.to + (/^[ \t\n\r]*/.exec(this.source.slice(left.to))?.[0].length ?? 0);
  }
}
