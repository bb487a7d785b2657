import type { Grouping } from '../../series/aggregate.js';
import type { Matching } from '../../series/operators.js';
import { goQuote } from '../../text/go-quote.js';
import type { At, DurationTree, Expr, Extension, NumberLiteral } from './ast.js';
import { durationOf } from './durations.js';
import { on, type BinaryModifiers, type Context, type Production, type Rule } from './slots.js';
import { hasNoLooseBytes } from '../../text/loose-bytes.js';
import { looseText } from './string-literals.js';
import { aggregators, bounds, keywordKinds, type Token } from './token.js';

const plain: Matching = { on: false, labels: [], cardinality: 'one-to-one', include: [] };

function withMatching({ bool, matching = plain }: BinaryModifiers, more: Partial<Matching>): BinaryModifiers {
  return { bool, matching: { ...matching, ...more } };
}

function label(name: Token, text: string, ctx: Context): Token {
  if (text === '' || !hasNoLooseBytes(text))
    ctx.fail(name.at, `invalid label name for grouping: ${goQuote(text)}`);
  return { ...name, text };
}

function grouped(cardinality: Matching['cardinality']): Rule {
  return on<[BinaryModifiers, Token, readonly string[] | undefined]>(([before, , include = []]) =>
    withMatching(before, { cardinality, include }),
  );
}

/** What a modifier of a selector, a range or a subquery is put on; anything else is refused. */
function modified(
  expr: Expr,
  to: number,
  what: string,
  ctx: Context,
  change: (target: Extract<Expr, { kind: 'selector' | 'subquery' }>) => { offset?: DurationOf; at?: At },
): Expr {
  if (expr.kind === 'matrix') {
    return { ...expr, to, selector: { ...expr.selector, ...change(expr.selector) } };
  }
  if (expr.kind === 'selector' || expr.kind === 'subquery') return { ...expr, to, ...change(expr) };
  const message = `${what} modifier must be preceded by an instant vector selector or range vector selector or a subquery`;
  return ctx.fail(expr.from, message);
}

type DurationOf = ReturnType<typeof durationOf>;

function offset(expr: Expr, tree: DurationTree, ctx: Context): Expr {
  return modified(expr, ctx.closed, 'offset', ctx, (target) => {
    if (target.offset) ctx.fail(expr.from, 'offset may not be set multiple times');
    // An offset of nothing is none.
    return tree.kind === 'literal' && Math.round(tree.seconds * 1e9) === 0
      ? {}
      : { offset: durationOf(tree) };
  });
}

function fixed(expr: Expr, at: At, ctx: Context): Expr {
  return modified(expr, ctx.closed, '@', ctx, (target) => {
    if (target.at !== undefined) ctx.fail(expr.from, '@ <timestamp> may not be set multiple times');
    return { at };
  });
}

/** As far from 1970 as a date can be. */
const farthest = 8.64e15;

function instant(expr: Expr, seconds: number, ctx: Context): Expr {
  if (!Number.isFinite(seconds) || Math.abs(seconds) >= 2 ** 63) {
    const text = Number.isFinite(seconds) ? `${BigInt(seconds)}.000000` : goFloat(seconds);
    ctx.fail(expr.from, `timestamp out of bounds for @ modifier: ${text}`);
  }
  const ms = Math.sign(seconds) * Math.round(Math.abs(seconds) * 1000);
  return fixed(expr, Math.max(-farthest, Math.min(farthest, ms)), ctx);
}

function goFloat(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function extended(extension: Extension): Rule {
  return on<[Expr]>(([expr], ctx) => {
    const selector = expr.kind === 'matrix' ? expr.selector : expr;
    if (selector.kind !== 'selector') {
      const why = expr.kind === 'subquery' ? 'is not supported for subqueries' : 'not implemented';
      return ctx.fail(expr.from, `${extension} modifier ${why}`);
    }
    if (selector.extension && selector.extension !== extension)
      ctx.fail(expr.from, 'anchored and smoothed modifiers cannot be used together');
    return expr.kind === 'matrix'
      ? { ...expr, selector: { ...selector, extension } }
      : { ...selector, extension };
  });
}

/** What may be the name of a label without quotes; `without` is the only word that may not. */
const words = [
  ...['IDENTIFIER', 'METRIC_IDENTIFIER', 'LAND', 'LOR', 'LUNLESS', 'ATAN2'],
  ...aggregators,
  ...keywordKinds.filter((kind) => kind !== 'WITHOUT'),
  ...bounds,
];

export const modifierRules: readonly Production[] = [
  [
    'Grouping: BY Labels',
    on<[Token, readonly string[]]>(([, labels]) => ({ without: false, labels }) satisfies Grouping),
  ],
  [
    'Grouping: WITHOUT Labels',
    on<[Token, readonly string[]]>(([, labels]) => ({ without: true, labels }) satisfies Grouping),
  ],
  ['Bool:', () => ({ bool: false })],
  ['Bool: BOOL', () => ({ bool: true })],
  [
    'Matching: Bool IGNORING Labels',
    on<[BinaryModifiers, Token, readonly string[]]>(([before, , labels]) => withMatching(before, { labels })),
  ],
  [
    'Matching: Bool ON Labels',
    on<[BinaryModifiers, Token, readonly string[]]>(([before, , labels]) =>
      withMatching(before, { on: true, labels }),
    ),
  ],
  ['Sides: Bool'],
  ['Sides: Matching'],
  ['Sides: Matching GROUP_LEFT MaybeLabels', grouped('many-to-one')],
  ['Sides: Matching GROUP_RIGHT MaybeLabels', grouped('one-to-many')],
  ['MaybeLabels:', () => []],
  ['MaybeLabels: Labels'],
  ['Modifiers: Sides'],
  [
    'Modifiers: Sides FILL Fill',
    on<[BinaryModifiers, Token, NumberLiteral]>(([before, , { value }]) =>
      withMatching(before, { fillLeft: value, fillRight: value }),
    ),
  ],
  [
    'Modifiers: Sides FILL_LEFT Fill',
    on<[BinaryModifiers, Token, NumberLiteral]>(([before, , { value }]) =>
      withMatching(before, { fillLeft: value }),
    ),
  ],
  [
    'Modifiers: Sides FILL_RIGHT Fill',
    on<[BinaryModifiers, Token, NumberLiteral]>(([before, , { value }]) =>
      withMatching(before, { fillRight: value }),
    ),
  ],
  [
    'Modifiers: Sides FILL_LEFT Fill FILL_RIGHT Fill',
    on<[BinaryModifiers, Token, NumberLiteral, Token, NumberLiteral]>(([before, , left, , right]) =>
      withMatching(before, { fillLeft: left.value, fillRight: right.value }),
    ),
  ],
  [
    'Modifiers: Sides FILL_RIGHT Fill FILL_LEFT Fill',
    on<[BinaryModifiers, Token, NumberLiteral, Token, NumberLiteral]>(([before, , right, , left]) =>
      withMatching(before, { fillLeft: left.value, fillRight: right.value }),
    ),
  ],
  ['Fill: LEFT_PAREN Number RIGHT_PAREN', on<[Token, NumberLiteral]>(([, value]) => value)],
  [
    'Fill: LEFT_PAREN Sign Number RIGHT_PAREN',
    on<[Token, Token, NumberLiteral]>(([, sign, number]) =>
      sign.text === '-' ? { ...number, value: -number.value } : number,
    ),
  ],
  ['Labels: LEFT_PAREN LabelList RIGHT_PAREN', on<[Token, readonly string[]]>(([, labels]) => labels)],
  ['Labels: LEFT_PAREN LabelList COMMA RIGHT_PAREN', on<[Token, readonly string[]]>(([, labels]) => labels)],
  ['Labels: LEFT_PAREN RIGHT_PAREN', () => []],
  ['Labels: error', on<[]>((_, ctx) => ctx.unexpected('grouping opts', '"("'))],
  [
    'LabelList: LabelList COMMA Label',
    on<[readonly string[], Token, Token]>(([list, , { text }]) => [...list, text]),
  ],
  ['LabelList: Label', on<[Token]>(([{ text }]) => [text])],
  ['LabelList: LabelList error', on<[]>((_, ctx) => ctx.unexpected('grouping opts', '"," or ")"'))],
  ['Label: Word', on<[Token]>(([name], ctx) => label(name, name.text, ctx))],
  ['Label: STRING', on<[Token]>(([name], ctx) => label(name, looseText(name), ctx))],
  ['Label: error', on<[]>((_, ctx) => ctx.unexpected('grouping opts', 'label'))],
  [
    'Expr: Expr OFFSET Offset',
    on<[Expr, Token, DurationTree]>(([expr, , tree], ctx) => offset(expr, tree, ctx)),
  ],
  [
    'Expr: Expr OFFSET error',
    on<[]>((_, ctx) => ctx.unexpected('offset', 'number, duration, step(), or range()')),
  ],
  ['Expr: Expr ANCHORED', extended('anchored')],
  ['Expr: Expr SMOOTHED', extended('smoothed')],
  [
    'Expr: Expr AT Timestamp',
    on<[Expr, Token, number]>(([expr, , seconds], ctx) => instant(expr, seconds, ctx)),
  ],
  [
    'Expr: Expr AT Boundary LEFT_PAREN RIGHT_PAREN',
    on<[Expr, Token, Token]>(([expr, , { kind }], ctx) =>
      fixed(expr, kind === 'START' ? 'start' : 'end', ctx),
    ),
  ],
  ['Expr: Expr AT error', on<[]>((_, ctx) => ctx.unexpected('@', 'timestamp'))],
  ...words.map((kind) => [`Word: ${kind}`] as const),
];
