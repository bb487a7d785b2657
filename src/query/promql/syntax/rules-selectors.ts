import { QueryError } from '../../../lake/query-error.js';
import { metricName } from '../../series/labels.js';
import { compileMatcher, type Matcher, type MatchOp } from '../../series/matchers.js';
import type { VectorSelector } from './ast.js';
import { on, type Production } from './slots.js';
import { looseText } from './string-literals.js';
import { hasNoLooseBytes, withoutLooseBytes } from '../../text/loose-bytes.js';
import { literalAlternatives } from '../../text/re2.js';
import { aggregators, bounds, keywordKinds, type Token } from './token.js';

/** Patterns are looked at here, so that the first fault of a query is the one that is told. */
const matcher = on<[Token, Token, Token]>(([label, { text: op }, literal], ctx) => {
  const made: Matcher = { name: label.text, op: op as MatchOp, value: looseText(literal) };
  const { op: kind, value } = made;
  if ((kind === '=~' || kind === '!~') && !hasNoLooseBytes(value) && !isLiteral(value)) {
    ctx.fail(label.at, `error parsing regexp: invalid UTF-8: \`${withoutLooseBytes(value)}\``);
  }
  try {
    compileMatcher(made);
  } catch (error) {
    if (!(error instanceof QueryError) || error.kind !== 'bad_data') throw error;
    // RE2's words, without the flag with which a pattern is compiled.
    const why = error.message.replace(/^[\s\S]*?: (?=error parsing regexp)/, '').replace(/`\(\?s\)/, '`');
    ctx.fail(label.at, why);
  }
  return made;
});

/** Whether the pattern is nothing but texts to choose from, which Prometheus does not read as a pattern. */
function isLiteral(pattern: string): boolean {
  return literalAlternatives(pattern.replace(/\p{Surrogate}/gu, '')) !== undefined;
}

const braces = on<[Token, readonly Matcher[], ...Token[]]>(([open, matchers, ...rest]) => {
  const to = (rest.at(-1)?.at ?? open.at) + 1;
  return { kind: 'selector', name: '', matchers, from: open.at, to };
});

function named({ at: from, text }: Token, rest?: VectorSelector): VectorSelector {
  const own: Matcher = { name: metricName, op: '=', value: text };
  const matchers = [own, ...(rest?.matchers ?? [])];
  return { kind: 'selector', name: text, matchers, from, to: rest?.to ?? from + text.length };
}

/** What may be the name of a metric without quotes. */
const names = [
  ...['IDENTIFIER', 'METRIC_IDENTIFIER', 'LAND', 'LOR', 'LUNLESS'],
  ...aggregators,
  ...keywordKinds.filter((kind) => !/^(BOOL|ON|IGNORING|GROUP_LEFT|GROUP_RIGHT)$/.test(kind)),
  ...bounds,
];

export const selectorRules: readonly Production[] = [
  ['Selector: Name Braces', on<[Token, VectorSelector]>(([name, rest]) => named(name, rest))],
  ['Selector: Name', on<[Token]>(([name]) => named(name))],
  ['Selector: Braces'],
  ['Braces: LEFT_BRACE Matchers RIGHT_BRACE', braces],
  ['Braces: LEFT_BRACE Matchers COMMA RIGHT_BRACE', braces],
  [
    'Braces: LEFT_BRACE RIGHT_BRACE',
    on<[Token, Token]>(([open, close]) => {
      return { kind: 'selector', name: '', matchers: [], from: open.at, to: close.at + 1 };
    }),
  ],
  [
    'Matchers: Matchers COMMA Matcher',
    on<[readonly Matcher[], Token, Matcher]>(([list, , one]) => [...list, one]),
  ],
  ['Matchers: Matcher', on<[Matcher]>(([one]) => [one])],
  ['Matchers: Matchers error', on<[]>((_, ctx) => ctx.unexpected('label matching', '"," or "}"'))],
  ['Matcher: IDENTIFIER MatchOp STRING', matcher],
  ['Matcher: QuotedName MatchOp STRING', matcher],
  ['Matcher: QuotedName', on<[Token]>(([{ text: value }]) => ({ name: metricName, op: '=', value }))],
  ['Matcher: QuotedName MatchOp error', on<[]>((_, ctx) => ctx.unexpected('label matching', 'string'))],
  ['Matcher: IDENTIFIER MatchOp error', on<[]>((_, ctx) => ctx.unexpected('label matching', 'string'))],
  [
    'Matcher: IDENTIFIER error',
    on<[]>((_, ctx) => ctx.unexpected('label matching', 'label matching operator')),
  ],
  ['Matcher: error', on<[]>((_, ctx) => ctx.unexpected('label matching', 'identifier or "}"'))],
  [
    'QuotedName: STRING',
    on<[Token]>(([token]) => ({ kind: 'METRIC_IDENTIFIER', at: token.at, text: looseText(token) })),
  ],
  ...['EQL', 'NEQ', 'EQL_REGEX', 'NEQ_REGEX'].map((kind) => [`MatchOp: ${kind}`] as const),
  ...names.map((kind) => [`Name: ${kind}`] as const),
];
