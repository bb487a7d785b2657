import type { Matcher, MatchOp } from '../../series/matchers.js';
import { quote } from '../../text/unquote.js';
import type { Node } from './tree.js';
import { unquote } from './unquote.js';

/** `name="value"` of a selector, a label filter, a drop or a keep. Throws QueryError. */
export function parseMatcher(node: Node): Matcher {
  const [name, op, value] = node.children();
  return { name: name?.text ?? '', op: (op?.text ?? '') as MatchOp, value: unquote(value?.text ?? '') };
}

export function formatMatcher({ name, op, value }: Matcher): string {
  return `${name}${op}${quote(value)}`;
}
