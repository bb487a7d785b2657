const malformed = 'Malformed JSON error';
const openArray = "Value is array, but can't find closing ']' symbol";
const badEscape = 'Encountered an invalid escape sequence in a string';
export const openObject = `Value looks like object, but can't find closing '}' symbol`;

/** Why a line can't be read as an object, in the words of Loki's JSON library. */
export class JsonLineError extends Error {}

/** A member's value: a string without its quotes and still escaped, or what stands for the others. */
export interface JsonMember {
  readonly kind: 'string' | 'number' | 'boolean' | 'null' | 'array' | 'object';
  readonly from: number;
  readonly to: number;
}

const blank = (code: number) => code === 32 || code === 10 || code === 13 || code === 9;

/**
 * The members of the object at the start of `text.slice(from, to)`, one after the other, as far as it can be read: values are
 * looked at no closer than Loki's library does, so numbers may be any text that begins like one, arrays are not looked
 * into, and what follows the object does not matter. Throws JsonLineError, when the members before were told.
 */
export function eachJsonMember(
  text: string,
  from: number,
  to: number,
  tell: (key: string, value: JsonMember) => void,
): void {
  const token = (at: number): number => {
    while (at < to && blank(text.charCodeAt(at))) at++;
    return at < to ? at : -1;
  };
  const next = (at: number, otherwise: string): number => {
    const found = token(at);
    if (found < 0) throw new JsonLineError(otherwise);
    return found;
  };
  let at = next(from, openObject);
  if (text[at] !== '{') throw new JsonLineError(openObject);
  at = next(at + 1, malformed);
  for (;;) {
    if (text[at] === '}') return;
    if (text[at] !== '"') throw new JsonLineError(openObject);
    const closing = closingQuote(text, at + 1, to);
    if (closing < 0) throw new JsonLineError(malformed);
    const key = unescapeJson(text.slice(at + 1, closing));
    if (key === undefined) throw new JsonLineError(badEscape);
    at = next(closing + 1, malformed);
    if (text[at] !== ':') throw new JsonLineError(malformed);
    const value = valueOf(text, next(at + 1, malformed), to);
    tell(key, value);
    at = next(value.kind === 'string' ? value.to + 1 : value.to, openArray);
    if (text[at] === '}') return;
    if (text[at] !== ',') throw new JsonLineError(openObject);
    at = next(at + 1, openArray);
  }
}

function closingQuote(text: string, from: number, to: number): number {
  for (let at = from; ;) {
    const quote = text.indexOf('"', at);
    if (quote < 0 || quote >= to) return -1;
    let slashes = 0;
    while (quote - 1 - slashes >= from && text.charCodeAt(quote - 1 - slashes) === 92) slashes++;
    if (slashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

/** The value that begins at `from`, which is no blank. Throws JsonLineError. */
export function valueOf(text: string, from: number, to: number): JsonMember {
  if (from >= to) throw new JsonLineError(malformed);
  const first = text[from] ?? '';
  if (first === '"') {
    const end = closingQuote(text, from + 1, to);
    if (end < 0) throw new JsonLineError(`Value is string, but can't find closing '"' symbol`);
    return { kind: 'string', from: from + 1, to: end };
  }
  if (first === '[' || first === '{') {
    const end = blockEnd(text, from, to, first, first === '[' ? ']' : '}');
    if (end < 0) throw new JsonLineError(first === '[' ? openArray : openObject);
    return { kind: first === '[' ? 'array' : 'object', from, to: end };
  }
  let end = from;
  while (end < to && !' \n\r\t,}]'.includes(text[end] ?? '')) end++;
  const literal = text.slice(from, end);
  if (/^[-0-9]/.test(literal)) return { kind: 'number', from, to: end };
  if (literal === 'true' || literal === 'false') return { kind: 'boolean', from, to: end };
  if (literal === 'null') return { kind: 'null', from, to: end };
  throw new JsonLineError('Unknown value type');
}

/** Behind the bracket that closes the one at `from`; brackets of the other kind don't count. */
function blockEnd(text: string, from: number, to: number, open: string, close: string): number {
  let level = 0;
  for (let at = from; at < to; at++) {
    const char = text[at];
    if (char === '"') {
      const end = closingQuote(text, at + 1, to);
      if (end < 0) return -1;
      at = end;
    } else if (char === open) level++;
    else if (char === close && --level === 0) return at + 1;
  }
  return -1;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** The text between quotes; undefined where an escape in it is none. */
export function unescapeJson(inner: string): string | undefined {
  if (!inner.includes('\\')) return inner;
  let valid = true;
  const text = inner.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})(?:\\u([0-9a-fA-F]{4}))?|([\s\S])|$)/g,
    (_, code?: string, low?: string, char?: string) => {
      if (code === undefined) {
        const plain = escapes.get(char ?? '');
        valid &&= plain !== undefined;
        return plain ?? '';
      }
      const units = [code, ...(low === undefined ? [] : [low])].map((hex) => parseInt(hex, 16));
      const decoded = String.fromCharCode(...units);
      valid &&= !/[\uD800-\uDFFF]/u.test(decoded);
      return decoded;
    },
  );
  return valid ? text : undefined;
}

/** A string decoded, empty where that can't be; characters that are none are left out. Others as they are written. */
export function scalarText(text: string, { kind, from, to }: JsonMember): string {
  const inner = text.slice(from, to);
  return kind === 'string' ? (unescapeJson(inner) ?? '').replaceAll('\uFFFD', '') : inner;
}
