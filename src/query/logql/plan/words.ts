import { columnName } from '../../../lake/attribute-columns/index.js';
import type { Needle } from '../../../lake/session.js';
import type { AttributeKeys } from '../model/attributes.js';
import { pipelineLabels } from '../model/labels.js';
import { attributeTexts } from '../model/names.js';
import { literalValues } from '../pipeline/condition.js';
import type { ValuePlace } from '../pipeline/stage.js';
import { definitionOf } from '../stages/index.js';
import type { LogExpr } from '../syntax/ast.js';

/** Texts and values that all records have that a query keeps: one of each list. */
export function wordsOf({ matchers, stages }: LogExpr, keys: AttributeKeys): readonly (readonly Needle[])[] {
  const words: (readonly Needle[])[] = [];
  let parses = false;
  /** Labels are those of records and parsers. */
  let untouched = true;
  const place = (name: string): ValuePlace | null => {
    if (!untouched || pipelineLabels.has(name)) return null;
    return parses ? lineOf(name, keys) : columnOf(name, keys);
  };
  for (const matcher of matchers) {
    const [at, texts] = [columnOf(matcher.name, keys), literalValues(matcher)];
    if (at && texts.length > 0) words.push(texts.map((text) => ({ text, ...at })));
  }
  for (const stage of stages) {
    const definition = definitionOf(stage);
    const { work, line } = definition;
    words.push(...(definition.words?.(stage, place) ?? []));
    if (line === 'changed') break;
    if (work === 'parses') parses = true;
    else if (work !== 'filters') untouched = false;
  }
  return words;
}

/** What records do not have themselves, parsers take from the line's own text, in which JSON and logfmt may have escapes. */
function lineOf(name: string, keys: AttributeKeys): ValuePlace | null {
  return attributeTexts(name, keys)?.length === 0 ? { escaped: true } : null;
}

/** The column of data files that a label is, whatever the record. */
function columnOf(name: string, keys: AttributeKeys): ValuePlace | null {
  if (name === 'trace_id' || name === 'span_id') return keys.lacks(name) ? { column: name } : null;
  const key = keys.key(name);
  if (key === undefined || attributeTexts(name, keys)?.length !== 1) return null;
  return { column: columnName({ kind: 'text', origin: 'log_attributes', key }) };
}
