import { compileRegex, literalAlternatives, sqlRegex, type Dot } from '../../text/re2.js';
import type { Matcher } from '../../series/matchers.js';
import { and, or, type Fragment } from '../../sql/fragment.js';
import { parseNumber } from '../grammar/units.js';
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
  if (op === '=~' && dot === 'any' && value === '.+') return `${expression} <> ''`;
  if (op === '=~' && dot === 'any' && value === '.*') return 'TRUE';
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

/** The values that a matcher takes; none when that is not a list, or nothing is one of them. */
export function literalValues({ op, value }: Matcher): readonly string[] {
  const texts = op === '=' ? [value] : op === '=~' ? [...(literalAlternatives(value) ?? [])] : [];
  return texts.includes('') ? [] : texts;
}

/** The body holds this text. */
export function bodyContains(value: string): string {
  return value === '' ? 'TRUE' : `contains(body, ${literal(value)})`;
}

/** An equality with a value out of JSON text: the text is searched first, which costs far less than taking it apart. */
export function withTexts(sql: string, { op, value }: Matcher, texts?: readonly string[]): string {
  const part = op === '=' ? verbatimPart(value) : undefined;
  if (part === undefined || texts === undefined || texts.length === 0) return sql;
  return and([or(texts.map((column) => textHas(column, part))), sql]);
}

/** An attribute that is a column of its own has no text to be searched. */
function textHas(column: string, part: string): string {
  const has = `contains(${column}, ${literal(part)})`;
  return column.startsWith('text_') ? `coalesce(${has}, TRUE)` : has;
}

/** A part of a value that JSON holds as it is, without escapes; none of a number that could be written in another way. */
function verbatimPart(value: string): string | undefined {
  if (parseNumber(value) !== undefined && !isWholeNumber(value)) return undefined;
  const parts = value.match(/[A-Za-z0-9 _.:@-]{2,}/g) ?? [];
  return parts.reduce<string | undefined>(
    (longest, part) => (part.length > (longest?.length ?? 0) ? part : longest),
    undefined,
  );
}

/** There is one way to write it. */
export function isWholeNumber(text: string): boolean {
  return /^(0|-?[1-9]\d{0,14})$/.test(text);
}
