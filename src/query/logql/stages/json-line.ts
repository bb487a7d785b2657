import { JsonScanner, JsonSyntaxError } from '../../attributes/json-scanner.js';
import { lokiLabelName } from '../../attributes/label-name.js';

export const jsonError = 'JSONParserErr';
export const notAnObject = `Value looks like object, but can't find closing '}' symbol`;

/**
 * Every scalar of an object as `a_b` labels; arrays and nulls are left out. `above` and `key` are the names as they are
 * written. Throws JsonSyntaxError.
 */
export function flattenJson(
  text: string,
  emit: (name: string, value: string, above: readonly string[], key: string) => void,
): void {
  const scanner = new JsonScanner(text);
  if (scanner.peek() !== '{') throw new JsonSyntaxError(notAnObject);
  const walk = (prefix: string, above: readonly string[]) => {
    scanner.object((key) => {
      const name = prefix + lokiLabelName(key);
      const first = scanner.peek();
      if (first === '{') walk(`${name}_`, [...above, key]);
      else if (first === '[') scanner.skip();
      else {
        const value = scanner.value();
        if (value !== undefined && name !== '') emit(name, value, above, key);
      }
    });
  };
  walk('', []);
}

/** Lines that are plainly no JSON are common; telling them by their first character saves the exception. */
export function startsWith(line: string, ...brackets: string[]): boolean {
  const first = /\S/.exec(line)?.[0];
  return first !== undefined && brackets.includes(first);
}
