import { goDuration, parseDuration as parseAnyDuration, type DurationForm } from '../../text/durations.js';
import { LiteralError, unquote } from '../../text/unquote.js';
import type { AttributeScope } from '../model/attributes.js';
import { intrinsicNamed } from '../model/intrinsics.js';
import { syntaxError } from './errors.js';
import { unexpected, type Token } from './token.js';

const maxQueryLength = 128 * 1024;
/** Keeps the recursion of everything that walks the tree shallow enough. */
const maxTokens = 8192;

const operators = [
  ...['!>>', '!<<', '&>>', '&<<'],
  ...['>>', '<<', '!>', '!<', '!~', '!=', '=~', '>=', '<=', '&&', '||', '&>', '&<', '&~'],
  ...['{', '}', '(', ')', ',', '=', '<', '>', '~', '!', '|', '+', '-', '*', '/', '%', '^'],
];

const attributeScopes = new Set(['resource', 'span', 'event', 'link', 'instrumentation', 'parent']);
/** What may stand behind `scope:`, where that is little enough for Tempo to tell. */
const intrinsicsOf: ReadonlyMap<string, string> = new Map([
  ['trace', 'duration or rootName or rootService or id'],
  ['span', ''],
  ['event', 'name or timeSinceStart'],
  ['link', 'traceID or spanID'],
  ['instrumentation', 'name or version'],
]);

const durationPattern = /(?:(?:\d+(?:\.\d+)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+/y;
const floatPattern = /(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+/y;
const intPattern = /\d+/y;
const wordPattern = /[A-Za-z_][A-Za-z0-9_]*/y;
const stringPattern = /"(?:[^"\\]|\\[^])*"/y;
const rawPattern = /`[^`]*`/y;
const spacePattern = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const attributeEnd = /[\s{}()=~!<>&|^,]/;

const durationForm: DurationForm = { ...goDuration, signs: false };

/** Nanoseconds of a duration like `1m30s` or `1.5h`, or null when `text` is none. A number alone is none. */
export function parseDuration(text: string): bigint | null {
  return text === '0' ? null : (parseAnyDuration(text, durationForm) ?? null);
}

/** Splits a query into tokens. Throws QueryError with the position of what it cannot read. */
export function tokenize(text: string): Token[] {
  if (text.length > maxQueryLength) {
    throw syntaxError(text, 0, `the query is longer than ${maxQueryLength} characters`);
  }
  return new Lexer(text).run();
}

class Lexer {
  #at = 0;

  constructor(private readonly text: string) {}

  run(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      this.#match(spacePattern);
      if (this.#at >= this.text.length) break;
      if (tokens.length === maxTokens) {
        throw syntaxError(this.text, this.#at, `the query has more than ${maxTokens} tokens`);
      }
      tokens.push(this.#next());
    }
    tokens.push({ type: 'end', text: '', at: this.text.length });
    return tokens;
  }

  #next(): Token {
    const at = this.#at;
    const char = this.text[at] ?? '';
    if (char === '"' || char === '`') return { type: 'string', ...this.#string(char), at };
    if (/\d/.test(char) || (char === '.' && /\d/.test(this.text[at + 1] ?? ''))) return this.#number();
    if (char === '.') {
      this.#at++;
      return this.#attribute('none', false, at);
    }
    const word = this.#match(wordPattern);
    if (word !== null) return this.#word(word, at);
    const operator = operators.find((op) => this.text.startsWith(op, at));
    const text = operator ?? String.fromCodePoint(this.text.codePointAt(at) ?? 0);
    this.#at += text.length;
    // What can't be read is a word that stands nowhere: the parser tells where.
    return { type: operator === undefined ? 'word' : 'operator', text, at };
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (!match) return null;
    this.#at += match[0].length;
    return match[0];
  }

  #number(): Token {
    const at = this.#at;
    const duration = this.#match(durationPattern);
    if (duration !== null) {
      return { type: 'duration', text: duration, value: parseDuration(duration) ?? 0n, at };
    }
    const float = this.#match(floatPattern);
    if (float !== null) return { type: 'float', text: float, value: Number(float), at };
    const int = this.#match(intPattern) ?? '';
    const value = BigInt(int);
    if (value > 9223372036854775807n) {
      const why = `strconv.Atoi: parsing "${int}": value out of range`;
      throw syntaxError(this.text, at, why);
    }
    return { type: 'int', text: int, value, at };
  }

  /** `parent.`, `span.` and the like start an attribute; `span:` and the like an intrinsic. */
  #word(word: string, at: number): Token {
    const after = this.text[this.#at];
    if (after === '.' && attributeScopes.has(word)) {
      this.#at++;
      if (word !== 'parent') return this.#attribute(word as AttributeScope, false, at);
      const inner = /^(resource|span)\./.exec(this.text.slice(this.#at, this.#at + 9))?.[1];
      if (inner) this.#at += inner.length + 1;
      return this.#attribute((inner ?? 'none') as AttributeScope, true, at);
    }
    const known = after === ':' ? intrinsicsOf.get(word) : undefined;
    if (known !== undefined) {
      this.#at++;
      const place = this.#at;
      const full = `${word}:${this.#match(wordPattern) ?? ''}`;
      const name = intrinsicNamed(full);
      if (name !== undefined) return { type: 'intrinsic', text: full, name, at };
      this.#at = place;
      this.#match(spacePattern);
      const found: Token =
        this.#at < this.text.length ? this.#next() : { type: 'end', text: '', at: this.text.length };
      throw syntaxError(this.text, found.at, unexpected(found, known));
    }
    return { type: 'word', text: word, at };
  }

  /** A name runs to white space or an operator; parts of it may be quoted. */
  #attribute(scope: AttributeScope, parent: boolean, at: number): Token {
    let name = '';
    while (this.#at < this.text.length) {
      const char = this.text[this.#at] ?? '';
      if (char === '"') name += this.#quoted(at);
      else if (attributeEnd.test(char)) break;
      else {
        name += char;
        this.#at++;
      }
    }
    if (name === '') {
      const prefixes = parent && this.text.slice(at, this.#at) === 'parent.' ? ' or resource. or span.' : '';
      throw syntaxError(
        this.text,
        at,
        `syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER${prefixes}`,
      );
    }
    return { type: 'attribute', text: this.text.slice(at, this.#at), scope, parent, name, at };
  }

  /** A quoted part of the name of the attribute that begins at `at`. */
  #quoted(at: number): string {
    const literal = this.#match(stringPattern)?.slice(1, -1);
    if (literal === undefined) throw syntaxError(this.text, at, 'unexpected EOF, expecting "');
    if (/^(?:[^\\]|\\["\\])*$/.test(literal)) return literal.replace(/\\(.)/g, '$1');
    throw syntaxError(this.text, at, 'invalid escape sequence');
  }

  #string(quote: string): { text: string; value: string } {
    const at = this.#at;
    const literal = this.#match(quote === '"' ? stringPattern : rawPattern);
    if (literal === null) throw syntaxError(this.text, at, 'literal not terminated');
    try {
      // Unlike in Go, a string may run over several lines.
      const escaped = quote === '"' ? literal.replaceAll('\n', '\\n') : literal;
      return { text: literal, value: unquote(escaped, '"`') };
    } catch (error) {
      if (!(error instanceof LiteralError)) throw error;
      throw syntaxError(this.text, at, error.message);
    }
  }
}
