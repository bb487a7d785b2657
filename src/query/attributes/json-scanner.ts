const maxDepth = 128;

export class JsonSyntaxError extends Error {}

/**
 * Walks JSON text without building objects, so that numbers keep their digits and only wanted values are
 * decoded. Methods throw JsonSyntaxError.
 */
export class JsonScanner {
  #at = 0;
  #depth = 0;

  constructor(private readonly text: string) {}

  #space(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.#at);
      if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return code;
      this.#at++;
    }
  }

  #fail(): JsonSyntaxError {
    return new JsonSyntaxError(`malformed JSON at character ${this.#at + 1}`);
  }

  #take(char: string): void {
    this.#space();
    if (this.text[this.#at] !== char) throw this.#fail();
    this.#at++;
  }

  /** The first character of the next value, or undefined at the end. */
  peek(): string | undefined {
    this.#space();
    return this.text[this.#at];
  }

  /** Where the next value begins, or the end. */
  get offset(): number {
    this.#space();
    return this.#at;
  }

  end(): boolean {
    this.#space();
    return this.#at >= this.text.length;
  }

  string(): string {
    this.#take('"');
    const start = this.#at;
    const closing = this.#closingQuote();
    const inner = this.text.slice(start, closing);
    if (!inner.includes('\\')) return inner;
    try {
      return JSON.parse(this.text.slice(start - 1, closing + 1)) as string;
    } catch {
      throw this.#fail();
    }
  }

  #closingQuote(): number {
    for (let from = this.#at; ;) {
      const quote = this.text.indexOf('"', from);
      if (quote < 0) throw this.#fail();
      let slashes = 0;
      while (this.text.charCodeAt(quote - 1 - slashes) === 92) slashes++;
      if (slashes % 2 === 0) {
        this.#at = quote + 1;
        return quote;
      }
      from = quote + 1;
    }
  }

  /** Calls `member` at each value of an object; it must consume the value. */
  object(member: (key: string) => void): void {
    this.#enter('{');
    if (this.peek() === '}') this.#at++;
    else {
      for (;;) {
        const key = this.string();
        this.#take(':');
        member(key);
        if (this.peek() !== ',') break;
        this.#at++;
      }
      this.#take('}');
    }
    this.#depth--;
  }

  /** Calls `item` at each value of an array; it must consume the value. */
  array(item: (index: number) => void): void {
    this.#enter('[');
    if (this.peek() === ']') this.#at++;
    else {
      for (let index = 0; ; index++) {
        item(index);
        if (this.peek() !== ',') break;
        this.#at++;
      }
      this.#take(']');
    }
    this.#depth--;
  }

  #enter(bracket: string): void {
    this.#take(bracket);
    if (++this.#depth > maxDepth) throw new JsonSyntaxError(`JSON is nested deeper than ${maxDepth}`);
  }

  /** Consumes a value and gives its text as it is written. */
  raw(): string {
    this.#space();
    const start = this.#at;
    this.skip();
    return this.text.slice(start, this.#at);
  }

  skip(): void {
    const first = this.peek();
    if (first === '{') this.object(() => this.skip());
    else if (first === '[') this.array(() => this.skip());
    else if (first === '"') {
      this.#at++;
      this.#closingQuote();
    } else this.#literal();
  }

  #literal(): void {
    const literal = /true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    literal.lastIndex = this.#at;
    if (!literal.test(this.text)) throw this.#fail();
    this.#at = literal.lastIndex;
  }

  /** A value as a label's text: strings decoded, null undefined, everything else as written. */
  value(): string | undefined {
    if (this.peek() === '"') return this.string();
    const raw = this.raw();
    return raw === 'null' ? undefined : raw;
  }
}
