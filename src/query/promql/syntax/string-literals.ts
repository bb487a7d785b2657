import { textOfBytes } from '../../text/loose-bytes.js';
import { unquote } from '../../text/unquote.js';
import type { Token } from './token.js';

/** The text of a quoted word, which the lexer has looked at; bytes that are no UTF-8 are kept as loose ones. */
export function looseText({ text }: Token): string {
  return unquote(text, `"'\``, textOfBytes);
}
