/** A string literal that cannot be read; the message says why, the caller knows where. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError';
}

/** What a letter after a backslash stands for, as in Go. */
const simpleEscapes: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
]);

const escapes = /\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]|$))|[^\\]+/gu;

/**
 * The value of a quoted literal, as Go's strconv.Unquote reads it: escapes in `"…"` (and in `'…'`, where `quotes`
 * lists it), none in backquotes. Bytes by `\x` and octal escapes are UTF-8, which `decode` makes a text of. Throws
 * LiteralError.
 */
export function unquote(
  literal: string,
  quotes: string,
  decode = (bytes: Buffer) => bytes.toString('utf8'),
): string {
  const quote = literal[0] ?? '';
  if (literal.length < 2 || !quotes.includes(quote) || !literal.endsWith(quote)) {
    throw new LiteralError('unterminated quoted string');
  }
  const body = literal.slice(1, -1);
  if (quote === '`') return body.replaceAll('\r', '');
  if (body.includes('\n')) throw new LiteralError('unterminated quoted string');
  if (!body.includes('\\')) return body;
  // \x and octal escapes are bytes of UTF-8, so the value is put together as bytes.
  const bytes: Buffer[] = [];
  for (const [text, octal, hex, short, long, plain] of body.matchAll(escapes)) {
    if (octal !== undefined || hex !== undefined) {
      const byte = octal === undefined ? parseInt(hex ?? '', 16) : parseInt(octal, 8);
      if (byte > 255) throw new LiteralError(`${text} in a string is no byte`);
      bytes.push(Buffer.from([byte]));
    } else if (short !== undefined || long !== undefined) {
      const point = parseInt(short ?? long ?? '', 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        throw new LiteralError(`${text} in a string is no Unicode character`);
      }
      bytes.push(Buffer.from(String.fromCodePoint(point)));
    } else if (plain !== undefined) {
      const char = plain === quote ? plain : simpleEscapes.get(plain);
      if (char === undefined) throw new LiteralError(unknownEscape(plain));
      bytes.push(Buffer.from(char));
    } else bytes.push(Buffer.from(text));
  }
  return decode(Buffer.concat(bytes));
}

/** In Go's words: a code point, and the character where it can be seen. */
function unknownEscape(char: string): string {
  if (char === '') return 'escape sequence not terminated';
  const point = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `unknown escape sequence U+${point} '${char}'`;
}

/** A `"…"` literal that `unquote` reads back. */
export function quote(text: string): string {
  return JSON.stringify(text).replaceAll('\x7f', '\\x7f');
}
