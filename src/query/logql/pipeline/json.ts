import { QueryError } from '../../../lake/query-error.js';
import type { Extraction } from '../syntax/ast.js';
import { JsonScanner, JsonSyntaxError } from '../../attributes/json-scanner.js';
import { lokiLabelName } from '../../attributes/label-name.js';
import type { StageFn } from './row.js';

const jsonError = 'JSONParserErr';
const notAnObject = 'the line is not a JSON object';

/** Every scalar of an object as `a_b` labels; arrays and nulls are left out. Throws JsonSyntaxError. */
export function flattenJson(text: string, emit: (name: string, value: string) => void): void {
  const scanner = new JsonScanner(text);
  if (scanner.peek() !== '{') throw new JsonSyntaxError(notAnObject);
  const walk = (prefix: string) => {
    scanner.object((key) => {
      const name = prefix + lokiLabelName(key);
      const first = scanner.peek();
      if (first === '{') walk(`${name}_`);
      else if (first === '[') scanner.skip();
      else {
        const value = scanner.value();
        if (value !== undefined && name !== '') emit(name, value);
      }
    });
  };
  walk('');
}

/** Lines that are plainly no JSON are common; telling them by their first character saves the exception. */
function startsWith(line: string, ...brackets: string[]): boolean {
  const first = /\S/.exec(line)?.[0];
  return first !== undefined && brackets.includes(first);
}

/** Thrown to stop reading a line that has given all that is wanted of it. */
class Enough extends Error {}

/**
 * `needed`: the only labels that matter later. A line is read until they are found, so that a fault behind them does
 * not count. Undefined: all labels.
 */
export function jsonStage(needed?: readonly string[]): StageFn {
  return ({ line, labels }) => {
    const missing = needed && new Set(needed.filter((name) => !labels.has(name)));
    if (missing?.size === 0) return true;
    if (!startsWith(line, '{')) {
      labels.fail(jsonError, notAnObject);
      return true;
    }
    try {
      flattenJson(line, (name, value) => {
        const key = labels.extract(name, value);
        if (missing?.delete(key) && missing.size === 0) throw new Enough();
      });
    } catch (error) {
      if (error instanceof Enough) return true;
      if (!(error instanceof JsonSyntaxError)) throw error;
      labels.fail(jsonError, error.message);
    }
    return true;
  };
}

type Path = readonly (string | number)[];

/** Parses `a.b[0]["c d"]`. Throws QueryError. */
export function parseJsonPath(text: string): Path {
  const path: (string | number)[] = [];
  const step = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|(\.?)([^.[\]"\s]+)/y;
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    const first = path.length === 0;
    if (!match || (match[4] !== undefined && first !== (match[3] === ''))) {
      throw new QueryError('bad_data', `parse error: ${text.slice(0, 100)} is not a JSON path`);
    }
    const [, index, quoted, , field] = match;
    if (index !== undefined) path.push(Number(index));
    else path.push(field ?? (quoted ?? '').replaceAll(/\\(.)/g, '$1'));
  }
  if (path.length === 0) throw new QueryError('bad_data', 'parse error: a JSON path is empty');
  return path;
}

/**
 * The value at a path, empty when it is not there. Only a fault in the value itself counts: what is around it is not
 * looked at closely. Throws JsonSyntaxError.
 */
function valueAt(text: string, path: Path): string {
  const scanner = new JsonScanner(text);
  let at = 'before' as 'before' | 'in' | 'behind';
  let found = '';
  const walk = (depth: number) => {
    const step = path[depth];
    if (step === undefined) {
      at = 'in';
      found = scanner.value() ?? '';
      at = 'behind';
      return;
    }
    const first = scanner.peek();
    if (first === '{' && typeof step === 'string') {
      scanner.object((key) => (key === step ? walk(depth + 1) : scanner.skip()));
    } else if (first === '[' && typeof step === 'number') {
      scanner.array((index) => (index === step ? walk(depth + 1) : scanner.skip()));
    } else scanner.skip();
  };
  try {
    walk(0);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError) || at === 'in') throw error;
  }
  return found;
}

export function jsonFieldsStage(fields: readonly Extraction[]): StageFn {
  const wanted = fields.map(({ name, path }) => ({ name, path: parseJsonPath(path) }));
  return (row) => {
    if (!startsWith(row.line, '{', '[')) {
      row.labels.fail(jsonError, 'the line is not a JSON object or array');
      return true;
    }
    for (const { name, path } of wanted) {
      let value = '';
      try {
        value = valueAt(row.line, path);
      } catch (error) {
        if (!(error instanceof JsonSyntaxError)) throw error;
        row.labels.fail(jsonError, error.message);
      }
      row.labels.extract(name, value, true);
    }
    return true;
  };
}

/** `unpack`: the string members of an object become labels and its `_entry` the line. */
export function unpackStage(): StageFn {
  return (row) => {
    if (!startsWith(row.line, '{')) {
      row.labels.fail(jsonError, notAnObject);
      return true;
    }
    const found: [string, string][] = [];
    let entry: string | undefined;
    try {
      const scanner = new JsonScanner(row.line);
      scanner.object((key) => {
        if (scanner.peek() !== '"') scanner.skip();
        else if (key === '_entry') entry = scanner.string();
        else found.push([lokiLabelName(key), scanner.string()]);
      });
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      row.labels.fail(jsonError, error.message);
      return true;
    }
    // An object without `_entry` was not packed, so it is left alone.
    if (entry === undefined) return true;
    for (const [name, value] of found) row.labels.extract(name, value);
    row.line = entry;
    return true;
  };
}
