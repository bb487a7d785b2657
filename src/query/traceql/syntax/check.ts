import { QueryError } from '../../../lake/query-error.js';
import { compileRegex } from '../../text/re2.js';
import { isField, type Field } from '../model/field.js';
import { intrinsics, type Kind } from '../model/intrinsics.js';
import type { ValueType } from '../model/value.js';
import type { FieldExpr, MetricsExpr, Pipeline, Query, ScalarExpr, SpansetExpr } from './ast.js';
import { invalidQuery, syntaxError } from './errors.js';
import { exprText } from './print.js';

const kindOfValue: Record<ValueType, Kind> = {
  ...{ nil: 'nil', array: 'any', each: 'any', map: 'any' },
  ...{ int: 'number', float: 'number', duration: 'number' },
  ...{ string: 'string', bool: 'bool', status: 'status', kind: 'kind' },
};

/** Refuses queries whose types cannot fit, in the words of Tempo's pkg/traceql. Throws QueryError. */
export function validate(text: string, query: Query): void {
  new Validator(text).query(query);
}

class Validator {
  constructor(private readonly text: string) {}

  query(query: Query): void {
    if (query.kind === 'spansets') this.#pipeline(query.pipeline);
    else this.#metrics(query.metrics);
  }

  #metrics(expr: MetricsExpr): void {
    if (expr.kind === 'number') return;
    if (expr.kind === 'math') {
      for (const side of [expr.left, expr.right]) {
        if (side.kind === 'series' && side.first.kind === 'compare') {
          this.#fail(side.first.at, 'compare() cannot be an operand');
        }
        this.#metrics(side);
      }
      return;
    }
    this.#pipeline(expr.pipeline);
    const { first } = expr;
    if (first.kind === 'compare') {
      this.#filter(first.selection.condition);
      return;
    }
    if (first.operand) this.#number(first.operand, first.fn);
    for (const field of first.by) this.#singleValued(field);
  }

  #fail(at: number, message: string): never {
    throw syntaxError(this.text, at, message);
  }

  #pipeline({ elements }: Pipeline): void {
    for (const element of elements) {
      if (element.kind === 'scalar') this.#scalarFilter(element);
      else if (element.kind === 'by') {
        this.#kind(element.operand);
        if (!refersToSpan(element.operand)) {
          refuse(`grouping field expressions must reference the span: by(${exprText(element.operand)})`);
        }
      } else if (element.kind === 'select') {
        for (const field of element.fields) this.#singleValued(field);
      } else if (element.kind !== 'coalesce') this.#spansets(element);
    }
  }

  #spansets(expr: SpansetExpr): void {
    if (expr.kind === 'filter') this.#filter(expr.condition);
    else if (expr.kind === 'pipeline') this.#pipeline(expr.pipeline);
    else {
      this.#spansets(expr.left);
      this.#spansets(expr.right);
    }
  }

  #filter(condition: FieldExpr): void {
    const kind = this.#kind(condition);
    if (kind !== 'bool' && kind !== 'any') {
      refuse(`span filter field expressions must resolve to a boolean: { ${exprText(condition)} }`);
    }
  }

  #scalarFilter(filter: { left: ScalarExpr; right: ScalarExpr; at: number }): void {
    if (!this.#scalar(filter.left) && !this.#scalar(filter.right)) {
      this.#fail(filter.at, 'a scalar filter must hold an aggregate such as count()');
    }
  }

  /** Whether the expression holds an aggregate. */
  #scalar(expr: ScalarExpr): boolean {
    if (expr.kind === 'static') return false;
    if (expr.kind === 'arithmetic') {
      const left = this.#scalar(expr.left);
      return this.#scalar(expr.right) || left;
    }
    if (expr.operand) {
      this.#number(expr.operand, expr.op);
      if (!refersToSpan(expr.operand)) {
        refuse(`aggregate field expressions must reference the span: ${expr.op}(${exprText(expr.operand)})`);
      }
    }
    return true;
  }

  #number(expr: FieldExpr, fn: string): void {
    const kind = this.#kind(expr);
    if (kind === 'number' || kind === 'any') return;
    refuse(`aggregate field expressions must resolve to a number type: ${fn}(${exprText(expr)})`);
  }

  #singleValued(field: Field): void {
    if (this.#kind(field) !== 'parent') return;
    this.#fail(field.at, 'parent has no value of its own; use parent.<attribute>');
  }

  #kind(expr: FieldExpr): Kind {
    switch (expr.kind) {
      case 'static':
        return kindOfValue[expr.value.type];
      case 'attribute':
        return 'any';
      case 'intrinsic':
        return intrinsics[expr.name].gives;
      case 'exists':
        this.#kind(expr.operand);
        return 'bool';
      case 'unary': {
        const wanted = expr.op === '-' ? 'number' : 'bool';
        const kind = this.#kind(expr.operand);
        if (kind !== 'any' && kind !== wanted)
          refuse(`illegal operation for the given type: ${exprText(expr)}`);
        return wanted;
      }
      case 'binary':
        return this.#binary(expr);
    }
  }

  #binary(expr: Extract<FieldExpr, { kind: 'binary' }>): Kind {
    const { op, left, right, at } = expr;
    const [a, b] = [this.#kind(left), this.#kind(right)];
    if (a === 'parent' || b === 'parent') this.#fail(at, 'parent can only be compared with nil');
    if (a !== b && a !== 'any' && b !== 'any') {
      refuse(`binary operations must operate on the same type: ${exprText(expr)}`);
    }
    const known = a === 'any' ? b : a;
    const allow = (...kinds: Kind[]) => {
      if (known !== 'any' && !kinds.includes(known)) {
        refuse(`illegal operation for the given types: ${exprText(expr)}`);
      }
    };
    switch (op) {
      case '&&':
      case '||':
        allow('bool');
        return 'bool';
      case '=':
      case '!=':
        return 'bool';
      case '=~':
      case '!~':
        allow('string');
        this.#regex(right, at);
        return 'bool';
      case '<':
      case '<=':
      case '>':
      case '>=':
        allow('number', 'string');
        return 'bool';
      default:
        allow('number');
        return 'number';
    }
  }

  #regex(pattern: FieldExpr, at: number): void {
    if (pattern.kind !== 'static' || pattern.value.type !== 'string') {
      this.#fail(at, 'the right side of a regular expression match must be a string');
    }
    try {
      compileRegex(pattern.value.value);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      refuse(`invalid regex: ${exprText(pattern)}`);
    }
  }
}

function refuse(message: string): never {
  throw invalidQuery(message);
}

function refersToSpan(expr: FieldExpr): boolean {
  if (expr.kind === 'static') return false;
  if (expr.kind === 'binary') return refersToSpan(expr.left) || refersToSpan(expr.right);
  return isField(expr) || refersToSpan(expr.operand);
}
