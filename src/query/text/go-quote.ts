import { looseByte } from './loose-bytes.js';

const escapes: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
]);

/** A text as Go's `%q` writes it. */
export function goQuote(text: string): string {
  return `"${Array.from(text, (char) => escaped(char, '"')).join('')}"`;
}

/** One character as Go's `%q` writes it. */
export function goQuoteRune(char: string): string {
  return `'${escaped(char, "'")}'`;
}

function escaped(char: string, quote: string): string {
  if (char === quote) return `\\${quote}`;
  const escape = escapes.get(char);
  if (escape !== undefined) return escape;
  if (isPrintable(char)) return char;
  const byte = looseByte(char);
  if (byte !== undefined) return `\\x${byte.toString(16)}`;
  const hex = (char.codePointAt(0) ?? 0).toString(16);
  if (char < '\u0080') return `\\x${hex.padStart(2, '0')}`;
  return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

/** As Go's strconv.IsPrint: letters, marks, numbers, punctuation, symbols and the plain space. */
export function isPrintable(char: string): boolean {
  return char === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(char);
}
