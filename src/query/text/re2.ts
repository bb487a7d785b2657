import { RE2JS } from 're2js';
import { QueryError } from '../../lake/query-error.js';

const maxPatternLength = 10_000;
const maxRemembered = 100_000;

/**
 * Whether `.` matches a newline. It does in Prometheus, in Loki's stream matchers and in Tempo; in Loki's line
 * and label filters it does not.
 */
export type Dot = 'any' | 'not newline';

/** Compiles a user's pattern: RE2 syntax, linear time. Throws QueryError `bad_data`, or `limit` when it is too long. */
export function compileRegex(pattern: string, dot: Dot = 'not newline'): RE2JS {
  if (pattern.length > maxPatternLength) {
    throw new QueryError('limit', `a regular expression is longer than ${maxPatternLength} characters`);
  }
  try {
    return RE2JS.compile(pattern, dot === 'any' ? RE2JS.DOTALL : 0);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const refusal = new QueryError(
      'bad_data',
      `invalid regular expression ${JSON.stringify(pattern)}: ${reason}`,
    );
    // For those who say where the pattern is instead of repeating it.
    refusal.cause = error;
    throw refusal;
  }
}

/** The pattern for DuckDB's regexp functions, which know Go's spelling of named groups only. */
export function sqlRegex(pattern: string, dot: Dot): string {
  return (dot === 'any' ? '(?s)' : '') + pattern.replaceAll('(?<', '(?P<');
}

/** A test of whole texts, anchored at both ends. Values repeat over many rows, so each is matched once. */
export function fullMatch(pattern: string, dot: Dot): (value: string) => boolean {
  const alternatives = literalAlternatives(pattern);
  if (alternatives) return (value) => alternatives.has(value);
  const compiled = compileRegex(pattern, dot);
  const known = new Map<string, boolean>();
  return (value) => {
    let result = known.get(value);
    if (result === undefined) {
      result = compiled.matcher(value).matches();
      if (known.size < maxRemembered) known.set(value, result);
    }
    return result;
  };
}

/** The set of texts that `a|b|c` matches; undefined when the pattern is more than that. */
export function literalAlternatives(pattern: string): ReadonlySet<string> | undefined {
  return /^[\w\- /:,@%=&#;"'<>~`!]*(\|[\w\- /:,@%=&#;"'<>~`!]*)*$/.test(pattern)
    ? new Set(pattern.split('|'))
    : undefined;
}

/** Names of the capture groups in order of their number. */
export function groupNames(regex: RE2JS): string[] {
  const named = Object.entries(regex.namedGroups());
  return named.sort((a, b) => a[1] - b[1]).map(([name]) => name);
}
