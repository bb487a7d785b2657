import { wrongWord } from './duration-words.js';
import { wordsUntil, type Word } from './words.js';

interface Fault {
  readonly from: number;
  readonly message: string;
}

/** What Prometheus says of a query that does not parse from the character `at` on. */
export function faultAt(source: string, at: number): Fault {
  const words = wordsUntil(source, at);
  const found = words.at(-1);
  const before = words.slice(0, -1).filter((word): word is Word => 'kind' in word);
  if (!found) return { from: at, message: 'unexpected end of input' };
  if ('fault' in found) return { from: found.from, message: found.fault };
  if (found.kind === 'end' && before.length === 0)
    return { from: 0, message: 'no expression found in input' };
  const named = keywordAsName(source, before, found);
  if (named) return named;
  const part = wrongDurationPart(source, before, found);
  if (part) return { from: part.from, message: `unexpected ${described(part)}${selectorPart}` };
  const comma = trailingComma(before, found);
  if (comma) return { from: comma.from, message: 'trailing commas not allowed in function call args' };
  return { from: found.from, message: `unexpected ${described(found)}${expectation(before, found)}` };
}

const longest = 10;

function described({ kind, text, within }: Word): string {
  const shown = text.length > longest ? `${JSON.stringify(text.slice(0, longest))}...` : JSON.stringify(text);
  switch (kind) {
    case 'end':
      return 'end of input';
    case 'identifier':
    case 'metric identifier':
      if (/^(start|end)$/i.test(text) && within?.open !== '{') return JSON.stringify(text.toLowerCase());
      return `${kind} ${JSON.stringify(text)}`;
    case 'keyword':
      return `<${text}>`;
    case 'operator':
      return `<op:${text}>`;
    case 'aggregation':
      return `<aggr:${text}>`;
    case 'sign':
      return shown;
    default:
      return `${kind} ${shown}`;
  }
}

const durations = 'number, duration, step(), or range()';
const selectorPart = ` in subquery or range selector, expected ${durations}`;

const namesToo = /^(by|without|offset|anchored|smoothed)$/i;

/** Prometheus takes some keywords for a metric's name where an expression begins, and stumbles over what is behind it. */
function keywordAsName(source: string, before: readonly Word[], found: Word): Fault | undefined {
  const last = before.at(-1);
  const begins = !last || last.kind === 'operator' || (last.kind === 'sign' && /^[(,]$/.test(last.text));
  if (!namesToo.test(found.text) || found.kind !== 'keyword') return undefined;
  if (!begins || last?.text === '@' || found.within?.open === '[' || inGrouping(found)) return undefined;
  const behind = wordsUntil(source, found.from + found.text.length).at(-1);
  if (!behind || ('kind' in behind && behind.kind === 'end')) return undefined;
  if ('fault' in behind) return { from: behind.from, message: behind.fault };
  return { from: behind.from, message: `unexpected ${described(behind)}` };
}

function inGrouping({ within }: Word): boolean {
  return within?.before !== undefined && opensGrouping(within.before);
}

/** Of a duration expression in brackets: its words are looked at beyond where the grammar library stumbled. */
function wrongDurationPart(source: string, before: readonly Word[], found: Word): Word | undefined {
  const opened = before.findLastIndex(({ text, kind }) => kind === 'sign' && text === '[');
  if (opened < 0 || found.within?.open === undefined || !inBrackets(before)) return undefined;
  if (before.slice(opened).some(({ text }) => text === ':')) return undefined;
  const close = source.indexOf(']', found.from);
  const words = wordsUntil(source, close < 0 ? source.length : close);
  return wrongWord(words.slice(opened + 1).filter((word): word is Word => 'kind' in word));
}

/** Where the parser is, and what it could go on with, as far as Prometheus tells. */
function expectation(before: readonly Word[], found: Word): string {
  const { within } = found;
  const last = before.at(-1);
  if (!last) return '';
  if (within?.open === '{') return ` in label matching, expected ${labelPart(before, last)}`;
  if (inBrackets(before)) return rangePart(before, last);
  if (groups(before, last)) return ' in grouping opts, expected "("';
  if (within?.open === '(' && within.before && opensGrouping(within.before)) {
    return ` in grouping opts, expected ${/^[(,]$/.test(last.text) ? 'label' : '"," or ")"'}`;
  }
  if (startsAggregation(before, last)) return ' in aggregation';
  const [second] = before.slice(-2);
  if (isWord(last, 'offset') || (isWord(second, 'offset') && /^[-+]$/.test(last.text))) {
    return ` in offset, expected ${durations}`;
  }
  for (let bracket = within; bracket; bracket = bracket.outer) {
    if (bracket.open !== '(') continue;
    const front = before.slice(0, bracket.at).findLast(({ text }) => !/^[-+]$/.test(text));
    if (isWord(front, 'offset')) return ` in offset, expected ${durations}`;
    if (/^(start|end)$/i.test(front?.text ?? '') && before[bracket.at - 2]?.text === '@') {
      return ' in @, expected timestamp';
    }
  }
  const timestamp = last.text === '@' || (second?.text === '@' && /^(start|end|[-+])$/i.test(last.text));
  if (timestamp) return ' in @, expected timestamp';
  return insideAggregation(before, found) ? ' in aggregation' : '';
}

function labelPart(before: readonly Word[], last: Word): string {
  const second = before.at(-2);
  if (/^[{,]$/.test(last.text)) return 'identifier or "}"';
  if (last.kind === 'identifier') return 'label matching operator';
  if (last.kind === 'string') return '"," or "}"';
  return second?.kind === 'string' || second?.kind === 'identifier' ? 'string' : '"," or "}"';
}

function inBrackets(before: readonly Word[]): boolean {
  const opened = before.findLastIndex(({ text, kind }) => kind === 'sign' && text === '[');
  return opened >= 0 && !before.slice(opened).some(({ text, kind }) => kind === 'sign' && text === ']');
}

function rangePart(before: readonly Word[], last: Word): string {
  const opened = before.findLastIndex(({ text, kind }) => kind === 'sign' && text === '[');
  const step = before.slice(opened).some(({ text }) => text === ':');
  const complete = last.kind === 'duration' || last.kind === 'number' || last.text === ')';
  if (step) {
    const expected = complete ? '"]"' : 'number, duration, step(), range(), or "]"';
    return ` in subquery selector, expected ${expected}`;
  }
  return complete
    ? ' in subquery or range, expected ":" or "]"'
    : ` in subquery or range selector, expected ${durations}`;
}

function opensGrouping(word: Word): boolean {
  return word.kind === 'keyword' && /^(by|without|on|ignoring|group_left|group_right)$/i.test(word.text);
}

/** A keyword of grouping, or of matching, where it can be one. */
function groups(before: readonly Word[], last: Word): boolean {
  if (!opensGrouping(last)) return false;
  const front = before.at(-2);
  if (/^(by|without)$/i.test(last.text)) return front?.kind === 'aggregation' || front?.text === ')';
  return front !== undefined;
}

function startsAggregation(before: readonly Word[], last: Word): boolean {
  if (last.kind === 'aggregation') return true;
  if (last.text !== ')' || last.kind !== 'sign') return false;
  let depth = 0;
  const opened = before.findLastIndex(({ kind, text }) => {
    if (kind === 'sign' && text === ')') depth++;
    if (kind === 'sign' && text === '(') depth--;
    return depth === 0;
  });
  const keyword = before[opened - 1];
  return keyword !== undefined && opensGrouping(keyword) && before[opened - 2]?.kind === 'aggregation';
}

/** Somewhere in the parentheses of an aggregation. */
function insideAggregation(before: readonly Word[], { within }: Word): boolean {
  for (let bracket = within; bracket; bracket = bracket.outer) {
    const { open, before: last, at } = bracket;
    if (open === '(' && last && startsAggregation(before.slice(0, at), last)) return true;
  }
  return false;
}

/** The comma behind the last argument of a call, where a word is found that begins none. */
function trailingComma(before: readonly Word[], { within }: Word): Word | undefined {
  const last = before.at(-1);
  if (last?.text !== ',' || last.kind !== 'sign' || within?.open !== '(' || !within.before) return undefined;
  if (before.length < within.at + 3 || opensGrouping(within.before)) return undefined;
  const calls =
    within.before.kind === 'identifier' || startsAggregation(before.slice(0, within.at), within.before);
  return calls ? last : undefined;
}

function isWord(word: Word | undefined, text: string): boolean {
  return word?.kind === 'keyword' && word.text.toLowerCase() === text;
}
