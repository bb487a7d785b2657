import type { AttributeScope } from '../model/attributes.js';
import type { IntrinsicName } from '../model/intrinsics.js';

export type Token =
  | { readonly type: 'end'; readonly text: ''; readonly at: number }
  | { readonly type: 'operator'; readonly text: string; readonly at: number }
  | { readonly type: 'word'; readonly text: string; readonly at: number }
  | { readonly type: 'string'; readonly text: string; readonly value: string; readonly at: number }
  | { readonly type: 'int'; readonly text: string; readonly value: bigint; readonly at: number }
  | { readonly type: 'float'; readonly text: string; readonly value: number; readonly at: number }
  | { readonly type: 'duration'; readonly text: string; readonly value: bigint; readonly at: number }
  | { readonly type: 'intrinsic'; readonly text: string; readonly name: IntrinsicName; readonly at: number }
  | {
      readonly type: 'attribute';
      readonly text: string;
      readonly scope: AttributeScope;
      readonly parent: boolean;
      readonly name: string;
      readonly at: number;
    };

/** In the words of Tempo's parser, which tells what it expects where that is no more than four things. */
export function unexpected(token: Token, expected: string): string {
  return `syntax error: unexpected ${nameOf(token)}${expected && `, expecting ${expected}`}`;
}

/** As Tempo's grammar calls what it reads. */
function nameOf(token: Token): string {
  switch (token.type) {
    case 'end':
      return '$end';
    case 'string':
      return 'STRING';
    case 'int':
      return 'INTEGER';
    case 'float':
      return 'FLOAT';
    case 'duration':
      return 'DURATION';
    case 'attribute':
      return /^[a-z]*[.:]/.exec(token.text)?.[0] ?? token.text;
    case 'intrinsic':
      return /^[a-z]+:/.exec(token.text)?.[0] ?? token.text;
    case 'word':
      if (token.text === 'minInt' || token.text === 'maxInt') return 'INTEGER';
      return keywords.has(token.text) ? token.text : 'IDENTIFIER';
    case 'operator':
      return token.text;
  }
}

const keywords: ReadonlySet<string> = new Set(
  (
    'true false nil ok error unset unspecified internal server client producer consumer count avg max min sum by ' +
    'coalesce select rate count_over_time min_over_time max_over_time avg_over_time sum_over_time quantile_over_time ' +
    'histogram_over_time compare topk bottomk with duration childCount name status statusMessage parent kind rootName ' +
    'rootServiceName rootService traceDuration nestedSetLeft nestedSetRight nestedSetParent id traceID spanID parentID ' +
    'timeSinceStart version'
  ).split(' '),
);
