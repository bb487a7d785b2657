import { numberWord } from './number-word.js';

/**
 * A query as Prometheus reads it word by word, for the words with which it tells what does not parse: the grammar library
 * knows where a fault is, and neither what was expected nor what Prometheus calls what it found.
 */
export interface Word {
  readonly kind:
    | ('end' | 'number' | 'duration' | 'string' | 'identifier' | 'metric identifier')
    | ('keyword' | 'operator' | 'aggregation' | 'sign');
  readonly text: string;
  readonly from: number;
  /** The bracket of any kind that is open here, with what stood before it. */
  readonly within: Bracket | undefined;
}

interface Bracket {
  readonly open: '(' | '[' | '{';
  readonly before: Word | undefined;
  /** Its place among the words. */
  readonly at: number;
  readonly outer: Bracket | undefined;
}

/** What is wrong with the characters themselves. */
interface WordFault {
  readonly from: number;
  readonly fault: string;
}

const keywords =
  /^(offset|smoothed|anchored|by|without|on|ignoring|group_left|group_right|bool|fill|fill_left|fill_right)$/i;
const operatorNames = /^(and|or|unless|atan2)$/i;
const aggregations =
  /^(sum|avg|count|min|max|group|stddev|stdvar|topk|bottomk|count_values|quantile|limitk|limit_ratio)$/i;
const blank = /(?:[ \t\n\r]|#[^\n]*)*/y;
const quoted = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|`[^`]*`/y;
const name = /[a-zA-Z_:][\w:]*/y;
const durationPart = /^([-+*/%^(),:\]]|\.?\d|(step|range|min_of|max_of)\b)/i;
const operators = /==|!=|<=|>=|<\/|>\/|[-+*/%^<>]/y;

/** The words up to the first at or behind `until`, or up to what is no word. */
export function wordsUntil(source: string, until: number): (Word | WordFault)[] {
  const words: (Word | WordFault)[] = [];
  const open: Bracket[] = [];
  let at = 0;
  /** In brackets, until there is a number. */
  let beforeDuration = false;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const add = (kind: Word['kind'], text: string) => {
    words.push({ kind, text, from: at, within: open.at(-1) });
    at += text.length;
  };
  const fail = (fault: string, from = at) => words.push({ from, fault });
  const last = () => {
    const word = words.at(-1);
    return word && 'kind' in word ? word : undefined;
  };
  for (;;) {
    at += match(blank)?.length ?? 0;
    const char = String.fromCodePoint(source.codePointAt(at) ?? 0);
    const inside = open.at(-1)?.open;
    if (at >= source.length) {
      if (inside === '{') fail('unexpected end of input inside braces');
      else if (inside === '[' && beforeDuration) fail('unexpected end of input in duration expression');
      else if (open.some((one) => one.open === '(')) fail('unclosed left parenthesis');
      else if (inside === '[') fail('unclosed left bracket');
      else add('end', '');
      return words;
    }
    const text = match(quoted);
    const word = match(name);
    if (/["'`]/.test(char) && beforeDuration && inside === '[') {
      fail(`unexpected character in duration expression: ${quotedCharacter(char)}`);
    } else if (text !== undefined) add('string', text);
    else if (/["'`]/.test(char)) {
      fail(`unterminated ${char === '`' ? 'raw' : 'quoted'} string`);
    } else if (inside === '{') brace(char, word);
    else if (/[\d.]/.test(char) && /^\.?\d/.test(source.slice(at, at + 2))) digits();
    else if (beforeDuration && inside === '[' && !durationPart.test(source.slice(at, at + 12))) {
      fail(`unexpected character in duration expression: ${quotedCharacter(char)}`);
    } else if (inside === '[' && char === ':') {
      if (last()?.text === '[') fail('unexpected colon before duration in duration expression', at + 1);
      else if (last()?.kind === 'sign' && last()?.text === ':') fail(`unexpected colon ':'`);
      else if (words.some((one) => 'kind' in one && one.text === ':' && one.within === open.at(-1))) {
        fail(`unexpected colon ':'`);
      } else add('sign', ':');
    } else if (word !== undefined && inside === '[' && !durationPart.test(word)) {
      fail(`unexpected character: ${quotedCharacter(char)}, expected ':'`);
    } else if (inside === '[' && char === '[') fail(`unexpected left bracket '['`);
    else if (word !== undefined) add(kindOf(word, source.slice(at + word.length)), word);
    else if (/[([{]/.test(char)) {
      const place = { at: words.length, outer: open.at(-1) };
      const bracket = { open: char as Bracket['open'], before: last(), ...place };
      add('sign', char);
      open.push(bracket);
      if (char === '[') beforeDuration = true;
    } else if (char === ')') {
      add('sign', char);
      if (inside === '(') open.pop();
      if (inside !== '(') fail(`unexpected right parenthesis ')'`);
    } else if (char === ']') {
      if (!open.some((one) => one.open === '[')) fail(`unexpected right bracket ']'`);
      else {
        if (inside === '[') open.pop();
        add('sign', char);
      }
    } else if (/^(=~|![^=])/.test(source.slice(at, at + 2))) {
      fail(`unexpected character after '${char}': '${source[at + 1] ?? ''}'`);
    } else if (match(operators) !== undefined) add('operator', match(operators) ?? '');
    else if (char === '@') add('operator', char);
    else if (/[=,]/.test(char)) add('sign', char);
    else fail(`unexpected character: ${quotedCharacter(char)}`);
    const now = words.at(-1);
    if (!now || 'fault' in now || now.from >= until) return words;
  }

  function brace(char: string, word: string | undefined): void {
    const two = source.slice(at, at + 2);
    if (word !== undefined && char !== ':') add('identifier', word.replace(/:[\s\S]*/, ''));
    else if (/^(=~|!=|!~)/.test(two)) add('operator', two);
    else if (char === '!')
      fail(`unexpected character after '!' inside braces: '${source[at + 1] ?? '\ufffd'}'`);
    else if (char === '{') fail(`unexpected left brace '{'`);
    else if (char === '}') {
      add('sign', char);
      open.pop();
    } else if (/[=,]/.test(char)) add('sign', char);
    else fail(`unexpected character inside braces: ${quotedCharacter(char)}`);
  }

  function digits(): void {
    beforeDuration = false;
    const read = numberWord(source, at);
    // What is no number is told where an operand is expected; elsewhere it is a number at a wrong place.
    const before = last();
    const operand = !before || before.kind === 'operator' || /^[([,:]$/.test(before.text);
    if ('fault' in read) {
      if (!operand && read.number !== undefined) add('number', read.number);
      else fail(read.fault);
    } else add(read.kind, read.text);
  }
}

const escapes: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '\u0007': 'a',
    '\b': 'b',
    '\f': 'f',
    '\n': 'n',
    '\r': 'r',
    '\t': 't',
    '\v': 'v',
    '\\': '\\',
    "'": "'",
  }),
);

/** As Go's %q shows a character. */
function quotedCharacter(char: string): string {
  const escape = escapes.get(char);
  if (escape !== undefined) return `'\\${escape}'`;
  if (char === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(char)) return `'${char}'`;
  const hex = (char.codePointAt(0) ?? 0).toString(16);
  const form =
    char < '\u0080'
      ? `\\x${hex.padStart(2, '0')}`
      : hex.length > 4
        ? `\\U${hex.padStart(8, '0')}`
        : `\\u${hex.padStart(4, '0')}`;
  return `'${form}'`;
}

export function isKeyword(word: string): boolean {
  return keywords.test(word);
}

function kindOf(word: string, behind: string): Word['kind'] {
  if (/^(inf|nan)$/i.test(word)) return 'number';
  if (/^fill/i.test(word) && !/^\s*\(/.test(behind)) return 'identifier';
  if (keywords.test(word)) return 'keyword';
  if (operatorNames.test(word)) return 'operator';
  if (aggregations.test(word)) return 'aggregation';
  return word.includes(':') ? 'metric identifier' : 'identifier';
}
