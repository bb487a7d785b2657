import { fullMatch, type Dot } from '../text/re2.js';
import type { Labels } from './labels.js';

export type MatchOp = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

export interface CompiledMatcher extends Matcher {
  readonly matches: (value: string) => boolean;
}

/** A matcher with a test for one label value; '' stands for a missing label. Throws QueryError for a bad pattern. */
export function compileMatcher(matcher: Matcher, dot: Dot = 'any'): CompiledMatcher {
  const { op, value } = matcher;
  if (op === '=') return { ...matcher, matches: (candidate) => candidate === value };
  if (op === '!=') return { ...matcher, matches: (candidate) => candidate !== value };
  const test = fullMatch(value, dot);
  return { ...matcher, matches: op === '=~' ? test : (candidate) => !test(candidate) };
}

export function matchesAll(labels: Labels, matchers: readonly CompiledMatcher[]): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(labels.named(matcher.name))));
}
