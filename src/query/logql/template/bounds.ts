import { TemplateError } from './value.js';

/** Longest text that a template, or a function in it, may take or make. */
export const maxLength = 1024 * 1024;

/** Given to or made by a function, they are one step of work. */
export const charactersOfStep = 64;

export function tooLong(): TemplateError {
  return new TemplateError(`a text is longer than ${maxLength} characters`);
}

export function bounded(value: string): string {
  if (value.length > maxLength) throw tooLong();
  return value;
}

/** Replaces every match, and stops as soon as what comes in is too long: a loop may make each text longer than the last. */
export function replaced(value: string, match: string | RegExp, by: (...found: string[]) => string): string {
  let made = 0;
  return bounded(
    value.replaceAll(match, (...found: string[]) => {
      const part = by(...found);
      made += part.length;
      if (made > maxLength) throw tooLong();
      return part;
    }),
  );
}

/** So many parts behind one another, made while they are not too long together. */
export function joined(count: number, part: (i: number) => string): string {
  let out = '';
  for (let i = 0; i < count; i++) out = bounded(out + part(i));
  return out;
}

/** The beginning of a text that is told in an error. */
export function told(value: string): string {
  return value.slice(0, 200).replace(/[\uD800-\uDBFF]$/, '');
}
