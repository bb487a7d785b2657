import { goQuote } from '../../text/go-quote.js';
import type { Grouping } from '../../series/aggregate.js';
import type { Binary, Expr, NumberLiteral } from './ast.js';
import { literalDuration, literalNumber, numberFault } from './literals.js';
import { on, type BinaryModifiers, type Context, type Rule } from './slots.js';
import { looseText } from './string-literals.js';
import type { Token } from './token.js';

const withParameter = /^(topk|bottomk|count_values|quantile|limitk|limit_ratio)$/;
const operators = [
  ...['ADD', 'ATAN2', 'DIV', 'EQLC', 'GTE', 'GTR', 'TRIM_UPPER', 'TRIM_LOWER', 'LAND'],
  ...['LOR', 'LSS', 'LTE', 'LUNLESS', 'MOD', 'MUL', 'NEQ', 'POW', 'SUB'],
];

function aggregation(
  { at: from, text }: Token,
  grouping: Grouping | undefined,
  args: readonly Expr[],
  to: number,
  ctx: Context,
): Expr {
  const op = text.toLowerCase();
  const wanted = withParameter.test(op) ? 2 : 1;
  if (args.length === 0) ctx.fail(from, 'no arguments for aggregate expression provided');
  if (/^limit/.test(op) && ctx.options.refused) {
    ctx.fail(
      from,
      `${op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
    );
  }
  const expr = args.at(-1);
  if (args.length !== wanted || !expr) {
    const message = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`;
    return ctx.fail(from, message);
  }
  const param = wanted === 2 && args[0] ? { param: args[0] } : {};
  return { kind: 'aggregation', op, expr, ...param, ...(grouping && { grouping }), from, to };
}

function isScalar(expr: Expr, ctx: Context): boolean {
  switch (expr.kind) {
    case 'number':
      return true;
    case 'paren':
    case 'unary':
      return isScalar(expr.expr, ctx);
    case 'binary':
      return isScalar(expr.left, ctx) && isScalar(expr.right, ctx);
    case 'call':
      return ctx.options.returns(expr.name) === 'scalar';
    default:
      return false;
  }
}

/** Beside a scalar a clause that names nothing says nothing, and one that does is refused when types are looked at. */
const binary = on<[Expr, Token, BinaryModifiers, Expr]>(
  ([left, { text }, { bool, matching }, right], ctx) => {
    const isFilled = matching?.fillLeft !== undefined || matching?.fillRight !== undefined;
    if (isFilled && ctx.options.refused)
      ctx.fail(left.from, 'binop fill modifiers are experimental and not enabled');
    const says =
      matching && (isFilled || matching.labels.length > 0 || !(isScalar(left, ctx) || isScalar(right, ctx)));
    const span = { from: left.from, to: right.to };
    const op = text.toLowerCase();
    return { kind: 'binary', op, bool, left, right, ...(says && { matching }), ...span } satisfies Binary;
  },
);

const call = on<[Token, readonly Expr[]]>(([{ at: from, text: name }, args], ctx) => {
  const { returns, refused } = ctx.options;
  if (!returns(name)) ctx.fail(from, `unknown function with name ${goQuote(name)}`);
  if (refused?.has(name)) ctx.fail(from, `function ${goQuote(name)} is not enabled`);
  return { kind: 'call', name, args, from, to: ctx.closed };
});

/** A sign becomes part of a number. */
const unary = on<[Token, Expr]>(([{ at: from, text }, expr]) => {
  const op = text === '-' ? '-' : '+';
  if (expr.kind !== 'number') return { kind: 'unary', op, expr, from, to: expr.to };
  return { ...expr, value: op === '-' ? -expr.value : expr.value, from };
});

function number({ at: from, text }: Token, ctx: Context): NumberLiteral {
  const value = literalNumber(text) ?? ctx.fail(from, numberFault(text));
  return { kind: 'number', value, isDuration: false, from, to: from + text.length };
}

function duration({ at: from, text }: Token, ctx: Context): NumberLiteral {
  const value = literalDuration(text);
  if (typeof value !== 'number') return ctx.fail(from, value.fault);
  return { kind: 'number', value, isDuration: true, from, to: from + text.length };
}

const result = on<[Token, Expr]>(([, expr], ctx) => {
  ctx.accept(expr);
  return expr;
});

export const expressionRules: readonly (readonly [production: string, Rule])[] = [
  ['start: START_EXPRESSION EOF', on<[]>((_, ctx) => ctx.fail(0, 'no expression found in input'))],
  ['start: START_EXPRESSION expr', result],
  ['start: START_METRIC_SELECTOR vector_selector', result],
  ['start: error', on<[]>((_, ctx) => ctx.unexpected())],
  [
    'aggregate_expr: aggregate_op aggregate_modifier function_call_body',
    on<[Token, Grouping, readonly Expr[]]>(([op, grouping, args], ctx) =>
      aggregation(op, grouping, args, ctx.closed, ctx),
    ),
  ],
  [
    'aggregate_expr: aggregate_op function_call_body aggregate_modifier',
    on<[Token, readonly Expr[], Grouping]>(([op, args, grouping], ctx) =>
      aggregation(op, grouping, args, ctx.closed, ctx),
    ),
  ],
  [
    'aggregate_expr: aggregate_op function_call_body',
    on<[Token, readonly Expr[]]>(([op, args], ctx) =>
      aggregation(op, undefined, args, ctx.closedBefore, ctx),
    ),
  ],
  ['aggregate_expr: aggregate_op error', on<[]>((_, ctx) => ctx.unexpected('aggregation'))],
  ...operators.map((op) => [`binary_expr: expr ${op} bin_modifier expr`, binary] as const),
  ...['IDENTIFIER', 'at_modifier_preprocessors', 'STEP', 'RANGE', 'max_of_min_of'].map(
    (name) => [`function_call: ${name} function_call_body`, call] as const,
  ),
  [
    'function_call_body: LEFT_PAREN function_call_args RIGHT_PAREN',
    on<[Token, readonly Expr[]]>(([, args]) => args),
  ],
  ['function_call_body: LEFT_PAREN RIGHT_PAREN', () => []],
  [
    'function_call_args: function_call_args COMMA expr',
    on<[readonly Expr[], Token, Expr]>(([args, , arg]) => [...args, arg]),
  ],
  ['function_call_args: expr', on<[Expr]>(([arg]) => [arg])],
  [
    'function_call_args: function_call_args COMMA',
    on<[readonly Expr[], Token]>(([, { at }], ctx) =>
      ctx.fail(at, 'trailing commas not allowed in function call args'),
    ),
  ],
  [
    'paren_expr: LEFT_PAREN expr RIGHT_PAREN',
    on<[Token, Expr, Token]>(([open, expr, close]) => {
      return { kind: 'paren', expr, from: open.at, to: close.at + 1 };
    }),
  ],
  ['unary_expr: unary_op expr', unary],
  [
    'string_literal: STRING',
    on<[Token]>(([token]) => {
      const { at: from, text } = token;
      return { kind: 'string', value: looseText(token), from, to: from + text.length };
    }),
  ],
  ['number_duration_literal: NUMBER', on<[Token]>(([token], ctx) => number(token, ctx))],
  ['number_duration_literal: DURATION', on<[Token]>(([token], ctx) => duration(token, ctx))],
  ['number: NUMBER', on<[Token]>(([token], ctx) => number(token, ctx).value)],
  ['number: DURATION', on<[Token]>(([token], ctx) => duration(token, ctx).value)],
  ['signed_number: ADD number', on<[Token, number]>(([, value]) => value)],
  ['signed_number: SUB number', on<[Token, number]>(([, value]) => -value)],
];
