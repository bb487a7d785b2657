import type { DurationTree, Expr, NumberLiteral } from './ast.js';
import { durationOf } from './durations.js';
import { on, type Context, type Production, type Rule } from './slots.js';
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

const beginning = 'Expr: Expr LEFT_BRACKET';

export const durationRules: readonly Production[] = [
  [
    'Length: Duration',
    on<[DurationTree]>(([tree], ctx) => {
      if (tree.kind === 'literal' && tree.seconds <= 0)
        ctx.fail(tree.from, 'duration must be greater than 0');
      return tree;
    }),
  ],
  [
    'Expr: Expr LEFT_BRACKET Length RIGHT_BRACKET',
    on<[Expr, Token, DurationTree]>(([expr, bracket, tree], ctx) => range(expr, bracket, tree, ctx)),
  ],
  [
    `${beginning} Length COLON Length RIGHT_BRACKET`,
    on<[Expr, Token, DurationTree, Token, DurationTree, Token]>(([expr, , tree, , step, end]) =>
      subquery(expr, tree, step, end),
    ),
  ],
  [
    `${beginning} Length COLON RIGHT_BRACKET`,
    on<[Expr, Token, DurationTree, Token, Token]>(([expr, , tree, , end]) =>
      subquery(expr, tree, undefined, end),
    ),
  ],
  [`${beginning} Length COLON Length error`, on<[]>((_, ctx) => ctx.unexpected('subquery selector', '"]"'))],
  [
    `${beginning} Length COLON error`,
    on<[]>((_, ctx) => ctx.unexpected('subquery selector', 'number, duration, step(), range(), or "]"')),
  ],
  [`${beginning} Length error`, on<[]>((_, ctx) => ctx.unexpected('subquery or range', '":" or "]"'))],
  [
    `${beginning} error`,
    on<[]>((_, ctx) => ctx.unexpected('subquery or range selector', 'number, duration, step(), or range()')),
  ],
  ['Offset: Number', on<[NumberLiteral]>(([number], ctx) => literal(number, number.from, ctx))],
  [
    'Offset: Sign Number',
    on<[Token, NumberLiteral]>(([sign, number], ctx) => {
      const value = sign.text === '-' ? -number.value : number.value;
      return literal({ ...number, value, from: sign.at }, sign.at, ctx);
    }),
  ],
  ['Offset: STEP LEFT_PAREN RIGHT_PAREN', named],
  ['Offset: RANGE LEFT_PAREN RIGHT_PAREN', named],
  ['Offset: Sign STEP LEFT_PAREN RIGHT_PAREN', signedName],
  ['Offset: Sign RANGE LEFT_PAREN RIGHT_PAREN', signedName],
  ['Offset: Extremum LEFT_PAREN Duration COMMA Duration RIGHT_PAREN', extremum],
  [
    'Offset: Sign Extremum LEFT_PAREN Duration COMMA Duration RIGHT_PAREN',
    on<[Token, Token, Token, DurationTree, Token, DurationTree, Token]>(
      ([sign, { at, text }, , left, , right, close]) => {
        const to = close.at + 1;
        const inner = operation(text.toLowerCase(), left, right, { from: at, to });
        return operation(sign.text, null, inner, { from: sign.at, to });
      },
    ),
  ],
  [
    'Offset: Sign LEFT_PAREN Duration RIGHT_PAREN',
    on<[Token, Token, DurationTree]>(([sign, , tree], ctx) => signed(sign, wrapped(tree, tree.from), ctx)),
    'MUL',
  ],
  ['Offset: Duration'],
  ['Duration: Number', on<[NumberLiteral]>(([number], ctx) => literal(number, number.from, ctx))],
  [
    'Duration: Sign Duration',
    on<[Token, DurationTree]>(([sign, tree], ctx) => signed(sign, tree, ctx)),
    'MUL',
  ],
  ...signs.map(([kind, op]) => [`Duration: Duration ${kind} Duration`, arithmetic(op)] as const),
  ['Duration: STEP LEFT_PAREN RIGHT_PAREN', named],
  ['Duration: RANGE LEFT_PAREN RIGHT_PAREN', named],
  ['Duration: Extremum LEFT_PAREN Duration COMMA Duration RIGHT_PAREN', extremum],
  [
    'Duration: LEFT_PAREN Duration RIGHT_PAREN',
    on<[Token, DurationTree]>(([open, tree]) => wrapped(tree, open.at)),
  ],
  ['Extremum: MAX_OF'],
  ['Extremum: MIN_OF'],
];
