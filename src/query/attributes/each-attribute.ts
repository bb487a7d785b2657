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
