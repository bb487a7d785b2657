import { compileRegex, literalAlternatives, sqlRegex, type Dot } from '../../text/re2.js';
import type { Matcher } from '../../series/matchers.js';
import type { Fragment } from '../../sql/fragment.js';
import { literal, literalList } from '../../sql/literal.js';

/** A condition on records. `errors` are conditions under which a filter keeps a row but marks it with an error. */
export interface Condition extends Fragment {
  readonly errors: readonly string[];
}

/** Of a filter that SQL can't tell. */
export const everything: Condition = { sql: 'TRUE', exact: false, errors: [] };

export function exactly(sql: string): Condition {
  return { sql, exact: true, errors: [] };
}

/** The literal of a pattern for DuckDB's regexp functions. */
export function regexLiteral(pattern: string, dot: Dot = 'not newline'): string {
  return literal(sqlRegex(pattern, dot));
}

/** A matcher on a nullable VARCHAR expression; a label that is not there is empty. Throws QueryError. */
export function matcherSql(expression: string, matcher: Matcher, dot: Dot = 'not newline'): string {
  const { op, value } = matcher;
  if (op === '=' || op === '!=') {
    const equal =
      value === '' ? `${expression} IS NULL OR ${expression} = ''` : `${expression} = ${literal(value)}`;
    if (op === '=') return equal;
    return value === ''
      ? `${expression} IS NOT NULL AND ${expression} <> ''`
      : `${expression} IS NULL OR ${expression} <> ${literal(value)}`;
  }
  const empty = compileRegex(value, dot).testExact('');
  const words = literalAlternatives(value);
  const matches = words
    ? `${expression} IN ${literalList(words)}`
    : `regexp_full_match(${expression}, ${regexLiteral(value, dot)})`;
  if (op === '=~') return empty ? `${expression} IS NULL OR ${matches}` : matches;
  return empty
    ? `${expression} IS NOT NULL AND NOT (${matches})`
    : `${expression} IS NULL OR NOT (${matches})`;
}

/** The body holds this text. */
export function bodyContains(value: string): string {
  return value === '' ? 'TRUE' : `contains(body, ${literal(value)})`;
}
