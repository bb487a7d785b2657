import type { Row } from '../pipeline/stage.js';
import { formatValue } from './format.js';
import type { Value } from './value.js';

export interface Context {
  readonly row: Row;
  /** Counts work that is more than the length of the texts tells. Throws TemplateError when it is too much. */
  work(steps: number): void;
}

/** Go's types, as functions of templates take them. */
export type Parameter = 'string' | 'int' | 'float64' | 'time.Time' | 'time.Duration' | 'any';

export interface TemplateFunction {
  readonly parameters: readonly Parameter[];
  /** Of any further arguments; undefined: there may be none. */
  readonly rest: Parameter | undefined;
  readonly call: (args: readonly Value[], context: Context) => Value;
}

export const functions = new Map<string, TemplateFunction>();

/** `takes`: the types of its parameters, `...any` for any number of them. */
export function define(names: string, takes: string, call: TemplateFunction['call']): void {
  const types = takes.split(' ').filter((type) => type !== '');
  const parameters = types.filter((type) => !type.startsWith('...')) as Parameter[];
  const rest = types.find((type) => type.startsWith('...'))?.slice(3) as Parameter | undefined;
  for (const name of names.split(' ')) functions.set(name, { parameters, rest, call });
}

export function text(value: Value): string {
  return typeof value === 'string' ? value : formatValue(value);
}

export function strings(names: string, count: number, call: (...args: string[]) => Value): void {
  define(names, Array(count).fill('string').join(' '), (args) => call(...args.map(text)));
}
