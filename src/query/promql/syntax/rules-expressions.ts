import { goQuote } from '../../text/go-quote.js';
import type { Grouping } from '../../series/aggregate.js';
import type { Binary, Expr, NumberLiteral } from './ast.js';
import { literalDuration, literalNumber, numberFault } from './literals.js';
import { on, type BinaryModifiers, type Context, type Production } from './slots.js';
import { looseText } from './string-literals.js';
import { aggregators, type Token } from './token.js';

const withParameter = /^(topk|bottomk|count_values|quantile|limitk|limit_ratio)$/;
const operators = [
  ...['LOR', 'LAND', 'LUNLESS', 'EQLC', 'NEQ', 'GTE', 'GTR', 'LTE', 'LSS', 'TRIM_UPPER', 'TRIM_LOWER'],
  ...['ADD', 'SUB', 'MUL', 'DIV', 'MOD', 'ATAN2', 'POW'],
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

const result = on<[Token, Expr]>(([, expr]) => expr);

export const expressionRules: readonly Production[] = [
  ['Query: START_EXPRESSION EOF', on<[]>((_, ctx) => ctx.fail(0, 'no expression found in input'))],
  ['Query: START_EXPRESSION Expr', result],
  ['Query: START_METRIC_SELECTOR Selector', result],
  ['Query: Query EOF'],
  ['Query: error', on<[]>((_, ctx) => ctx.unexpected())],
  // A number alone is no duration, before which this rule therefore stands.
  ['Expr: Number'],
  ['Expr: Selector'],
  ['Expr: Duration'],
  [
    'Expr: Aggregator Grouping Arguments',
    on<[Token, Grouping, readonly Expr[]]>(([op, grouping, args], ctx) =>
      aggregation(op, grouping, args, ctx.closed, ctx),
    ),
  ],
  [
    'Expr: Aggregator Arguments Grouping',
    on<[Token, readonly Expr[], Grouping]>(([op, args, grouping], ctx) =>
      aggregation(op, grouping, args, ctx.closed, ctx),
    ),
  ],
  [
    'Expr: Aggregator Arguments',
    on<[Token, readonly Expr[]]>(([op, args], ctx) =>
      aggregation(op, undefined, args, ctx.closedBefore, ctx),
    ),
  ],
  ['Expr: Aggregator error', on<[]>((_, ctx) => ctx.unexpected('aggregation'))],
  ...operators.map((op) => [`Expr: Expr ${op} Modifiers Expr`, binary] as const),
  ...['IDENTIFIER', 'Boundary', 'STEP', 'RANGE', 'Extremum'].map(
    (name) => [`Expr: ${name} Arguments`, call] as const,
  ),
  ['Arguments: LEFT_PAREN ArgumentList RIGHT_PAREN', on<[Token, readonly Expr[]]>(([, args]) => args)],
  ['Arguments: LEFT_PAREN RIGHT_PAREN', () => []],
  [
    'ArgumentList: ArgumentList COMMA Expr',
    on<[readonly Expr[], Token, Expr]>(([args, , arg]) => [...args, arg]),
  ],
  ['ArgumentList: Expr', on<[Expr]>(([arg]) => [arg])],
  [
    'ArgumentList: ArgumentList COMMA',
    on<[readonly Expr[], Token]>(([, { at }], ctx) =>
      ctx.fail(at, 'trailing commas not allowed in function call args'),
    ),
  ],
  [
    'Expr: LEFT_PAREN Expr RIGHT_PAREN',
    on<[Token, Expr, Token]>(([open, expr, close]) => {
      return { kind: 'paren', expr, from: open.at, to: close.at + 1 };
    }),
  ],
  ['Expr: Sign Expr', unary, 'MUL'],
  [
    'Expr: STRING',
    on<[Token]>(([token]) => {
      const { at: from, text } = token;
      return { kind: 'string', value: looseText(token), from, to: from + text.length };
    }),
  ],
  ['Number: NUMBER', on<[Token]>(([token], ctx) => number(token, ctx))],
  ['Number: DURATION', on<[Token]>(([token], ctx) => duration(token, ctx))],
  ['Timestamp: Seconds'],
  ['Seconds: NUMBER', on<[Token]>(([token], ctx) => number(token, ctx).value)],
  ['Seconds: DURATION', on<[Token]>(([token], ctx) => duration(token, ctx).value)],
  ['Timestamp: ADD Seconds', on<[Token, number]>(([, value]) => value)],
  ['Timestamp: SUB Seconds', on<[Token, number]>(([, value]) => -value)],
  ...aggregators.map((kind) => [`Aggregator: ${kind}`] as const),
  ['Sign: ADD'],
  ['Sign: SUB'],
  ['Boundary: START'],
  ['Boundary: END'],
];
