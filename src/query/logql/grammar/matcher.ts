import { QueryError } from '../../../lake/query-error.js';
import type { Matcher, MatchOp } from '../../series/matchers.js';
import { compileRegex } from '../../text/re2.js';
import { quote } from '../../text/unquote.js';
import type { Node } from './tree.js';
import { unquote } from './unquote.js';

/** `name="value"` of a selector, a label filter, a drop or a keep. Throws QueryError. */
export function parseMatcher(node: Node): Matcher {
  const [name, op, value] = node.children();
  const matcher = {
    name: name?.text ?? '',
    op: (op?.text ?? '') as MatchOp,
    value: unquote(value?.text ?? ''),
  };
  if (/~/.test(matcher.op)) checkPattern(matcher.value);
  return matcher;
}

/** Says in RE2's words what is wrong with a pattern, as Loki does. Throws QueryError. */
export function checkPattern(pattern: string, where = ''): void {
  try {
    compileRegex(pattern);
  } catch (error) {
    if (!(error instanceof QueryError) || !(error.cause instanceof Error)) throw error;
    throw new QueryError('bad_data', `parse error : ${where}${regexFault(error.cause)}`);
  }
}

/** What is wrong with a pattern, as Go says it. */
export function regexFault({ message }: Error): string {
  const twice = /duplicate capture group name: `(.*)`/.exec(message)?.[1];
  if (twice !== undefined) return `duplicate extracted label name '${twice}'`;
  return message.endsWith('trailing backslash at end of expression') ? `${message}: \`\`` : message;
}

export function formatMatcher({ name, op, value }: Matcher): string {
  return `${name}${op}${quote(value)}`;
}
