import { aliases, extractedSuffix, pipelineLabels } from './labels.js';
import { attributeSql, firstOf, nothing, type AttributeKeys } from './attributes.js';
import { attributeColumns, metadataColumns, streamColumns, streamSql } from './columns.js';

const metadata = new Map(metadataColumns.map(({ name, sql }) => [name, sql]));

export function isStreamLabel(name: string): boolean {
  return streamColumns.includes(name);
}

/** Labels that every record has, so that no parsed field can take their name. */
export const always: ReadonlySet<string> = new Set(['service_name', 'detected_level']);

/** Nullable VARCHAR expression of a label that a record itself has under this very name. */
export function ownSql(name: string, keys: AttributeKeys): string {
  if (isStreamLabel(name)) return streamSql(name);
  if (pipelineLabels.has(name)) return nothing;
  const column = metadata.get(name);
  const base = name.endsWith(extractedSuffix) ? name.slice(0, -extractedSuffix.length) : '';
  if (isStreamLabel(base)) {
    return firstOf([attributeSql(base, keys), attributeSql(name, keys)]);
  }
  if (name === 'detected_level') return column as string;
  const attribute = attributeSql(name, keys);
  return column === undefined ? attribute : firstOf([column, attribute]);
}

/** As `ownSql`, with the label that the name stands for where a record has none of its own. */
export function labelSql(name: string, keys: AttributeKeys): string {
  const alias = aliases.get(name);
  const own = ownSql(name, keys);
  return alias === undefined ? own : firstOf([own, ownSql(alias, keys)]);
}

/**
 * The columns in whose JSON text a label's value can be found; undefined for labels that are also elsewhere, or
 * whose key is not known to be in one of few.
 */
export function attributeTexts(name: string, keys: AttributeKeys): readonly string[] | undefined {
  const elsewhere = isStreamLabel(name) || metadata.has(name) || aliases.has(name);
  if (elsewhere || name.endsWith(extractedSuffix)) return undefined;
  return attributeColumns
    .filter((column) => keys.paths(name, column)?.length !== 0)
    .map((column) => keys.texts(name, column));
}

/** A selector's label of this name, and the level, are columns of the streams' metadata. */
function isStreamMatcher({ name }: { readonly name: string }): boolean {
  return isStreamLabel(name) || name === 'level' || name === 'detected_level';
}

/** Whether the metadata of streams tell these labels of records, and what these matchers select. */
export function isOfStreams(
  names: readonly string[],
  matchers: readonly { readonly name: string }[],
  keys: AttributeKeys,
): boolean {
  const known = (name: string) =>
    isStreamLabel(name) || name === 'detected_level' || (name === 'level' && keys.lacks('level'));
  return names.every(known) && matchers.every(isStreamMatcher);
}

/** The key of log attributes that alone gives a label of this name, whatever record it is of; undefined when that is not known, or it is elsewhere. */
export function onlyKey(name: string, keys: AttributeKeys): string | undefined {
  if (pipelineLabels.has(name)) return undefined;
  const texts = attributeTexts(name, keys);
  return texts?.length === 1 && keys.paths(name, 'log_attributes')?.length === 1 ? keys.key(name) : undefined;
}
