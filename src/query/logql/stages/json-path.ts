import { StageError } from '../pipeline/stage.js';
import { JsonScanner, JsonSyntaxError } from '../../attributes/json-scanner.js';
import { scalarText, unescapeJson, valueOf, type JsonMember } from './json-members.js';

export type JsonPath = readonly (string | number)[];

/** Parses `a.b[0]["c d"]`. Throws QueryError. */
export function parseJsonPath(text: string): JsonPath {
  const path: (string | number)[] = [];
  const step = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|(\.?)([^.[\]"\s]+)/y;
  while (step.lastIndex < text.length) {
    const reached = step.lastIndex;
    const match = step.exec(text);
    const first = path.length === 0;
    if (!match || (match[4] !== undefined && first !== (match[3] === ''))) {
      throw new StageError(
        `cannot parse expression [${text.slice(0, 100)}]: syntax error: ${jsonFault(text, reached)}`,
      );
    }
    const [, index, quoted, , field] = match;
    if (index !== undefined) path.push(Number(index));
    else path.push(field ?? (quoted ?? '').replaceAll(/\\(.)/g, '$1'));
  }
  if (path.length === 0) {
    throw new StageError('cannot parse expression []: syntax error: unexpected $end, expecting LSB or FIELD');
  }
  return path;
}

/** What Loki says of a path that it can't read from `at` on. */
function jsonFault(text: string, at: number): string {
  const rest = text.slice(at);
  if (rest === '.') return 'unexpected $end, expecting FIELD';
  if (rest === '[') return 'unexpected $end, expecting STRING or INDEX';
  if (/^\[(\d+|"[^"]*")$/.test(rest)) return 'unexpected $end, expecting RSB';
  if (rest.startsWith('.')) return `unexpected ${jsonToken(rest.slice(1))}, expecting FIELD`;
  if (rest.startsWith('[')) return `unexpected ${jsonToken(rest.slice(1))}, expecting STRING or INDEX`;
  return `unexpected ${jsonToken(rest)}`;
}

const jsonTokens: ReadonlyMap<string, string> = new Map([
  ['.', 'DOT'],
  ['[', 'LSB'],
  [']', 'RSB'],
  ['"', 'STRING'],
]);

function jsonToken(text: string): string {
  return jsonTokens.get(text.charAt(0)) ?? (/^\d/.test(text) ? 'INDEX' : text === '' ? '$end' : 'FIELD');
}

/** Thrown where the value was found: of members of one name the first counts. */
class Found extends Error {}

/**
 * The value at a path, empty when it is not there. Only a fault in the value itself counts: what is around it is not
 * looked at closely. Throws JsonLineError.
 */
export function valueAt(text: string, path: JsonPath): string {
  const scanner = new JsonScanner(text);
  let found = '';
  const walk = (depth: number) => {
    const step = path[depth];
    if (step === undefined) {
      found = pathText(text, valueOf(text, scanner.offset, text.length));
      throw new Found();
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
    if (!(error instanceof JsonSyntaxError) && !(error instanceof Found)) throw error;
  }
  return found;
}

/** Objects as they are written, what else has escapes decoded. */
function pathText(text: string, value: JsonMember): string {
  if (value.kind === 'null') return '';
  const shown = scalarText(text, value);
  return value.kind === 'array' ? (unescapeJson(shown) ?? '') : shown;
}

/** The path as DuckDB takes it; undefined for keys that its paths can't quote. */
export function duckdbPath(path: JsonPath): string | undefined {
  if (path.some((step) => typeof step === 'string' && /["\\]|^\*?$/.test(step))) return undefined;
  return `$${path.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step}"`)).join('')}`;
}
