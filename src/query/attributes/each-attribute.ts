import { JsonScanner, JsonSyntaxError } from './json-scanner.js';

/**
 * Every top-level attribute of JSON text, in the order of the text, with its value as a label has it: strings
 * decoded, everything else as it is written. Nulls, and text that is no JSON object, give nothing.
 */
export function eachAttribute(json: string, emit: (key: string, value: string) => void): void {
  try {
    const scanner = new JsonScanner(json);
    scanner.object((key) => {
      const value = scanner.value();
      if (value !== undefined) emit(key, value);
    });
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
  }
}

/**
 * As `eachAttribute`, with the members of objects as attributes of their own: `{"a":{"b":1}}` gives `a_b`, as Loki
 * names it. `path`: the keys down to the value.
 */
export function eachLeaf(
  json: string,
  emit: (name: string, value: string, path: readonly string[]) => void,
): void {
  try {
    const scanner = new JsonScanner(json);
    const members = (above: readonly string[]) => {
      scanner.object((key) => {
        const path = [...above, key];
        if (scanner.peek() === '{') return members(path);
        const value = scanner.value();
        if (value !== undefined) emit(path.join('_'), value, path);
      });
    };
    members([]);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
  }
}
