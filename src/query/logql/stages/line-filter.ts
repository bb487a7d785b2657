import type { Needle } from '../../../lake/session.js';
import { compileRegex } from '../../text/re2.js';
import { eitherOf, requiredTexts } from '../../text/regex-literals.js';
import { and, or } from '../../sql/fragment.js';
import { quote } from '../../text/unquote.js';
import type { Node } from '../grammar/tree.js';
import { unquote } from '../grammar/unquote.js';
import { bodyContains, everything, exactly, regexLiteral, type Condition } from '../pipeline/condition.js';
import { noLabels, StageError, type StageDefinition, type StageFn } from '../pipeline/stage.js';
import { ipLineMatcher } from './ip.js';
import { parseLinePattern, patternMatcher } from './pattern.js';

type LineFilterOp = '|=' | '!=' | '|~' | '!~' | '|>' | '!>';

export interface LineFilter {
  readonly kind: 'line';
  readonly op: LineFilterOp;
  /** Alternatives of an `or` chain: any of them for `|=`, none of them for `!=`. */
  readonly any: readonly { readonly value: string; readonly ip: boolean }[];
}

/** `|= "a" or "b"` */
export const lineFilter: StageDefinition<LineFilter> = {
  kind: 'line',
  nodes: ['LineFilter'],
  work: 'filters',
  line: 'read',
  parse(node) {
    const op = node.need('Filter').text as LineFilterOp;
    const any: { value: string; ip: boolean }[] = [];
    const collect = (part: Node) => {
      for (const child of part.children()) {
        if (child.name === 'String') {
          const ip = !!part.child('FilterOp') || (child.isAddress && op === '!=');
          any.push({ value: unquote(child.text), ip });
        } else if (child.name === 'OrFilter') collect(child);
      }
    };
    collect(node);
    // Of alternatives Loki takes an address for a text.
    if (op === '|=' && any.length > 1) any.forEach((one) => (one.ip = false));
    return { kind: 'line', op, any };
  },
  format({ op, any }) {
    const texts = any.map(({ value, ip }) => (ip ? `ip(${quote(value)})` : quote(value)));
    // None of them is not the first, and not the second, and so on.
    return `${op} ${texts.join(op.startsWith('!') ? ` ${op} ` : ' or ')}`;
  },
  reads: noLabels,
  words: lineWords,
  sql(stage, scope) {
    if (scope.lineIsBody) scope.filter(bodyCondition(stage));
    else scope.leaveToPipeline();
  },
  compile: runLineFilter,
};

function lineWords({ op, any }: LineFilter): readonly (readonly Needle[])[] {
  if (op.startsWith('!') || any.some(({ ip }) => ip)) return [];
  const texts = any.map(({ value }) => {
    if (op === '|~') return requiredTexts(value);
    if (op === '|=') return value === '' ? [] : [[value]];
    return parseLinePattern(value).flatMap((part) => ('literal' in part ? [[part.literal]] : []));
  });
  return eitherOf(texts).map((some) => some.map((text) => ({ text })));
}

/** The filter on a record's body. Throws QueryError. */
export function bodyCondition({ op, any }: LineFilter): Condition {
  const positive = op.startsWith('|');
  if (any.some(({ ip }) => ip)) return everything;
  if (op === '|>' || op === '!>') {
    if (!positive) return everything;
    const parts = any.map(({ value }) =>
      and(parseLinePattern(value).flatMap((part) => ('literal' in part ? [bodyContains(part.literal)] : []))),
    );
    return { ...everything, sql: or(parts) };
  }
  const parts = any.map(({ value }) => {
    if (op === '|=' || op === '!=') return bodyContains(value);
    const matches = `regexp_matches(body, ${regexLiteral(value)})`;
    return compileRegex(value).test('') ? `body IS NULL OR ${matches}` : matches;
  });
  return exactly(positive ? or(parts) : `NOT coalesce(${or(parts)}, FALSE)`);
}

function runLineFilter({ op, any }: LineFilter): StageFn {
  if (op !== '|=' && op !== '!=' && any.some(({ ip }) => ip)) throw new StageError('ip: invalid operation');
  const tests = any.map(({ value, ip }): ((line: string) => boolean) => {
    if (ip) return ipLineMatcher(value);
    if (op === '|>' || op === '!>') return patternMatcher(value);
    if (op === '|=' || op === '!=') return (line) => line.includes(value);
    const regex = compileRegex(value);
    return (line) => regex.test(line);
  });
  const positive = op.startsWith('|');
  return (row) => tests.some((test) => test(row.line)) === positive;
}
