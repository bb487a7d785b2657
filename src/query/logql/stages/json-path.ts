import { QueryError } from '../../../lake/query-error.js';
import { JsonScanner, JsonSyntaxError } from '../../attributes/json-scanner.js';

export type JsonPath = readonly (string | number)[];

/** Parses `a.b[0]["c d"]`. Throws QueryError. */
export function parseJsonPath(text: string): JsonPath {
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
export function valueAt(text: string, path: JsonPath): string {
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

/** The path as DuckDB takes it; undefined for keys that its paths can't quote. */
export function duckdbPath(path: JsonPath): string | undefined {
  if (path.some((step) => typeof step === 'string' && /["\\]|^\*?$/.test(step))) return undefined;
  return `$${path.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step}"`)).join('')}`;
}
