import type { Matcher } from '../../series/matchers.js';
import type { LabelFilter, LineFilter } from '../syntax/ast.js';
import { parseNumber } from '../syntax/units.js';
import { parsePattern } from '../pipeline/pattern.js';
import { compileRegex, literalAlternatives, sqlRegex, type Dot } from '../../text/re2.js';
import { unknownService } from '../model/columns.js';
import { and, or } from '../../sql/fragment.js';
import { literal as text, literalList } from '../../sql/literal.js';

/**
 * A condition on records that holds for at least all rows which the filter keeps. `exact`: for no others.
 * `errors` are conditions under which the filter keeps a row but marks it with an error.
 */
export interface Condition {
  readonly sql: string;
  readonly exact: boolean;
  readonly errors: readonly string[];
}

const everything: Condition = { sql: 'TRUE', exact: false, errors: [] };

function exact(sql: string): Condition {
  return { sql, exact: true, errors: [] };
}

function re2(pattern: string): string {
  return text(sqlRegex(pattern, 'not newline'));
}

/** A matcher on a nullable VARCHAR expression; a label that is not there is empty. */
export function matcherSql(expression: string, matcher: Matcher, dot: Dot = 'not newline'): string {
  const { op, value } = matcher;
  if (op === '=' || op === '!=') {
    const equal =
      value === '' ? `${expression} IS NULL OR ${expression} = ''` : `${expression} = ${text(value)}`;
    if (op === '=') return equal;
    return value === ''
      ? `${expression} IS NOT NULL AND ${expression} <> ''`
      : `${expression} IS NULL OR ${expression} <> ${text(value)}`;
  }
  const regex = compileRegex(value, dot);
  const words = literalAlternatives(value);
  const matches = words
    ? `${expression} IN ${literalList(words)}`
    : `regexp_full_match(${expression}, ${text(sqlRegex(value, dot))})`;
  const empty = regex.testExact('');
  if (op === '=~') return empty ? `${expression} IS NULL OR ${matches}` : matches;
  return empty
    ? `${expression} IS NOT NULL AND NOT (${matches})`
    : `${expression} IS NULL OR NOT (${matches})`;
}

/** A selector's matcher on a stream column. The service is compared in its own column, so that files are pruned. */
export function streamMatcherSql(expression: string, matcher: Matcher): string {
  const plain = matcher.name === 'service_name' && matcher.op === '=' && matcher.value !== '';
  if (plain && matcher.value !== unknownService) return `service_name = ${text(matcher.value)}`;
  return matcherSql(expression, matcher, 'any');
}

/** A line filter on the record's body. */
export function lineCondition(filter: LineFilter): Condition {
  const positive = filter.op.startsWith('|');
  if (filter.any.some(({ ip }) => ip)) return everything;
  if (filter.op === '|>' || filter.op === '!>') {
    if (!positive) return everything;
    const parts = filter.any.map(({ value }) =>
      and(parsePattern(value).flatMap((part) => ('literal' in part ? [contains(part.literal)] : []))),
    );
    return { ...everything, sql: or(parts) };
  }
  const parts = filter.any.map(({ value }) => {
    if (filter.op === '|=' || filter.op === '!=') return contains(value);
    return compileRegex(value).test('')
      ? `body IS NULL OR regexp_matches(body, ${re2(value)})`
      : `regexp_matches(body, ${re2(value)})`;
  });
  return exact(positive ? or(parts) : `NOT coalesce(${or(parts)}, FALSE)`);
}

function contains(value: string): string {
  return value === '' ? 'TRUE' : `contains(body, ${text(value)})`;
}

/** What a label name means at some place of a pipeline. */
export interface Meaning {
  /** Nullable VARCHAR expression of the label of the record itself. */
  readonly sql: string;
  /** Where this one is NULL, a parser may have set the label; undefined when none can. */
  readonly unlessLineHasIt?: string;
  /** The value may be a number that SQL writes in another way than the line does (1.50, 1e3). */
  readonly rewritten?: boolean;
}

/** `meaning` gives undefined for names that only the pipeline itself can tell. */
export function labelCondition(
  filter: LabelFilter,
  meaning: (name: string) => Meaning | undefined,
): Condition {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const parts = [labelCondition(filter.left, meaning), labelCondition(filter.right, meaning)];
      const join = filter.kind === 'and' ? and : or;
      return {
        sql: join(parts.map((part) => part.sql)),
        exact: parts.every((part) => part.exact),
        errors: parts.flatMap((part) => part.errors),
      };
    }
    case 'match': {
      const known = meaning(filter.matcher.name);
      if (!known) return everything;
      const own = matcherSql(known.sql, filter.matcher);
      if (known.rewritten && !sameInSql(filter.matcher)) return everything;
      if (known.unlessLineHasIt === undefined) return exact(own);
      return {
        ...everything,
        sql: or([own, `${known.unlessLineHasIt} IS NULL AND (${lineMay(filter.matcher)})`]),
      };
    }
    case 'number': {
      const known = meaning(filter.name);
      if (!known) return everything;
      const number = `try_cast(${known.sql} AS DOUBLE)`;
      const op = filter.op === '==' ? '=' : filter.op;
      const error = `${known.sql} IS NOT NULL AND ${number} IS NULL`;
      // What is no number is kept, as an error.
      const own = `coalesce(${number} ${op} ${filter.value}::DOUBLE, ${known.sql} IS NOT NULL)`;
      if (known.unlessLineHasIt === undefined) return { sql: own, exact: true, errors: [error] };
      return {
        ...everything,
        sql: or([own, `${known.unlessLineHasIt} IS NULL AND (${lineMayNumber(filter.op, filter.value)})`]),
      };
    }
    case 'duration':
    case 'bytes':
    case 'ip': {
      const known = meaning(filter.name);
      return known && known.unlessLineHasIt === undefined
        ? { ...everything, sql: `${known.sql} IS NOT NULL` }
        : everything;
    }
  }
}

/** Unanchored, a pattern matches wherever a part of the line matches it whole. */
const anchors = /[$^]|\\[bBAzZ]/;
/** JSON and logfmt may write any character as an escape. */
const escaped = `contains(body, '\\')`;

/** Whether a parser could find such a value in the line; every parser takes values from the line's own text. */
function lineMay({ op, value }: Matcher): string {
  if (op === '=' && value !== '') return or([contains(value), escaped]);
  if (op !== '=~' || anchors.test(value) || compileRegex(value).testExact('')) return 'TRUE';
  return or([`regexp_matches(body, ${re2(`(?s:${value})`)})`, escaped]);
}

/** As `lineMay`, for `==` with a whole number, which may also be written with a fraction or an exponent. */
function lineMayNumber(op: string, value: number): string {
  if (op !== '==' || !Number.isSafeInteger(value) || value < 0) return 'TRUE';
  return or([contains(String(value)), `regexp_matches(body, '[0-9.][eE][+-]?[0-9]')`, escaped]);
}

/** Whether a matcher gives the same for every way to write a number. */
function sameInSql({ op, value }: Matcher): boolean {
  if (op === '=~' || op === '!~') {
    const words = literalAlternatives(value);
    return words !== undefined && [...words].every((word) => !/^-?\d/.test(word) || wholeNumber(word));
  }
  return parseNumber(value) === undefined || wholeNumber(value);
}

function wholeNumber(text: string): boolean {
  return /^(0|-?[1-9]\d{0,14})$/.test(text);
}
