import type { DurationTree, Expr, NumberLiteral } from './ast.js';
import { durationOf } from './durations.js';
import { on, type Context, type Rule } from './slots.js';
import type { Token } from './token.js';

/** Seconds that nanoseconds of 64 bits can hold. */
const most = 2 ** 63 / 1e9;

function literal({ value, isDuration, from, to }: NumberLiteral, at: number, ctx: Context): DurationTree {
  if (Math.abs(value) > most) ctx.fail(at, 'duration out of range');
  return { kind: 'literal', seconds: value, isDuration, from, to };
}

function operation(
  op: string,
  left: DurationTree | null,
  right: DurationTree | null,
  span: { from: number; to: number },
): DurationTree {
  return { kind: 'operation', op, left, right, wrapped: false, ...span };
}

/** Parentheses around a number are an operation of their own. */
function wrapped(tree: DurationTree, from: number): DurationTree {
  if (tree.kind === 'operation') return { ...tree, wrapped: true };
  return { kind: 'operation', op: '+', left: null, right: tree, wrapped: true, from, to: tree.to };
}

/** A sign is part of a number, and `+` of an operation is nothing. */
function signed({ at: from, text: op }: Token, tree: DurationTree, ctx: Context): DurationTree {
  if (tree.kind === 'operation') return op === '-' ? operation('-', null, tree, { from, to: tree.to }) : tree;
  const { seconds: value, isDuration, to } = tree;
  return literal({ kind: 'number', value: op === '-' ? -value : value, isDuration, from, to }, from, ctx);
}

const named = on<[Token, Token, Token]>(([{ at: from, text }, , close]) =>
  operation(text.toLowerCase(), null, null, { from, to: close.at + 1 }),
);

/** A sign before `step()`, `range()`, `min_of()` or `max_of()` of an offset is an operation even where it is `+`. */
const signedName = on<[Token, Token, Token, Token]>(([sign, { at, text }, , close]) => {
  const to = close.at + 1;
  return operation(sign.text, null, operation(text.toLowerCase(), null, null, { from: at, to }), {
    from: sign.at,
    to,
  });
});

const extremum = on<[Token, Token, DurationTree, Token, DurationTree, Token]>(
  ([{ at: from, text }, , left, , right, close]) =>
    operation(text.toLowerCase(), left, right, { from, to: close.at + 1 }),
);

const signs = [
  ['ADD', '+'],
  ['SUB', '-'],
  ['MUL', '*'],
  ['DIV', '/'],
  ['MOD', '%'],
  ['POW', '^'],
] as const;

function arithmetic(op: string): Rule {
  return on<[DurationTree, Token, DurationTree]>(([left, { at }, right], ctx) => {
    if ((op === '/' || op === '%') && right.kind === 'literal' && right.seconds === 0)
      ctx.fail(at, op === '/' ? 'division by zero' : 'modulo by zero');
    return operation(op, left, right, { from: left.from, to: right.to });
  });
}

function range(expr: Expr, bracket: Token, tree: DurationTree, ctx: Context): Expr {
  if (expr.kind !== 'selector') return ctx.fail(bracket.at, 'ranges only allowed for vector selectors');
  if (expr.offset) ctx.fail(bracket.at, 'no offset modifiers allowed before range');
  if (expr.at !== undefined) ctx.fail(bracket.at, 'no @ modifiers allowed before range');
  return { kind: 'matrix', selector: expr, range: durationOf(tree), from: expr.from, to: ctx.closed };
}

function subquery(expr: Expr, tree: DurationTree, step: DurationTree | undefined, end: Token): Expr {
  const span = { from: expr.from, to: end.at + 1 };
  return {
    kind: 'subquery',
    expr,
    range: durationOf(tree),
    ...(step && { step: durationOf(step) }),
    ...span,
  };
}

const beginning = 'subquery_expr: expr LEFT_BRACKET';

export const durationRules: readonly (readonly [production: string, Rule])[] = [
  [
    'positive_duration_expr: duration_expr',
    on<[DurationTree]>(([tree], ctx) => {
      if (tree.kind === 'literal' && tree.seconds <= 0)
        ctx.fail(tree.from, 'duration must be greater than 0');
      return tree;
    }),
  ],
  [
    'matrix_selector: expr LEFT_BRACKET positive_duration_expr RIGHT_BRACKET',
    on<[Expr, Token, DurationTree]>(([expr, bracket, tree], ctx) => range(expr, bracket, tree, ctx)),
  ],
  [
    `${beginning} positive_duration_expr COLON positive_duration_expr RIGHT_BRACKET`,
    on<[Expr, Token, DurationTree, Token, DurationTree, Token]>(([expr, , tree, , step, end]) =>
      subquery(expr, tree, step, end),
    ),
  ],
  [
    `${beginning} positive_duration_expr COLON RIGHT_BRACKET`,
    on<[Expr, Token, DurationTree, Token, Token]>(([expr, , tree, , end]) =>
      subquery(expr, tree, undefined, end),
    ),
  ],
  [
    `${beginning} positive_duration_expr COLON positive_duration_expr error`,
    on<[]>((_, ctx) => ctx.unexpected('subquery selector', '"]"')),
  ],
  [
    `${beginning} positive_duration_expr COLON error`,
    on<[]>((_, ctx) => ctx.unexpected('subquery selector', 'number, duration, step(), range(), or "]"')),
  ],
  [
    `${beginning} positive_duration_expr error`,
    on<[]>((_, ctx) => ctx.unexpected('subquery or range', '":" or "]"')),
  ],
  [
    `${beginning} error`,
    on<[]>((_, ctx) => ctx.unexpected('subquery or range selector', 'number, duration, step(), or range()')),
  ],
  [
    'offset_duration_expr: number_duration_literal',
    on<[NumberLiteral]>(([number], ctx) => literal(number, number.from, ctx)),
  ],
  [
    'offset_duration_expr: unary_op number_duration_literal',
    on<[Token, NumberLiteral]>(([sign, number], ctx) => {
      const value = sign.text === '-' ? -number.value : number.value;
      return literal({ ...number, value, from: sign.at }, sign.at, ctx);
    }),
  ],
  ['offset_duration_expr: STEP LEFT_PAREN RIGHT_PAREN', named],
  ['offset_duration_expr: RANGE LEFT_PAREN RIGHT_PAREN', named],
  ['offset_duration_expr: unary_op STEP LEFT_PAREN RIGHT_PAREN', signedName],
  ['offset_duration_expr: unary_op RANGE LEFT_PAREN RIGHT_PAREN', signedName],
  ['offset_duration_expr: max_of_min_of LEFT_PAREN duration_expr COMMA duration_expr RIGHT_PAREN', extremum],
  [
    'offset_duration_expr: unary_op max_of_min_of LEFT_PAREN duration_expr COMMA duration_expr RIGHT_PAREN',
    on<[Token, Token, Token, DurationTree, Token, DurationTree, Token]>(
      ([sign, { at, text }, , left, , right, close]) => {
        const to = close.at + 1;
        const inner = operation(text.toLowerCase(), left, right, { from: at, to });
        return operation(sign.text, null, inner, { from: sign.at, to });
      },
    ),
  ],
  [
    'offset_duration_expr: unary_op LEFT_PAREN duration_expr RIGHT_PAREN',
    on<[Token, Token, DurationTree]>(([sign, , tree], ctx) => signed(sign, wrapped(tree, tree.from), ctx)),
  ],
  [
    'duration_expr: number_duration_literal',
    on<[NumberLiteral]>(([number], ctx) => literal(number, number.from, ctx)),
  ],
  [
    'duration_expr: unary_op duration_expr',
    on<[Token, DurationTree]>(([sign, tree], ctx) => signed(sign, tree, ctx)),
  ],
  ...signs.map(
    ([kind, op]) => [`duration_expr: duration_expr ${kind} duration_expr`, arithmetic(op)] as const,
  ),
  ['duration_expr: STEP LEFT_PAREN RIGHT_PAREN', named],
  ['duration_expr: RANGE LEFT_PAREN RIGHT_PAREN', named],
  ['duration_expr: max_of_min_of LEFT_PAREN duration_expr COMMA duration_expr RIGHT_PAREN', extremum],
  [
    'paren_duration_expr: LEFT_PAREN duration_expr RIGHT_PAREN',
    on<[Token, DurationTree]>(([open, tree]) => wrapped(tree, open.at)),
  ],
];
