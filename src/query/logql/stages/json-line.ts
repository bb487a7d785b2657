import { lokiLabelName } from '../../attributes/label-name.js';
import { eachJsonMember, JsonLineError, scalarText } from './json-members.js';

export const jsonError = 'JSONParserErr';

/** Deeper objects are refused, as each level is looked through for its end first. */
const maxDepth = 128;

/**
 * Every scalar of an object as `a_b` labels; arrays and nulls are left out. `above` and `key` are the names as they are
 * written. Throws JsonLineError.
 */
export function flattenJson(
  text: string,
  emit: (name: string, value: string, above: readonly string[], key: string) => void,
): void {
  const walk = (from: number, to: number, prefix: string, above: readonly string[]) => {
    if (above.length >= maxDepth) throw new JsonLineError(`JSON is nested deeper than ${maxDepth}`);
    eachJsonMember(text, from, to, (key, value) => {
      const name = prefix === '' ? lokiLabelName(key) : below(prefix, key);
      if (value.kind === 'object') walk(value.from, value.to, name, [...above, key]);
      else if (value.kind !== 'array' && value.kind !== 'null' && name !== '')
        emit(name, scalarText(text, value), above, key);
    });
  };
  walk(0, text.length, '', []);
}

/** What is no first character of a name may begin a part of one. */
function below(prefix: string, key: string): string {
  const own = lokiLabelName(`x${key.trim()}`).slice(1);
  return own === '' ? prefix : `${prefix}_${own}`;
}

/** Lines that are plainly no JSON are common; telling them by their first character saves the exception. */
export function startsWith(line: string, ...brackets: string[]): boolean {
  const first = /\S/.exec(line)?.[0];
  return first !== undefined && brackets.includes(first);
}
