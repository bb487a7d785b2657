import { QueryError } from '../../../lake/query-error.js';
import { metricName } from '../../series/labels.js';
import { compileMatcher, type Matcher, type MatchOp } from '../../series/matchers.js';
import type { VectorSelector } from './ast.js';
import { on, type Rule } from './slots.js';
import { literalText } from './string-literals.js';
import type { Token } from './token.js';

/** Patterns are looked at here, so that the first fault of a query is the one that is told. */
const matcher = on<[Token, Token, Token]>(([label, { text: op }, literal], ctx) => {
  const made: Matcher = { name: label.text, op: op as MatchOp, value: literalText(literal) };
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

const braces = on<[Token, readonly Matcher[], ...Token[]]>(([open, matchers, ...rest]) => {
  const to = (rest.at(-1)?.at ?? open.at) + 1;
  return { kind: 'selector', name: '', matchers, from: open.at, to };
});

function named({ at: from, text }: Token, rest?: VectorSelector): VectorSelector {
  const own: Matcher = { name: metricName, op: '=', value: text };
  const matchers = [own, ...(rest?.matchers ?? [])];
  return { kind: 'selector', name: text, matchers, from, to: rest?.to ?? from + text.length };
}

export const selectorRules: readonly (readonly [production: string, Rule])[] = [
  [
    'vector_selector: metric_identifier label_matchers',
    on<[Token, VectorSelector]>(([name, rest]) => named(name, rest)),
  ],
  ['vector_selector: metric_identifier', on<[Token]>(([name]) => named(name))],
  ['label_matchers: LEFT_BRACE label_match_list RIGHT_BRACE', braces],
  ['label_matchers: LEFT_BRACE label_match_list COMMA RIGHT_BRACE', braces],
  [
    'label_matchers: LEFT_BRACE RIGHT_BRACE',
    on<[Token, Token]>(([open, close]) => {
      return { kind: 'selector', name: '', matchers: [], from: open.at, to: close.at + 1 };
    }),
  ],
  [
    'label_match_list: label_match_list COMMA label_matcher',
    on<[readonly Matcher[], Token, Matcher]>(([list, , one]) => [...list, one]),
  ],
  ['label_match_list: label_matcher', on<[Matcher]>(([one]) => [one])],
  [
    'label_match_list: label_match_list error',
    on<[]>((_, ctx) => ctx.unexpected('label matching', '"," or "}"')),
  ],
  ['label_matcher: IDENTIFIER match_op STRING', matcher],
  ['label_matcher: string_identifier match_op STRING', matcher],
  [
    'label_matcher: string_identifier',
    on<[Token]>(([{ text: value }]) => ({ name: metricName, op: '=', value })),
  ],
  [
    'label_matcher: string_identifier match_op error',
    on<[]>((_, ctx) => ctx.unexpected('label matching', 'string')),
  ],
  [
    'label_matcher: IDENTIFIER match_op error',
    on<[]>((_, ctx) => ctx.unexpected('label matching', 'string')),
  ],
  [
    'label_matcher: IDENTIFIER error',
    on<[]>((_, ctx) => ctx.unexpected('label matching', 'label matching operator')),
  ],
  ['label_matcher: error', on<[]>((_, ctx) => ctx.unexpected('label matching', 'identifier or "}"'))],
  [
    'string_identifier: STRING',
    on<[Token]>(([token]) => ({ kind: 'METRIC_IDENTIFIER', at: token.at, text: literalText(token) })),
  ],
];
