import { formatGoDuration } from '../../text/durations.js';
import type { Needle } from '../../../lake/session.js';
import { QueryError } from '../../../lake/query-error.js';
import { compileMatcher, type Matcher } from '../../series/matchers.js';
import { comparisons } from '../../series/operators.js';
import { literal } from '../../sql/literal.js';
import { and, or } from '../../sql/fragment.js';
import { compileRegex, literalAlternatives } from '../../text/re2.js';
import { plainDecimal } from '../../text/numbers.js';
import { quote } from '../../text/unquote.js';
import { durationLiteral, numberLiteral } from '../grammar/literals.js';
import { formatMatcher, parseMatcher } from '../grammar/matcher.js';
import { climb, type Operator } from '../grammar/precedence.js';
import type { Node } from '../grammar/tree.js';
import { formatBytes, parseBytes, parseDuration, parseNumber, valueFault } from '../grammar/units.js';
import { unquote } from '../grammar/unquote.js';
import { numberSql } from '../model/attributes.js';
import { errorLabel, type RowLabels } from '../model/labels.js';
import {
  bodyContains,
  everything,
  exactly,
  isWholeNumber,
  literalValues,
  matcherSql,
  regexLiteral,
  withTexts,
  type Condition,
} from '../pipeline/condition.js';
import type { Meaning } from '../pipeline/scope.js';
import { StageError, type StageDefinition, type ValuePlace } from '../pipeline/stage.js';
import { ipLineMatcher } from './ip.js';

type CompareOp = '==' | '!=' | '>' | '>=' | '<' | '<=';

/** Durations are nanoseconds, sizes are bytes. */
export type LabelFilter =
  | { readonly kind: 'and' | 'or'; readonly left: LabelFilter; readonly right: LabelFilter }
  | { readonly kind: 'match'; readonly matcher: Matcher }
  | {
      readonly kind: 'number' | 'duration' | 'bytes';
      readonly name: string;
      readonly op: CompareOp;
      readonly value: number;
    }
  | { readonly kind: 'ip'; readonly name: string; readonly op: '=' | '!='; readonly value: string };

export interface LabelFilterStage {
  readonly kind: 'label';
  readonly filter: LabelFilter;
}

/** `| a="b" and (c>5 or d<=1s)` */
export const labelFilter: StageDefinition<LabelFilterStage> = {
  kind: 'label',
  nodes: ['LabelFilter'],
  work: 'filters',
  line: 'unused',
  parse: (node) => ({ kind: 'label', filter: parseLabelFilter(node) }),
  format: ({ filter }) => `| ${formatLabelFilter(filter)}`,
  reads: ({ filter }) => filterNames(filter),
  words: ({ filter }, place) => filterWords(filter, place),
  sql({ filter }, scope) {
    const test = errorTest(filter);
    if (test && scope.filterErrors(test)) return;
    scope.filter(labelCondition(filter, (name) => scope.meaning(name)));
  },
  compile({ filter }) {
    const passes = compileLabelFilter(filter);
    return (row) => passes(row.labels);
  },
};

/** The labels that a filter reads. */
export function filterNames(filter: LabelFilter): string[] {
  if ('left' in filter) return [...filterNames(filter.left), ...filterNames(filter.right)];
  return [filter.kind === 'match' ? filter.matcher.name : filter.name];
}

function filterWords(
  filter: LabelFilter,
  place: (name: string) => ValuePlace | null,
): readonly (readonly Needle[])[] {
  if ('left' in filter) {
    const [left, right] = [filterWords(filter.left, place), filterWords(filter.right, place)];
    if (filter.kind === 'and') return [...left, ...right];
    const [one, other] = [left[0], right[0]];
    return one && other ? [[...one, ...other]] : [];
  }
  const at = filter.kind === 'match' ? place(filter.matcher.name) : null;
  if (filter.kind !== 'match' || at === null) return [];
  const matcher = simplified(filter.matcher);
  const texts = typeof matcher === 'boolean' ? [] : literalValues(matcher);
  // In a line, an object or an array may be written in another way than a label shows it.
  if (texts.length === 0 || (at.escaped && texts.some((text) => /^[[{]/.test(text)))) return [];
  return [texts.map((text) => ({ text, ...at }))];
}

/** `__error__=""` (none) or `__error__!=""` (some). */
export function errorTest(filter: LabelFilter): 'none' | 'some' | undefined {
  if (filter.kind !== 'match') return undefined;
  const { name, op, value } = filter.matcher;
  if (name !== errorLabel || value !== '') return undefined;
  return op === '=' ? 'none' : op === '!=' ? 'some' : undefined;
}

/**
 * The grammar nests and/or/comma by position; precedence is settled here. A comma is an `and` of what stands right before
 * it with all that follows, as the precedence of Loki's grammar has it (pkg/logql/syntax/syntax.y).
 */
export function parseLabelFilter(node: Node): LabelFilter {
  const operands: LabelFilter[] = [];
  const operators: Operator<'and' | 'or' | 'comma'>[] = [];
  const collect = (part: Node) => {
    const children = part.children();
    const nested = children.filter((child) => child.name === 'LabelFilter');
    if (nested.length === 0) operands.push(simpleFilter(children[0] as Node));
    else if (nested.length === 1) operands.push(parseLabelFilter(nested[0] as Node));
    else {
      collect(nested[0] as Node);
      const op = part.child('Or') ? 'or' : part.child('And') ? 'and' : 'comma';
      operators.push({ op, precedence: op === 'or' ? 1 : 2, right: false });
      collect(nested[1] as Node);
    }
  };
  collect(node);
  return joined(operands, operators);
}

function joined(
  operands: readonly LabelFilter[],
  operators: readonly Operator<'and' | 'or' | 'comma'>[],
): LabelFilter {
  let rest = operands.at(-1) as LabelFilter;
  let end = operators.length;
  const part = (begin: number, until: number, last: LabelFilter) =>
    climb([...operands.slice(begin, until), last], operators.slice(begin, until), (op, left, right) => ({
      kind: op === 'or' ? op : ('and' as const),
      left,
      right,
    }));
  // From the last comma to the first: what is behind one is whole before what is in front of it takes part.
  for (let at = end - 1; at >= 0; at--) {
    if (operators[at]?.op !== 'comma') continue;
    const right = part(at + 1, end, rest);
    rest = { kind: 'and', left: operands[at] as LabelFilter, right };
    end = at;
  }
  return part(0, end, rest);
}

function simpleFilter(node: Node): LabelFilter {
  if (node.name === 'Matcher') return { kind: 'match', matcher: parseMatcher(node) };
  if (node.name === 'UnitFilter') return simpleFilter(node.children()[0] as Node);
  const [name, op, ...rest] = node.children();
  const label = name?.text ?? '';
  if (node.name === 'IpLabelFilter') {
    const value = unquote(node.need('String').text);
    return { kind: 'ip', name: label, op: op?.text === '!=' ? '!=' : '=', value };
  }
  const compare = (op?.text === '=' ? '==' : op?.text) as CompareOp;
  const text = rest.map((part) => part.text).join('');
  if (node.name === 'DurationFilter') {
    return { kind: 'duration', name: label, op: compare, value: durationLiteral(text) };
  }
  if (node.name === 'BytesFilter') {
    const value = parseBytes(text);
    if (value === undefined) throw new QueryError('bad_data', `parse error: ${text} is not a size`);
    return { kind: 'bytes', name: label, op: compare, value };
  }
  return { kind: 'number', name: label, op: compare, value: numberLiteral(text) };
}

export function formatLabelFilter(filter: LabelFilter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `( ${formatLabelFilter(filter.left)} ${filter.kind === 'and' ? ',' : 'or'} ${formatLabelFilter(filter.right)} )`;
    case 'match':
      return formatFilterMatcher(filter.matcher);
    case 'ip':
      return `${filter.name}${filter.op}ip(${quote(filter.value)})`;
    case 'duration':
      return `${filter.name}${filter.op}${formatGoDuration(filter.value)}`;
    case 'bytes':
      return `${filter.name}${filter.op}${formatBytes(filter.value)}`;
    case 'number':
      return `${filter.name}${filter.op}${plainDecimal(filter.value)}`;
  }
}

/** As Loki writes it: a pattern that is more than a few texts between backquotes. */
function formatFilterMatcher(matcher: Matcher): string {
  const simple = matcher.value.replaceAll(/\\[^\p{L}\d]|\.[*+]|[()]/gu, '');
  const plain = !matcher.op.includes('~') || matcher.value.includes('`') || literalAlternatives(simple);
  return plain ? formatMatcher(matcher) : `${matcher.name}${matcher.op}\`${matcher.value}\``;
}

/** As Loki simplifies patterns: one of nothing and one of anything match every value, so that what does not match them is nothing. */
function simplified(matcher: Matcher): Matcher | boolean {
  const { op, value } = matcher;
  if (op !== '=~' && op !== '!~') return matcher;
  if (value === '' || value === '.*') return op === '=~';
  return value === '.+' ? { ...matcher, op: op === '=~' ? '!=' : '=', value: '' } : matcher;
}

/** The filter as SQL; `meaning` gives undefined for names that only the pipeline itself can tell. */
function labelCondition(filter: LabelFilter, meaning: (name: string) => Meaning | undefined): Condition {
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
      const matcher = simplified(filter.matcher);
      if (typeof matcher === 'boolean') return exactly(matcher ? 'TRUE' : 'FALSE');
      const known = meaning(matcher.name);
      if (!known) return everything;
      const own = withTexts(matcherSql(known.sql, matcher), matcher, known.texts);
      if (known.rewritten && !sameInSql(matcher)) return everything;
      if (known.unlessLineHasIt === undefined) return exactly(own);
      return {
        ...everything,
        sql: or([own, `${known.unlessLineHasIt} IS NULL AND (${lineMay(matcher)})`]),
      };
    }
    case 'number': {
      const known = meaning(filter.name);
      if (!known) return everything;
      const { value: number, faulty: error } = numberSql(known.sql);
      const op = filter.op === '==' ? '=' : filter.op;
      // What is no number is kept, as an error.
      const own = `coalesce(${number} ${op} ${literal(filter.value)}, ${error})`;
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
  if (op === '=' && value !== '') return or([bodyContains(value), escaped]);
  if (op !== '=~' || anchors.test(value) || compileRegex(value).testExact('')) return 'TRUE';
  return or([`regexp_matches(body, ${regexLiteral(`(?s:${value})`)})`, escaped]);
}

/** As `lineMay`, for `==` with a whole number, which may also be written with a fraction or an exponent. */
function lineMayNumber(op: string, value: number): string {
  if (op !== '==' || !Number.isSafeInteger(value) || value < 0) return 'TRUE';
  return or([bodyContains(String(value)), `regexp_matches(body, '[0-9.][eE][+-]?[0-9]')`, escaped]);
}

/** Whether a matcher gives the same for every way to write a number. */
function sameInSql({ op, value }: Matcher): boolean {
  if (op === '=~' || op === '!~') {
    const words = literalAlternatives(value);
    return words !== undefined && [...words].every((word) => !/^-?\d/.test(word) || isWholeNumber(word));
  }
  return parseNumber(value) === undefined || isWholeNumber(value);
}

const labelFilterError = 'LabelFilterErr';
const parsers = { number: parseNumber, duration: parseDuration, bytes: parseBytes } as const;

/** As in Loki, a pattern that is none refuses a query where it stands alone, and marks records beside other filters. */
function ipOrFault(pattern: string, nested: boolean): ((text: string) => boolean) | StageError {
  try {
    return ipLineMatcher(pattern);
  } catch (error) {
    if (!nested || !(error instanceof StageError)) throw error;
    return error;
  }
}

/** Tests the labels of a row, which may get an error by it. Throws QueryError. */
export function compileLabelFilter(filter: LabelFilter, nested = false): (labels: RowLabels) => boolean {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const [left, right] = [compileLabelFilter(filter.left, true), compileLabelFilter(filter.right, true)];
      return filter.kind === 'and'
        ? (labels) => left(labels) && right(labels)
        : (labels) => left(labels) || right(labels);
    }
    case 'match': {
      const matcher = simplified(filter.matcher);
      if (typeof matcher === 'boolean') return () => matcher;
      const { matches } = compileMatcher(matcher, 'not newline');
      return (labels) => matches(labels.get(matcher.name) ?? '');
    }
    case 'ip': {
      const matches = ipOrFault(filter.value, nested);
      return (labels) => {
        if (labels.get(errorLabel)) return true;
        const value = labels.get(filter.name);
        if (value === undefined) return false;
        if (typeof matches === 'function') return matches(value) === (filter.op === '=');
        labels.fail(labelFilterError, matches.message);
        return true;
      };
    }
    default: {
      const { kind, name, op, value: bound } = filter;
      const parse = parsers[kind];
      const holds = comparisons.get(op) ?? (() => false);
      return (labels) => {
        const value = labels.get(name);
        if (value === undefined || labels.get(errorLabel)) return value !== undefined;
        const parsed = parse(value);
        // A value that can not be compared is kept and marked, so that it is not lost without a trace.
        if (parsed === undefined) labels.fail(labelFilterError, valueFault(kind, value));
        return parsed === undefined || holds(parsed, bound);
      };
    }
  }
}
