import { replaced } from './bounds.js';

const htmlEscapes: ReadonlyMap<string, string> = new Map([
  ['\0', '\uFFFD'],
  ['"', '&#34;'],
  ["'", '&#39;'],
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
]);

/** As Go's template.HTMLEscapeString. */
export function escapeHtml(text: string): string {
  return replaced(text, /[\0"'&<>]/g, (char = '') => htmlEscapes.get(char) ?? char);
}

/** As Go's template.JSEscapeString. */
export function escapeJs(text: string): string {
  return replaced(text, /[\\'"]|[<>&=]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char = '') =>
    /[\\'"]/.test(char)
      ? `\\${char}`
      : `\\u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
}
