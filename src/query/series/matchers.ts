import { RE2JS } from 're2js';
import { QueryError } from '../../lake/query-error.js';
import type { Labels } from './labels.js';
import type { Matcher } from '../promql/syntax/ast.js';

export interface CompiledMatcher extends Matcher {
  readonly matches: (value: string) => boolean;
}

/** A matcher with a test for one label value; '' stands for a missing label. Regular expressions are RE2, anchored. */
export function compileMatcher(matcher: Matcher): CompiledMatcher {
  const { op, value } = matcher;
  if (op === '=') return { ...matcher, matches: (candidate) => candidate === value };
  if (op === '!=') return { ...matcher, matches: (candidate) => candidate !== value };
  const test = fullMatch(value);
  return { ...matcher, matches: op === '=~' ? test : (candidate) => !test(candidate) };
}

export function matchesAll(labels: Labels, matchers: readonly CompiledMatcher[]): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(matcher.name)));
}

/** Values repeat over many series, so each one is matched once. */
function fullMatch(pattern: string): (value: string) => boolean {
  const alternatives = literalAlternatives(pattern);
  if (alternatives) return (value) => alternatives.has(value);
  const compiled = compileRegex(pattern);
  const known = new Map<string, boolean>();
  return (value) => {
    let result = known.get(value);
    if (result === undefined) {
      result = compiled.matcher(value).matches();
      if (known.size < 100_000) known.set(value, result);
    }
    return result;
  };
}

/** The set of strings that `a|b|c` matches; undefined when the pattern is more than that. */
export function literalAlternatives(pattern: string): ReadonlySet<string> | undefined {
  return /^[\w\- /:,@%=&#;"'<>~`!]*(\|[\w\- /:,@%=&#;"'<>~`!]*)*$/.test(pattern)
    ? new Set(pattern.split('|'))
    : undefined;
}

export function compileRegex(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new QueryError('bad_data', `invalid regular expression ${JSON.stringify(pattern)}: ${reason}`);
  }
}
