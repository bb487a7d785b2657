/**
 * Reads the lake's attribute JSON with the types that OTLP knows: integers stay exact (bigint), a number
 * with a fraction or exponent is a double. Objects become Maps, whose keys may be anything.
 */
export type TypedJson = string | boolean | null | bigint | number | TypedJson[] | AttributeMap;
export type AttributeMap = Map<string, TypedJson>;

const noAttributes: AttributeMap = new Map();

/** The object in `text`; empty for NULL and for text that is no JSON object. */
export function parseAttributes(text: string | null): AttributeMap {
  const value = text === null ? null : parseTypedJson(text);
  return value instanceof Map ? value : noAttributes;
}

/** The array of objects in `text`, as `events_json` and `links_json` hold. */
export function parseObjects(text: string | null): AttributeMap[] {
  const value = text === null ? null : parseTypedJson(text);
  return Array.isArray(value) ? value.filter((entry): entry is AttributeMap => entry instanceof Map) : [];
}

/** Null for text that is not JSON. */
export function parseTypedJson(text: string): TypedJson {
  try {
    return new Reader(text).document();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** JSON, without spaces. */
export function jsonText(value: TypedJson): string {
  if (value instanceof Map) {
    const members = [...value].map(([key, each]) => `${JSON.stringify(key)}:${jsonText(each)}`);
    return `{${members.join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

const numberPattern = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;
const maxDepth = 200;

class Reader {
  #at = 0;
  #depth = 0;

  constructor(private readonly text: string) {}

  document(): TypedJson {
    const value = this.#value();
    this.#space();
    if (this.#at < this.text.length) throw new SyntaxError('trailing text');
    return value;
  }

  #space(): void {
    while (' \t\n\r'.includes(this.text[this.#at] ?? '-')) this.#at++;
  }

  #take(char: string): boolean {
    this.#space();
    if (this.text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #value(): TypedJson {
    this.#space();
    const char = this.text[this.#at];
    if (char === '"') return this.#string();
    if (char === '{' || char === '[') {
      if (++this.#depth > maxDepth) throw new SyntaxError('nested too deep');
      const value = char === '{' ? this.#object() : this.#array();
      this.#depth--;
      return value;
    }
    for (const [word, value] of words) {
      if (this.text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.text);
    if (!match) throw new SyntaxError('not JSON');
    this.#at += match[0].length;
    return match[1] === undefined && match[2] === undefined ? BigInt(match[0]) : Number(match[0]);
  }

  #string(): string {
    const start = this.#at;
    let plain = true;
    for (let i = start + 1; i < this.text.length; i++) {
      const char = this.text[i];
      if (char === '\\') {
        plain = false;
        i++;
      } else if (char === '"') {
        this.#at = i + 1;
        return plain ? this.text.slice(start + 1, i) : (JSON.parse(this.text.slice(start, i + 1)) as string);
      }
    }
    throw new SyntaxError('unterminated string');
  }

  #object(): AttributeMap {
    this.#at++;
    const out: AttributeMap = new Map();
    if (this.#take('}')) return out;
    do {
      this.#space();
      if (this.text[this.#at] !== '"') throw new SyntaxError('no key');
      const key = this.#string();
      if (!this.#take(':')) throw new SyntaxError('no colon');
      out.set(key, this.#value());
    } while (this.#take(','));
    if (!this.#take('}')) throw new SyntaxError('unterminated object');
    return out;
  }

  #array(): TypedJson[] {
    this.#at++;
    const out: TypedJson[] = [];
    if (this.#take(']')) return out;
    do out.push(this.#value());
    while (this.#take(','));
    if (!this.#take(']')) throw new SyntaxError('unterminated array');
    return out;
  }
}

const words: readonly [string, boolean | null][] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
