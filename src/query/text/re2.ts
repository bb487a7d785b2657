import { RE2JS } from 're2js';
import { QueryError } from '../../lake/query-error.js';

const maxPatternLength = 10_000;

/** Compiles a user's pattern with RE2 syntax and linear-time matching. Throws QueryError `bad_data`. */
export function compileRegex(pattern: string): RE2JS {
  if (pattern.length > maxPatternLength) {
    throw new QueryError('limit', `a regular expression is longer than ${maxPatternLength} characters`);
  }
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new QueryError('bad_data', `parse error: invalid regular expression: ${reason}`);
  }
}

/** Names of the capture groups in order of their number. */
export function groupNames(regex: RE2JS): string[] {
  const named = Object.entries(regex.namedGroups());
  return named.sort((a, b) => a[1] - b[1]).map(([name]) => name);
}
