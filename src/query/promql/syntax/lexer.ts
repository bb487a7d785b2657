import { goQuote, goQuoteRune, isPrintable } from '../../text/go-quote.js';
import { NumberScanner } from './number-scanner.js';
import { keywords, type Token, type TokenKind } from './token.js';

type State = () => State | null;

const end = '';
const durationKeywords: ReadonlyMap<string, TokenKind> = new Map([
  ['step', 'STEP'],
  ['range', 'RANGE'],
  ['max_of', 'MAX_OF'],
  ['min_of', 'MIN_OF'],
]);
/** Operators of one character in durations. */
const arithmetic: ReadonlyMap<string, TokenKind> = new Map([
  ['*', 'MUL'],
  ['/', 'DIV'],
  ['%', 'MOD'],
  ['+', 'ADD'],
  ['-', 'SUB'],
  ['^', 'POW'],
]);

/** Splits a query into words exactly as Prometheus' promql/parser/lex.go does, and finds the same faults. */
export class Lexer {
  /** Where the next word begins. */
  start = 0;
  /** Where the last word that was given began. */
  #lastAt = 0;
  #at = 0;
  #width = 0;
  #state: State | null;
  #found: Token | undefined;
  #parentheses = 0;
  #inBraces = false;
  #inBrackets = false;
  #colon = false;
  #duration = false;
  #quote = '';

  constructor(private readonly source: string) {
    this.#state = () => this.#statement();
  }

  next(): Token {
    this.#found = undefined;
    while (this.#state && !this.#found) this.#state = this.#state();
    this.#found ??= { kind: 'EOF', at: this.start, text: '' };
    this.#lastAt = this.#found.at;
    return this.#found;
  }

  /**
   * Behind the closing parenthesis before the one that was just read ahead; `fallback` where it was another word or
   * more than blanks are between.
   */
  behindLastParenthesis(fallback: number): number {
    const { source } = this;
    const at = this.#lastAt;
    if (fallback <= 0 || fallback > source.length || at <= 0 || source[at] !== ')') return fallback;
    for (let i = at - 1; i > 0; i--) {
      if (source[i] === ')') return i + 1;
      if (!isSpace(source[i] ?? '')) return fallback;
    }
    return fallback;
  }

  #read(): string {
    const point = this.source.codePointAt(this.#at);
    const char = point === undefined ? end : String.fromCodePoint(point);
    this.#width = char.length;
    this.#at += char.length;
    return char;
  }

  #peek(): string {
    const char = this.#read();
    this.#back();
    return char;
  }

  #back(): void {
    this.#at -= this.#width;
  }

  #emit(kind: TokenKind): void {
    this.#found = { kind, at: this.start, text: this.source.slice(this.start, this.#at) };
    this.start = this.#at;
  }

  #fail(text: string): null {
    this.#found = { kind: 'ERROR', at: this.start, text };
    return null;
  }

  readonly #statement: State = () => {
    if (this.#inBraces) return this.#braces;
    if (this.source.startsWith('#', this.#at)) return this.#comment;
    const char = this.#read();
    const sign = arithmetic.get(char);
    if (char === end) {
      if (this.#parentheses !== 0) return this.#fail('unclosed left parenthesis');
      if (this.#inBrackets) return this.#fail('unclosed left bracket');
      this.#emit('EOF');
      return null;
    }
    if (sign) this.#emit(sign);
    else if (char === ',') this.#emit('COMMA');
    else if (isSpace(char)) return this.#spaces;
    else if (/[=!<>]/.test(char)) return this.#comparison(char);
    else if (isDigit(char) || (char === '.' && isDigit(this.#peek()))) {
      this.#back();
      return this.#number;
    } else if (/["'`]/.test(char)) return this.#quoted(char);
    else if (isAlpha(char) || char === ':') return this.#word(char);
    else if (char === '(') {
      this.#emit('LEFT_PAREN');
      this.#parentheses++;
    } else if (char === ')') return this.#closed(this.#statement);
    else if (char === '{') {
      this.#emit('LEFT_BRACE');
      this.#inBraces = true;
      return this.#braces;
    } else if (char === '[') {
      if (this.#inBrackets) return this.#fail(`unexpected left bracket '['`);
      this.#colon = this.#duration = false;
      this.#emit('LEFT_BRACKET');
      if (isSpace(this.#peek())) this.#skipSpaces();
      this.#inBrackets = true;
      return this.#durationExpression;
    } else if (char === ']') {
      if (!this.#inBrackets) return this.#fail(`unexpected right bracket ']'`);
      this.#emit('RIGHT_BRACKET');
      this.#inBrackets = false;
    } else if (char === '@') this.#emit('AT');
    else return this.#fail(`unexpected character: ${quoted(char)}`);
    return this.#statement;
  };

  #comparison(char: string): State | null {
    const next = this.#peek();
    if (char === '=') {
      if (next === '~') return this.#fail(`unexpected character after '=': ${quoted(next)}`);
      if (next === '=') this.#read();
      this.#emit(next === '=' ? 'EQLC' : 'EQL');
    } else if (char === '!') {
      this.#read();
      if (next !== '=') return this.#fail(`unexpected character after '!': ${quoted(next)}`);
      this.#emit('NEQ');
    } else {
      const less = char === '<';
      if (next === '=' || next === '/') this.#read();
      if (next === '=') this.#emit(less ? 'LTE' : 'GTE');
      else if (next === '/') this.#emit(less ? 'TRIM_UPPER' : 'TRIM_LOWER');
      else this.#emit(less ? 'LSS' : 'GTR');
    }
    return this.#statement;
  }

  /** The sign itself is given even where the fault behind it takes its place. */
  #closed(then: State): State | null {
    this.#emit('RIGHT_PAREN');
    return --this.#parentheses < 0 ? this.#fail(`unexpected right parenthesis ')'`) : then;
  }

  #word(first: string): State | null {
    if (!this.#inBrackets) {
      this.#back();
      return this.#keywordOrIdentifier;
    }
    if (first === ':') {
      if (this.#colon) return this.#fail(`unexpected colon ':'`);
      this.#emit('COLON');
      this.#colon = true;
      return this.#statement;
    }
    if (startsDurationKeyword(first) && this.#durationKeyword()) return this.#statement;
    return this.#fail(`unexpected character: ${quoted(first)}, expected ':'`);
  }

  readonly #keywordOrIdentifier: State = () => {
    while (isNameCharacter(this.#read(), ':'));
    this.#back();
    const word = this.source.slice(this.start, this.#at);
    const kind = keywords.get(word.toLowerCase());
    const isFill = kind === 'FILL' || kind === 'FILL_LEFT' || kind === 'FILL_RIGHT';
    if (kind && !(isFill && !/^[ \t\n\r]*\(/.test(this.source.slice(this.#at)))) this.#emit(kind);
    else this.#emit(word.includes(':') ? 'METRIC_IDENTIFIER' : 'IDENTIFIER');
    return this.#statement;
  };

  readonly #braces: State = () => {
    if (this.source.startsWith('#', this.#at)) return this.#comment;
    const char = this.#read();
    if (char === end) return this.#fail('unexpected end of input inside braces');
    if (isSpace(char)) return this.#spaces;
    if (isAlpha(char)) {
      while (isNameCharacter(this.#read()));
      this.#back();
      this.#emit('IDENTIFIER');
      return this.#statement;
    }
    if (/["'`]/.test(char)) return this.#quoted(char);
    if (char === ',') this.#emit('COMMA');
    else if (char === '=') {
      const isPattern = this.#peek() === '~';
      if (isPattern) this.#read();
      this.#emit(isPattern ? 'EQL_REGEX' : 'EQL');
    } else if (char === '!') {
      const next = this.#read();
      if (next !== '~' && next !== '=')
        return this.#fail(`unexpected character after '!' inside braces: ${quoted(next)}`);
      this.#emit(next === '~' ? 'NEQ_REGEX' : 'NEQ');
    } else if (char === '{') return this.#fail(`unexpected left brace '{'`);
    else if (char === '}') {
      this.#emit('RIGHT_BRACE');
      this.#inBraces = false;
      return this.#statement;
    } else return this.#fail(`unexpected character inside braces: ${quoted(char)}`);
    return this.#braces;
  };

  readonly #durationExpression: State = () => {
    const char = this.#read();
    const sign = arithmetic.get(char);
    if (char === end) return this.#fail('unexpected end of input in duration expression');
    if (char === ']') {
      this.#emit('RIGHT_BRACKET');
      this.#inBrackets = this.#colon = false;
      return this.#statement;
    }
    if (char === ':') {
      this.#emit('COLON');
      if (!this.#duration) return this.#fail('unexpected colon before duration in duration expression');
      if (this.#colon) return this.#fail('unexpected repeated colon in duration expression');
      this.#colon = true;
    } else if (char === '(') {
      this.#emit('LEFT_PAREN');
      this.#parentheses++;
    } else if (char === ')') return this.#closed(this.#durationExpression);
    else if (isSpace(char)) this.#skipSpaces();
    else if (sign) this.#emit(sign);
    else if (char === ',') this.#emit('COMMA');
    else if (startsDurationKeyword(char) && this.#durationKeyword()) this.#duration = true;
    else if (isDigit(char) || (char === '.' && isDigit(this.#peek()))) {
      this.#back();
      this.#duration = true;
      return this.#number;
    } else return this.#fail(`unexpected character in duration expression: ${quoted(char)}`);
    return this.#durationExpression;
  };

  #durationKeyword(): boolean {
    while (isAlpha(this.#read()));
    this.#back();
    const kind = durationKeywords.get(this.source.slice(this.start, this.#at).toLowerCase());
    if (kind) this.#emit(kind);
    return kind !== undefined;
  }

  readonly #number: State = () => {
    const scanner = new NumberScanner(this.source, this.#at);
    const isNumber = scanner.number();
    const isDuration = !isNumber && scanner.duration();
    this.#at = scanner.at;
    if (isNumber || isDuration) this.#emit(isNumber ? 'NUMBER' : 'DURATION');
    else {
      const read = this.source.slice(this.start, this.#at);
      return this.#fail(`bad number or duration syntax: ${goQuote(read)}`);
    }
    return this.#statement;
  };

  #quoted(quote: string): State {
    this.#quote = quote;
    return quote === '`' ? this.#rawString : this.#string;
  }

  readonly #string: State = () => {
    for (;;) {
      const char = this.#read();
      if (char === '\\') return this.#escape;
      if (char === '\ufffd') return this.#fail('invalid UTF-8 rune');
      if (char === end || char === '\n') return this.#fail('unterminated quoted string');
      if (char === this.#quote) break;
    }
    this.#emit('STRING');
    return this.#statement;
  };

  readonly #rawString: State = () => {
    for (;;) {
      const char = this.#read();
      if (char === '\ufffd') return this.#fail('invalid UTF-8 rune');
      if (char === end) return this.#fail('unterminated raw string');
      if (char === this.#quote) break;
    }
    this.#emit('STRING');
    return this.#statement;
  };

  readonly #escape: State = () => {
    let char = this.#read();
    if (char !== end && (/[abfnrtv\\]/.test(char) || char === this.#quote)) return this.#string;
    const [digits, base, most] = forms.get(/[0-7]/.test(char) ? '0' : char) ?? [0, 0, 0];
    if (digits === 0) {
      return this.#fail(
        char === end ? 'escape sequence not terminated' : `unknown escape sequence ${codePoint(char)}`,
      );
    }
    if (/[xuU]/.test(char)) char = this.#read();
    let value = 0;
    for (let left = digits; left > 0; left--) {
      const digit = /^[\da-fA-F]$/.test(char) ? parseInt(char, 16) : 16;
      if (digit >= base) {
        return this.#fail(
          char === end
            ? 'escape sequence not terminated'
            : `illegal character ${codePoint(char)} in escape sequence`,
        );
      }
      value = value * base + digit;
      if (left > 1) char = this.#read();
    }
    if (value > most || (value >= 0xd800 && value < 0xe000))
      return this.#fail('escape sequence is an invalid Unicode code point');
    return this.#string;
  };

  #skipSpaces(): void {
    while (isSpace(this.#peek())) this.#read();
    this.start = this.#at;
  }

  readonly #spaces: State = () => {
    this.#skipSpaces();
    return this.#statement;
  };

  /** Ends at the end of the line. */
  readonly #comment: State = () => {
    while (!/^[\r\n]?$/.test(this.#read()));
    this.#back();
    this.start = this.#at;
    return this.#statement;
  };
}

/** Digits, base and greatest value of the escapes of numbers. */
const forms: ReadonlyMap<string, readonly [number, number, number]> = new Map([
  ['0', [3, 8, 255]],
  ['x', [2, 16, 255]],
  ['u', [4, 16, 0x10ffff]],
  ['U', [8, 16, 0x10ffff]],
]);

/** Of the end of the query Go shows what stands for no character at all. */
function quoted(char: string): string {
  return goQuoteRune(char === end ? '\ufffd' : char);
}

/** As Go's `%#U`. */
function codePoint(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return isPrintable(char) ? `U+${code} '${char}'` : `U+${code}`;
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

function isAlpha(char: string): boolean {
  return char === '_' || (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z');
}

function isNameCharacter(char: string, also?: string): boolean {
  return isAlpha(char) || isDigit(char) || char === also;
}

function startsDurationKeyword(char: string): boolean {
  return /^[srm]$/i.test(char);
}
