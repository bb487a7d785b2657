import type { Grouping } from '../../series/aggregate.js';
import type { Matching } from '../../series/operators.js';
import { goQuote } from '../../text/go-quote.js';
import type { At, DurationTree, Expr, Extension, NumberLiteral } from './ast.js';
import { durationOf } from './durations.js';
import { on, type BinaryModifiers, type Context, type Rule } from './slots.js';
import { hasNoLooseBytes } from '../../text/loose-bytes.js';
import { looseText } from './string-literals.js';
import type { Token } from './token.js';

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

export const modifierRules: readonly (readonly [production: string, Rule])[] = [
  [
    'aggregate_modifier: BY grouping_labels',
    on<[Token, readonly string[]]>(([, labels]) => ({ without: false, labels }) satisfies Grouping),
  ],
  [
    'aggregate_modifier: WITHOUT grouping_labels',
    on<[Token, readonly string[]]>(([, labels]) => ({ without: true, labels }) satisfies Grouping),
  ],
  ['bool_modifier:', () => ({ bool: false })],
  ['bool_modifier: BOOL', () => ({ bool: true })],
  [
    'on_or_ignoring: bool_modifier IGNORING grouping_labels',
    on<[BinaryModifiers, Token, readonly string[]]>(([before, , labels]) => withMatching(before, { labels })),
  ],
  [
    'on_or_ignoring: bool_modifier ON grouping_labels',
    on<[BinaryModifiers, Token, readonly string[]]>(([before, , labels]) =>
      withMatching(before, { on: true, labels }),
    ),
  ],
  ['group_modifiers: on_or_ignoring GROUP_LEFT maybe_grouping_labels', grouped('many-to-one')],
  ['group_modifiers: on_or_ignoring GROUP_RIGHT maybe_grouping_labels', grouped('one-to-many')],
  ['maybe_grouping_labels:', () => []],
  [
    'fill_modifiers: group_modifiers FILL fill_value',
    on<[BinaryModifiers, Token, NumberLiteral]>(([before, , { value }]) =>
      withMatching(before, { fillLeft: value, fillRight: value }),
    ),
  ],
  [
    'fill_modifiers: group_modifiers FILL_LEFT fill_value',
    on<[BinaryModifiers, Token, NumberLiteral]>(([before, , { value }]) =>
      withMatching(before, { fillLeft: value }),
    ),
  ],
  [
    'fill_modifiers: group_modifiers FILL_RIGHT fill_value',
    on<[BinaryModifiers, Token, NumberLiteral]>(([before, , { value }]) =>
      withMatching(before, { fillRight: value }),
    ),
  ],
  [
    'fill_modifiers: group_modifiers FILL_LEFT fill_value FILL_RIGHT fill_value',
    on<[BinaryModifiers, Token, NumberLiteral, Token, NumberLiteral]>(([before, , left, , right]) =>
      withMatching(before, { fillLeft: left.value, fillRight: right.value }),
    ),
  ],
  [
    'fill_modifiers: group_modifiers FILL_RIGHT fill_value FILL_LEFT fill_value',
    on<[BinaryModifiers, Token, NumberLiteral, Token, NumberLiteral]>(([before, , right, , left]) =>
      withMatching(before, { fillLeft: left.value, fillRight: right.value }),
    ),
  ],
  [
    'fill_value: LEFT_PAREN number_duration_literal RIGHT_PAREN',
    on<[Token, NumberLiteral]>(([, value]) => value),
  ],
  [
    'fill_value: LEFT_PAREN unary_op number_duration_literal RIGHT_PAREN',
    on<[Token, Token, NumberLiteral]>(([, sign, number]) =>
      sign.text === '-' ? { ...number, value: -number.value } : number,
    ),
  ],
  [
    'grouping_labels: LEFT_PAREN grouping_label_list RIGHT_PAREN',
    on<[Token, readonly string[]]>(([, labels]) => labels),
  ],
  [
    'grouping_labels: LEFT_PAREN grouping_label_list COMMA RIGHT_PAREN',
    on<[Token, readonly string[]]>(([, labels]) => labels),
  ],
  ['grouping_labels: LEFT_PAREN RIGHT_PAREN', () => []],
  ['grouping_labels: error', on<[]>((_, ctx) => ctx.unexpected('grouping opts', '"("'))],
  [
    'grouping_label_list: grouping_label_list COMMA grouping_label',
    on<[readonly string[], Token, Token]>(([list, , { text }]) => [...list, text]),
  ],
  ['grouping_label_list: grouping_label', on<[Token]>(([{ text }]) => [text])],
  [
    'grouping_label_list: grouping_label_list error',
    on<[]>((_, ctx) => ctx.unexpected('grouping opts', '"," or ")"')),
  ],
  ['grouping_label: maybe_label', on<[Token]>(([name], ctx) => label(name, name.text, ctx))],
  ['grouping_label: STRING', on<[Token]>(([name], ctx) => label(name, looseText(name), ctx))],
  ['grouping_label: error', on<[]>((_, ctx) => ctx.unexpected('grouping opts', 'label'))],
  [
    'offset_expr: expr OFFSET offset_duration_expr',
    on<[Expr, Token, DurationTree]>(([expr, , tree], ctx) => offset(expr, tree, ctx)),
  ],
  [
    'offset_expr: expr OFFSET error',
    on<[]>((_, ctx) => ctx.unexpected('offset', 'number, duration, step(), or range()')),
  ],
  ['anchored_expr: expr ANCHORED', extended('anchored')],
  ['smoothed_expr: expr SMOOTHED', extended('smoothed')],
  [
    'step_invariant_expr: expr AT signed_or_unsigned_number',
    on<[Expr, Token, number]>(([expr, , seconds], ctx) => instant(expr, seconds, ctx)),
  ],
  [
    'step_invariant_expr: expr AT at_modifier_preprocessors LEFT_PAREN RIGHT_PAREN',
    on<[Expr, Token, Token]>(([expr, , { kind }], ctx) =>
      fixed(expr, kind === 'START' ? 'start' : 'end', ctx),
    ),
  ],
  ['step_invariant_expr: expr AT error', on<[]>((_, ctx) => ctx.unexpected('@', 'timestamp'))],
];
