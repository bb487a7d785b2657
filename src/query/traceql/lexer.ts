import type { AttributeScope, IntrinsicName } from './ast.js';
import { syntaxError } from './errors.js';

export type Token =
  | { readonly type: 'end'; readonly text: ''; readonly at: number }
  | { readonly type: 'operator'; readonly text: string; readonly at: number }
  | { readonly type: 'word'; readonly text: string; readonly at: number }
  | { readonly type: 'string'; readonly text: string; readonly value: string; readonly at: number }
  | { readonly type: 'int'; readonly text: string; readonly value: bigint; readonly at: number }
  | { readonly type: 'float'; readonly text: string; readonly value: number; readonly at: number }
  | { readonly type: 'duration'; readonly text: string; readonly value: bigint; readonly at: number }
  | { readonly type: 'intrinsic'; readonly text: string; readonly name: IntrinsicName; readonly at: number }
  | {
      readonly type: 'attribute';
      readonly text: string;
      readonly scope: AttributeScope;
      readonly parent: boolean;
      readonly name: string;
      readonly at: number;
    };

const maxQueryLength = 128 * 1024;
/** Keeps the recursion of everything that walks the tree shallow enough. */
const maxTokens = 8192;

const operators = [
  ...['!>>', '!<<', '&>>', '&<<'],
  ...['>>', '<<', '!>', '!<', '!~', '!=', '=~', '>=', '<=', '&&', '||', '&>', '&<', '&~'],
  ...['{', '}', '(', ')', ',', '=', '<', '>', '~', '!', '|', '+', '-', '*', '/', '%', '^'],
];

const attributeScopes = new Set(['resource', 'span', 'event', 'link', 'instrumentation', 'parent']);

const scopedIntrinsics: ReadonlyMap<string, IntrinsicName> = new Map([
  ['trace:duration', 'traceDuration'],
  ['trace:rootName', 'rootName'],
  ['trace:rootService', 'rootServiceName'],
  ['trace:id', 'trace:id'],
  ['span:duration', 'duration'],
  ['span:name', 'name'],
  ['span:kind', 'kind'],
  ['span:status', 'status'],
  ['span:statusMessage', 'statusMessage'],
  ['span:id', 'span:id'],
  ['span:parentID', 'span:parentID'],
  ['span:childCount', 'childCount'],
  ['event:name', 'event:name'],
  ['event:timeSinceStart', 'event:timeSinceStart'],
  ['link:traceID', 'link:traceID'],
  ['link:spanID', 'link:spanID'],
  ['instrumentation:name', 'instrumentation:name'],
  ['instrumentation:version', 'instrumentation:version'],
]);

const unitNanoseconds: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 7 * 86_400e9,
  y: 365 * 86_400e9,
};

const durationPattern = /(?:(?:\d+(?:\.\d+)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+/y;
const floatPattern = /(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+/y;
const intPattern = /\d+/y;
const wordPattern = /[A-Za-z_][A-Za-z0-9_]*/y;
const spacePattern = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const attributeEnd = /[\s{}()=~!<>&|^,]/;

/** Nanoseconds of a duration like `1m30s` or `1.5h`, or null when `text` is none. */
export function parseDuration(text: string): bigint | null {
  durationPattern.lastIndex = 0;
  const match = durationPattern.exec(text);
  if (match?.[0].length !== text.length || text.length === 0) return null;
  let total = 0n;
  for (const [, number = '', unit = ''] of text.matchAll(/([\d.]+)([a-zµμ]+)/g)) {
    const scale = unitNanoseconds[unit] ?? 0;
    total += number.includes('.')
      ? BigInt(Math.round(Number(number) * scale))
      : BigInt(number) * BigInt(scale);
  }
  return total;
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
    if (operator === undefined)
      throw syntaxError(this.text, at, `unexpected character ${JSON.stringify(char)}`);
    this.#at += operator.length;
    return { type: 'operator', text: operator, at };
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
    if (value > 9223372036854775807n) throw syntaxError(this.text, at, `${int} does not fit 64 bits`);
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
    if (after === ':') {
      this.#at++;
      const full = `${word}:${this.#match(wordPattern) ?? ''}`;
      const name = scopedIntrinsics.get(full);
      if (name === undefined)
        throw syntaxError(this.text, at, `there is no intrinsic ${JSON.stringify(full)}`);
      return { type: 'intrinsic', text: full, name, at };
    }
    return { type: 'word', text: word, at };
  }

  /** A name runs to white space or an operator; parts of it may be quoted. */
  #attribute(scope: AttributeScope, parent: boolean, at: number): Token {
    let name = '';
    while (this.#at < this.text.length) {
      const char = this.text[this.#at] ?? '';
      if (char === '"') name += this.#string('"').value;
      else if (attributeEnd.test(char)) break;
      else {
        name += char;
        this.#at++;
      }
    }
    if (name === '') throw syntaxError(this.text, this.#at, 'an attribute name is missing here');
    return { type: 'attribute', text: this.text.slice(at, this.#at), scope, parent, name, at };
  }

  #string(quote: string): { text: string; value: string } {
    const at = this.#at;
    let value = '';
    for (let i = at + 1; i < this.text.length; i++) {
      const char = this.text[i] ?? '';
      if (char === quote) {
        this.#at = i + 1;
        return { text: this.text.slice(at, i + 1), value };
      }
      if (char === '\\' && quote === '"') {
        const [unescaped, length] = this.#escape(i);
        value += unescaped;
        i += length - 1;
      } else value += char;
    }
    throw syntaxError(this.text, at, 'this string does not end');
  }

  /** Go's escapes in interpreted strings. Gives the character and how long its escape is. */
  #escape(at: number): [string, number] {
    const simple: Record<string, string> = {
      ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
      ...{ '\\': '\\', '"': '"', "'": "'" },
    };
    const char = this.text[at + 1] ?? '';
    if (char in simple) return [simple[char] ?? '', 2];
    const code = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(
      this.text.slice(at + 1, at + 10),
    );
    if (code) {
      const octal = code[4];
      const point = octal ? parseInt(octal, 8) : parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16);
      if (point <= 0x10ffff) return [String.fromCodePoint(point), code[0].length + 1];
    }
    throw syntaxError(this.text, at, `unknown escape \\${char} in a string`);
  }
}
