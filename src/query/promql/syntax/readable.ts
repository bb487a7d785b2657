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

/** Functions that the grammar library does not know, by one of the same length that it does. */
const standIns: ReadonlyMap<string, string> = new Map([
  ['integral', 'increase'],
  ['min_of', 'minute'],
  ['max_of', 'minute'],
]);
const called =
  /"(?:[^"\\]|\\[\s\S])*"?|'(?:[^'\\]|\\[\s\S])*'?|`[^`]*`?|#[^\n]*|(?<![\w:.])([a-zA-Z_]\w*)(?=\s*\()/g;

/** With names of functions that the grammar does not know, or not in capitals, as others of the same length. */
export function withKnownFunctions(source: string): string {
  return source.replace(called, (text, name?: string) => {
    if (name === undefined) return text;
    return standIns.get(name) ?? (/^(step|range)$/i.test(name) ? name.toLowerCase() : text);
  });
}
