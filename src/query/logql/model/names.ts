import { aliases, extractedSuffix } from './labels.js';
import { attributeSql, type KeyHints } from './attributes.js';
import { metadataColumns, streamColumns, streamSql } from './columns.js';

const metadata = new Map(metadataColumns.map(({ name, sql }) => [name, sql]));

export function isStreamLabel(name: string): boolean {
  return streamColumns.includes(name);
}

/** Labels that every record has, so that no parsed field can take their name. */
export const always: ReadonlySet<string> = new Set(['service_name', 'detected_level']);

/** Nullable VARCHAR expression of a label that a record itself has under this very name. */
export function ownSql(name: string, hints: KeyHints): string {
  if (isStreamLabel(name)) return streamSql(name);
  const column = metadata.get(name);
  const base = name.endsWith(extractedSuffix) ? name.slice(0, -extractedSuffix.length) : '';
  if (isStreamLabel(base)) {
    return `coalesce(${attributeSql(base, hints.keys(base))}, ${attributeSql(name, hints.keys(name))})`;
  }
  if (name === 'detected_level') return column as string;
  const attribute = attributeSql(name, hints.keys(name));
  return column === undefined ? attribute : `coalesce(${column}, ${attribute})`;
}

/** As `ownSql`, with the label that the name stands for where a record has none of its own. */
export function labelSql(name: string, hints: KeyHints): string {
  const alias = aliases.get(name);
  const own = ownSql(name, hints);
  return alias === undefined ? own : `coalesce(${own}, ${ownSql(alias, hints)})`;
}
