import type { Needle } from '../../../lake/session.js';
import type { AttributeKeys } from '../model/attributes.js';
import { attributeTexts } from '../model/names.js';
import { definitionOf, type Stage } from '../stages/index.js';

/** Texts that the bodies of all records hold that a pipeline keeps: one of each list. */
export function bodyWords(stages: readonly Stage[], keys: AttributeKeys): readonly (readonly Needle[])[] {
  const words: (readonly Needle[])[] = [];
  let parses = false;
  /** Labels are those of records and parsers. */
  let untouched = true;
  // What records do not have themselves, nor anything else gives.
  const parsed = (name: string) =>
    parses && untouched && !name.startsWith('__') && attributeTexts(name, keys)?.length === 0;
  for (const stage of stages) {
    const { work, line, words: ofStage } = definitionOf(stage);
    words.push(...(ofStage?.(stage, parsed) ?? []));
    if (line === 'changed') break;
    if (work === 'parses') parses = true;
    else if (work !== 'filters') untouched = false;
  }
  return words;
}
