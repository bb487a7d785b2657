import type { Field } from '../model/field.js';
import { intrinsicNamed, intrinsics } from '../model/intrinsics.js';
import { kindNames, statusNames, type Value } from '../model/value.js';
import type { BinaryOp, FieldExpr } from './ast.js';
import type { Cursor } from './cursor.js';

/** Binding power, weakest first. `&&` and `||` bind alike, from the left, as in Tempo. */
const power: Record<BinaryOp, number> = {
  ...{ '&&': 1, '||': 1 },
  ...{ '=': 2, '!=': 2, '<': 2, '<=': 2, '>': 2, '>=': 2, '=~': 2, '!~': 2 },
  ...{ '+': 3, '-': 3 },
  ...{ '*': 5, '/': 5, '%': 5 },
  '^': 6,
};
const unaryPower = { '-': 3, '!': 4 } as const;

/** What stands inside `{ }`, `by( )` or an aggregate. */
export function parseFieldExpr(cursor: Cursor, weakest = 0): FieldExpr {
  let left = parseOperand(cursor);
  for (;;) {
    const { token } = cursor;
    if (token.type !== 'operator' || !(token.text in power)) return left;
    const op = token.text as BinaryOp;
    const strength = power[op];
    if (strength <= weakest) return left;
    cursor.next();
    const rightAssociative = op === '^';
    const right = cursor.nested(() => parseFieldExpr(cursor, rightAssociative ? strength - 1 : strength));
    left = combine(op, left, right, token.at);
  }
}

/** Comparisons with nil become tests of existence. */
function combine(op: BinaryOp, left: FieldExpr, right: FieldExpr, at: number): FieldExpr {
  if (op === '=' || op === '!=') {
    const nil = [left, right].filter((side) => side.kind === 'static' && side.value.type === 'nil');
    if (nil.length === 2) return { kind: 'static', value: { type: 'bool', value: false }, at };
    if (nil.length === 1) {
      return { kind: 'exists', operand: nil[0] === left ? right : left, negated: op === '=', at };
    }
  }
  if (op === '=~' || op === '!~') return { kind: 'binary', op, left, right, at };
  return { kind: 'binary', op, left: padded(left, right), right: padded(right, left), at };
}

/** Ids that are compared with a field of ids lose no leading zeros by being written short. */
function padded(expr: FieldExpr, other: FieldExpr): FieldExpr {
  const digits = other.kind === 'intrinsic' ? intrinsics[other.name].digits : undefined;
  if (digits === undefined || expr.kind !== 'static' || expr.value.type !== 'string') return expr;
  if (!/^[0-9a-fA-F]+$/.test(expr.value.value)) return expr;
  const value = expr.value.value.toLowerCase().padStart(digits, '0');
  return { ...expr, value: { type: 'string', value } };
}

function parseOperand(cursor: Cursor): FieldExpr {
  const { token } = cursor;
  if (cursor.take('(')) {
    const inner = cursor.nested(() => parseFieldExpr(cursor));
    cursor.expect(')', '');
    return inner;
  }
  if (cursor.at('-') || cursor.at('!')) {
    const op = cursor.next().text as '-' | '!';
    const operand = cursor.nested(() => parseFieldExpr(cursor, unaryPower[op]));
    if (op === '-' && operand.kind === 'static') {
      const negative = negate(operand.value);
      if (negative) return { kind: 'static', value: negative, at: token.at };
    }
    return { kind: 'unary', op, operand, at: token.at };
  }
  const value = parseStatic(cursor);
  if (value) return { kind: 'static', value, at: token.at };
  const field = parseField(cursor);
  if (field) return field;
  throw cursor.unexpected();
}

export function negate(value: Value): Value | null {
  if (value.type === 'int' || value.type === 'duration') return { type: value.type, value: -value.value };
  if (value.type === 'float') return { type: 'float', value: -value.value };
  return null;
}

/** A literal, or null with nothing consumed. */
export function parseStatic(cursor: Cursor): Value | null {
  const { token } = cursor;
  let value: Value | null = null;
  if (token.type === 'string') value = { type: 'string', value: token.value };
  else if (token.type === 'int') value = { type: 'int', value: token.value };
  else if (token.type === 'float') value = { type: 'float', value: token.value };
  else if (token.type === 'duration') value = { type: 'duration', value: token.value };
  else if (token.type === 'word') value = keyword(token.text);
  if (value) cursor.next();
  return value;
}

function keyword(text: string): Value | null {
  if (text === 'true' || text === 'false') return { type: 'bool', value: text === 'true' };
  if (text === 'nil') return { type: 'nil' };
  if (text === 'minInt') return { type: 'int', value: -(2n ** 63n) };
  if (text === 'maxInt') return { type: 'int', value: 2n ** 63n - 1n };
  const status = (statusNames as readonly string[]).indexOf(text);
  if (status >= 0) return { type: 'status', value: status };
  const kind = (kindNames as readonly string[]).indexOf(text);
  return kind >= 0 ? { type: 'kind', value: kind } : null;
}

/** An attribute or intrinsic, or null with nothing consumed. */
export function parseField(cursor: Cursor): Field | null {
  const { token } = cursor;
  if (token.type === 'attribute') {
    cursor.next();
    const { scope, name, parent, at } = token;
    return { kind: 'attribute', scope, name, parent, at };
  }
  if (token.type === 'intrinsic') {
    cursor.next();
    return { kind: 'intrinsic', name: token.name, at: token.at };
  }
  const name = token.type === 'word' ? intrinsicNamed(token.text) : undefined;
  if (name === undefined) return null;
  cursor.next();
  return { kind: 'intrinsic', name, at: token.at };
}
