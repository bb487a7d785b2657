import { rangeFault } from '../range.js';
import { parseBytes } from '../units.js';
import { end, resume } from '../../../grammar/index.js';
import { conversions, functions, terminals } from './rules.js';

/** What is wrong with a text before any rule is asked, and where. */
export class WordError extends Error {}

const functionWords: ReadonlyMap<string, string> = new Map([
  ...functions.map((name) => [name.toLowerCase(), name] as const),
  ...conversions.map((name) => [name.replace('_CONV', '').toLowerCase(), name] as const),
  ['ip', 'ip'],
  ['label_replace', 'label_replace'],
]);
/** `ip` and `label_replace` are words of both kinds, and `error` is none. */
const words: ReadonlySet<string> = new Set(
  terminals.filter((name) => name !== resume && name === name.toLowerCase()),
);
const fractions = /^-?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/;

/**
 * The words of a query as Loki's lexer reads them, which is Go's (text/scanner) with LogQL's words on top. Positions are
 * characters; a word that is read by several steps has no line.
 */
export class Words {
  /** As Loki tells it: 0 behind words of several steps. */
  line = 0;
  column = 1;

  readonly #text: string;
  #at = 0;
  #from = 0;
  #lineNumber = 1;
  /** Up to where characters are counted in `column`. */
  #placed = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the last word begins. */
  get from(): number {
    return this.#from;
  }

  /** How many characters were read. */
  get read(): number {
    return this.#at;
  }

  /** The terminal of the next word. Throws WordError. */
  next(): string {
    this.#blanks();
    this.#place();
    const text = this.#text;
    const first = text[this.#at];
    if (first === undefined) return end;
    if (text.startsWith('/*', this.#at)) throw new WordError('comment not terminated');
    if (first === '"' || first === '`') {
      this.#string(first);
      return 'STRING';
    }
    if (first === "'") {
      this.#character();
      return 'IDENTIFIER';
    }
    if (first === '[') return this.#range();
    const number = this.#match(
      /(?:0[xX][\da-fA-F_]*|0[bBoO][\d_]*|[\d_]+(?:\.[\d_]*)?|\.[\d_]+)(?:[eE][+-]?\d*)?/y,
    );
    if (/\d/.test(first) || (first === '.' && /\d/.test(text[this.#at + 1] ?? '')))
      return this.#number(number);
    if (first === '-') {
      const flag = this.#match(/--[\p{L}-]+/uy);
      if (flag === '--strict' || flag === '--keep-empty') return this.#take(flag, 'FUNCTION_FLAG', true);
      const duration = this.#match(/-[\p{N}nuµmshdwy.]+/uy);
      if (fractions.test(duration)) return this.#take(duration, 'DURATION', true);
    }
    const name = this.#match(/[\p{L}_][\p{L}\p{Nd}_]*/uy);
    return name === '' ? this.#operator() : this.#name(name);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0] ?? '';
  }

  /** `stepped`: Loki's lexer went on behind the word that its scanner found, which loses the line. */
  #take(word: string, terminal: string, stepped: boolean): string {
    this.#at += word.length;
    if (stepped) this.line = 0;
    return terminal;
  }

  #newline(at: number): void {
    this.#lineNumber++;
    this.#placed = at + 1;
    this.column = 1;
  }

  #blanks(): void {
    for (;;) {
      const blank = this.#match(/[\t\n\r ]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y);
      if (blank === '') return;
      for (let i = 0; i < blank.length; i++) if (blank[i] === '\n') this.#newline(this.#at + i);
      this.#at += blank.length;
    }
  }

  #place(): void {
    this.line = this.#lineNumber;
    this.column += [...this.#text.slice(this.#placed, this.#at)].length;
    this.#placed = this.#at;
    this.#from = this.#at;
  }

  #name(name: string): string {
    const lower = name.toLowerCase();
    this.#at += name.length;
    const called = functionWords.get(lower);
    if (called === undefined) return words.has(lower) ? lower : 'IDENTIFIER';
    return this.#match(/\s*(\(|(by|without)\s*\()/iy) === '' ? 'IDENTIFIER' : called;
  }

  #operator(): string {
    const two = this.#text.slice(this.#at, this.#at + 2);
    if (/^(\|[=~>]|![=~>]|=[~=]|[<>]=)$/.test(two)) return this.#take(two, two, true);
    const one = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    return this.#take(one, words.has(one) ? one : 'IDENTIFIER', false);
  }

  #number(number: string): string {
    const behind = this.#text.slice(this.#at + number.length);
    const duration = number + (/^[\p{N}nuµmshdwy.]*/u.exec(behind)?.[0] ?? '');
    const bytes = number + (/^[\p{N}BikKMGTP.]*/u.exec(behind)?.[0] ?? '');
    const fault = numberFault(number);
    if (fault) throw new WordError(fault);
    if (duration !== number && (rangeFault(duration) === undefined || fractions.test(duration))) {
      return this.#take(duration, 'DURATION', true);
    }
    if (bytes !== number && parseBytes(bytes) !== undefined) return this.#take(bytes, 'BYTES', true);
    return this.#take(number, 'NUMBER', false);
  }

  #string(quote: string): void {
    if (quote === '`') {
      const close = this.#text.indexOf('`', this.#at + 1);
      if (close < 0) throw new WordError('literal not terminated');
      for (let i = this.#at; i < close; i++) if (this.#text[i] === '\n') this.#newline(i);
      this.#at = close + 1;
      return;
    }
    this.#at = this.#quoted('"');
  }

  /** Where a quoted text ends. */
  #quoted(quote: string): number {
    const escape = new RegExp(
      `\\\\(?:[abfnrtv\\\\${quote}]|[0-7]{3}|x[\\da-fA-F]{2}|u[\\da-fA-F]{4}|U[\\da-fA-F]{8})`,
      'y',
    );
    let at = this.#at + 1;
    for (;;) {
      const each = this.#text[at];
      if (each === quote) return at + 1;
      if (each === undefined || each === '\n') throw new WordError('literal not terminated');
      escape.lastIndex = at;
      const escaped = each === '\\' ? escape.exec(this.#text)?.[0] : each;
      if (escaped === undefined) throw new WordError('invalid char escape');
      at += escaped.length;
    }
  }

  #character(): void {
    const close = this.#quoted("'");
    const inside = this.#text.slice(this.#at + 1, close - 1);
    if (!inside.startsWith('\\') && [...inside].length !== 1) throw new WordError('invalid char literal');
    this.#at = close;
  }

  #range(): string {
    this.line = 0;
    const close = this.#text.indexOf(']', this.#at);
    if (close < 0) throw new WordError("missing closing ']' in duration");
    const fault = rangeFault(this.#text.slice(this.#at + 1, close));
    if (fault !== undefined) throw new WordError(fault);
    this.#at = close + 1;
    return 'RANGE';
  }
}

/** What Go's scanner refuses of a number. */
function numberFault(number: string): string | undefined {
  if (/[eE][+-]?$/.test(number) && !/^0[xX]/.test(number)) return 'exponent has no digits';
  if (/^0[xXoObB]_*$/.test(number)) {
    const kind = { x: 'hexadecimal', o: 'octal', b: 'binary' }[number.charAt(1).toLowerCase()];
    return `${kind} literal has no digits`;
  }
  const digit = /^0[0-7_]*([89])[\d_]*$/.exec(number)?.[1];
  if (digit !== undefined) return `invalid digit '${digit}' in octal literal`;
  return /__|_$|_\.|\._|_[eE]/.test(number) ? "'_' must separate successive digits" : undefined;
}
