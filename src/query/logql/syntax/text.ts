import { QueryError } from '../../../lake/query-error.js';
import { simpleEscapes } from '../../text/escapes.js';

/** The value of a quoted literal as Go's strconv.Unquote reads it: "…" with escapes or `…` raw. Throws QueryError. */
export function unquote(literal: string): string {
  const quote = literal[0];
  if (literal.length < 2 || literal.at(-1) !== quote) throw invalid(literal);
  const inner = literal.slice(1, -1);
  if (quote === '`') return inner.replaceAll('\r', '');
  if (quote !== '"') throw invalid(literal);
  if (!inner.includes('\\')) return inner;
  const parts: (string | number)[] = [];
  const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))|[^\\]+/suy;
  while (escape.lastIndex < inner.length) {
    const match = escape.exec(inner);
    if (!match) throw invalid(literal);
    const [all, hex, short, long, octal, single] = match;
    const byte = hex ? parseInt(hex, 16) : octal ? parseInt(octal, 8) : undefined;
    if (byte !== undefined) {
      if (byte > 255) throw invalid(literal);
      parts.push(byte);
    } else if (short ?? long) {
      const code = parseInt(short ?? long ?? '', 16);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw invalid(literal);
      parts.push(String.fromCodePoint(code));
    } else if (single !== undefined) {
      const plain = simpleEscapes[single];
      if (plain === undefined) throw invalid(literal);
      parts.push(plain);
    } else {
      parts.push(all);
    }
  }
  // \x and octal escapes are bytes of UTF-8, so text is put together as bytes.
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part))),
  ).toString();
}

function invalid(literal: string): QueryError {
  return new QueryError('bad_data', `parse error: invalid string literal ${literal.slice(0, 100)}`);
}

/** A literal that `unquote` reads back. */
export function quote(text: string): string {
  return JSON.stringify(text).replaceAll('\x7f', '\\x7f');
}
