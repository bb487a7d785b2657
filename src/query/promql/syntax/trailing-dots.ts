const token =
  /"(?:[^"\\]|\\[\s\S])*"?|'(?:[^'\\]|\\[\s\S])*'?|`[^`]*`?|#[^\n]*|(?<!\w)[a-zA-Z_][\w:]*|(?<![\w.]|\d[eE][+-])(\d[\d_]*)\.([eE][+-]?\d+)?(?![\w.])/g;

/**
 * `2.` as `2 ` and `2.e3` as `2e3 `: PromQL takes such numbers, the grammar library does not. No offset changes, and
 * strings and comments stay as they are.
 */
export function withoutTrailingDots(source: string): string {
  return source.replace(token, (text, digits?: string, exponent = '') =>
    digits === undefined ? text : `${digits}${exponent} `,
  );
}
