import type { Needle } from '../../../lake/session.js';
import { definitionOf, type Stage } from '../stages/index.js';

/** Texts that the bodies of all records hold that a pipeline keeps: one of each list. */
export function bodyWords(stages: readonly Stage[]): readonly (readonly Needle[])[] {
  const words: (readonly Needle[])[] = [];
  for (const stage of stages) {
    const definition = definitionOf(stage);
    words.push(...(definition.words?.(stage) ?? []));
    if (definition.line === 'changed') break;
  }
  return words;
}
