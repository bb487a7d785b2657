import { ident } from '../../../duckdb/index.js';
import { mayHaveColumn, typedColumn } from '../../../lake/attribute-columns/index.js';
import { promotedColumns } from '../../../schema/index.js';
import type { AttributeMap } from '../../attributes/typed-json.js';
import { keyPointer } from '../../sql/attributes.js';
import { literal } from '../../sql/literal.js';
import { nowhere, type Source } from './source.js';
import type { Span } from './span.js';
import { eachOf, fromJson, nil, type Value } from './value.js';

export type AttributeScope = 'none' | 'resource' | 'span' | 'event' | 'link' | 'instrumentation';

export interface AttributeField {
  readonly kind: 'attribute';
  readonly scope: AttributeScope;
  readonly name: string;
  /** Looked up on the parent span. */
  readonly parent: boolean;
  readonly at: number;
}

/** Resource attributes with a column of their own whose values the semantic conventions define as strings. */
const resourceColumns: ReadonlyMap<string, string> = new Map([
  ['service.name', 'service_name'],
  ['service.namespace', 'service_namespace'],
  ['service.instance.id', 'service_instance_id'],
  ...promotedColumns('traces')
    .filter((promoted) => promoted.from === 'resource' && promoted.keys.length === 1)
    .map((promoted) => [promoted.keys[0] ?? '', promoted.column] as const),
]);

/**
 * Columns that hold the text of the attribute whenever it is there. Only a promoted attribute's first key
 * is always what its column holds; the older names give way to it.
 */
const hints = new Map(
  promotedColumns('traces').map(({ from, keys, column }) => [`${from}:${keys[0]}`, column] as const),
);

export function attributeSource(field: AttributeField): Source {
  if (field.parent) return nowhere;
  const pointer = keyPointer(field.name);
  switch (field.scope) {
    case 'resource': {
      const column = resourceColumns.get(field.name);
      if (column) return { kind: 'optional', column };
      return json('resource_attributes', pointer, hints.get(`resource:${field.name}`));
    }
    case 'span':
      return ofSpan(field.name, hints.get(`record:${field.name}`));
    case 'instrumentation':
      return json('scope_attributes', pointer);
    case 'none':
      return unscoped(field, pointer);
    case 'event':
      return entries('events_json', field);
    case 'link':
      return entries('links_json', field);
  }
}

/** The same, of a span that was loaded. */
export function attributeValue(span: Span, field: AttributeField): Value {
  if (field.parent) return span.parent ? attributeValue(span.parent, { ...field, parent: false }) : nil;
  const { name } = field;
  switch (field.scope) {
    case 'resource':
      return fromJson(span.resource(name));
    case 'span':
      return fromJson(span.attributes.get(name));
    case 'instrumentation':
      return fromJson(span.scope(name));
    case 'none': {
      const own = fromJson(span.attributes.get(name));
      return own.type === 'nil' ? fromJson(span.resource(name)) : own;
    }
    case 'event':
      return eachOf(span.events.map((event) => nested(event, name)));
    case 'link':
      return eachOf(span.links.map((link) => nested(link, name)));
  }
}

function nested(entry: AttributeMap, name: string): Value {
  const attributes = entry.get('attributes');
  return attributes instanceof Map ? fromJson(attributes.get(name)) : nil;
}

function json(text: string, pointer: string, hint?: string): Extract<Source, { kind: 'json' }> {
  const value = `json_extract(${text}, ${pointer})::VARCHAR`;
  return { kind: 'json', json: value, list: null, texts: [text], hint: hint ?? null, column: null };
}

/** Of what `spanRows` gives: the value may have a column of its own. */
function ofSpan(name: string, hint?: string): Extract<Source, { kind: 'json' }> {
  if (!mayHaveColumn(name)) return json('span_attributes', keyPointer(name), hint);
  const column = (of: 'value' | 'list' | 'text') => ident(typedColumn(of, name));
  return {
    ...{ kind: 'json', json: column('value'), list: column('list'), texts: [column('text')] },
    ...{ hint: hint ?? null, column: null },
  };
}

/** The span's own attribute hides the resource's; a JSON null counts as absent. */
function unscoped(field: AttributeField, pointer: string): Source {
  const own = ofSpan(field.name);
  const column = resourceColumns.get(field.name) ?? null;
  const resource = column === null ? `json_extract(resource_attributes, ${pointer})` : `to_json(${column})`;
  return {
    kind: 'json',
    json: `coalesce(nullif(${own.json}, 'null'), ${resource}::VARCHAR)`,
    list: null,
    texts: column === null ? [...own.texts, 'resource_attributes'] : own.texts,
    hint: null,
    column,
  };
}

/** Paths with wildcards have no way to quote a quote. */
function entries(column: string, field: AttributeField): Source {
  if (/["\\]/.test(field.name)) return nowhere;
  const path = literal(`$[*].attributes."${field.name}"`);
  return { kind: 'each', list: `json_extract(${column}, ${path})`, text: column };
}
