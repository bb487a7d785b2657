import type { ResultChunk } from '../../../lake/session.js';
import { eachLeaf } from '../../attributes/each-attribute.js';
import { lokiLabelName } from '../../attributes/label-name.js';
import { extractedSuffix, pipelineLabels, RowLabels } from './labels.js';
import {
  attributeColumns,
  columnKeys,
  levelOf,
  metadataColumns,
  streamColumns,
  streamSql,
} from './columns.js';
import { isStreamLabel } from './names.js';

const levelColumn = 'detected_level';

/** The expressions that `recordLabels` decodes, in its order. Of the level the column alone, as its whole expression is dear to plan. */
export const recordColumns: readonly string[] = [
  ...streamColumns.map(streamSql),
  ...metadataColumns.map(({ name, sql }) => (name === levelColumn ? levelColumn : sql)),
  ...attributeColumns,
];

const firstMetadata = streamColumns.length;
const firstAttribute = firstMetadata + metadataColumns.length;
const [numberAt, textAt] = ['severity_number', 'severity_text'].map(
  (column) => firstMetadata + metadataColumns.findIndex(({ name }) => name === column),
) as [number, number];
const maxCached = 2000;

type Entries = readonly (readonly [name: string, value: string])[];

/** Decodes all labels of records; resource and scope JSON, which repeats, is decoded once. */
export class RecordDecoder {
  readonly #cache = new Map<string, Entries>();

  /** Labels of row `r`, whose columns start at `offset` in the order of `recordColumns`. */
  labels(chunk: ResultChunk, r: number, offset: number): RowLabels {
    const value = (i: number) => chunk.columns[offset + i]?.[r];
    const text = (i: number) => (value(i) as string | null | undefined) ?? null;
    const stream = new Map<string, string>();
    streamColumns.forEach((name, i) => {
      const found = value(i);
      if (typeof found === 'string' && found !== '') stream.set(name, found);
    });
    const metadata = new Map<string, string>();
    metadataColumns.forEach(({ name }, i) => {
      const found = value(firstMetadata + i);
      if (typeof found === 'string') {
        if (found !== '') metadata.set(name, found);
      } else if (name === levelColumn) metadata.set(name, levelOf(text(numberAt), text(textAt)));
    });
    attributeColumns.forEach((column, i) => {
      const json = value(firstAttribute + i);
      if (typeof json !== 'string') return;
      for (const [name, found] of this.#entries(json, column)) {
        if (found !== '' && !metadata.has(name)) metadata.set(name, found);
      }
    });
    return new RowLabels(stream, metadata);
  }

  #entries(json: string, column: (typeof attributeColumns)[number]): Entries {
    const repeats = column !== 'log_attributes';
    const cached = repeats ? this.#cache.get(json) : undefined;
    if (cached) return cached;
    const entries: [string, string][] = [];
    eachLeaf(json, (key, found, path) => {
      if (column === 'resource_attributes' && path.length === 1 && columnKeys.has(key)) return;
      const name = lokiLabelName(key);
      if (name === '' || pipelineLabels.has(name)) return;
      entries.push([isStreamLabel(name) ? name + extractedSuffix : name, found]);
    });
    if (repeats) {
      if (this.#cache.size >= maxCached) this.#cache.clear();
      this.#cache.set(json, entries);
    }
    return entries;
  }
}

/** Labels of row `r` from one column for each of `names`, starting at `offset`. */
export function namedLabels(
  chunk: ResultChunk,
  r: number,
  offset: number,
  names: readonly string[],
): RowLabels {
  const stream = new Map<string, string>();
  const metadata = new Map<string, string>();
  names.forEach((name, i) => {
    const found = chunk.columns[offset + i]?.[r];
    if (typeof found === 'string' && found !== '') (isStreamLabel(name) ? stream : metadata).set(name, found);
  });
  return new RowLabels(stream, metadata);
}
