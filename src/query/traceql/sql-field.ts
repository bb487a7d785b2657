import { promotedColumns } from '../../schema/index.js';
import type { AttributeField, Field, IntrinsicName } from './ast.js';
import { keyPointer } from '../sql/attributes.js';
import { literal } from '../sql/literal.js';

/** Where SQL finds a field. */
export type Source =
  /** A column of text in which NULL stands for ''. `nullable`: which is missing as well, so that it equals nil. */
  | { readonly kind: 'text'; readonly column: string; readonly nullable?: true }
  /** A column of text, NULL when absent, that holds a string attribute or an id. */
  | { readonly kind: 'optional'; readonly column: string }
  | { readonly kind: 'number'; readonly column: string }
  | { readonly kind: 'enum'; readonly column: string; readonly type: 'status' | 'kind' }
  /**
   * A JSON value of any type. `texts`: the JSON columns in which it lies. `hint`: a column that holds its
   * text whenever it is a scalar. `column`: a column of text that stands in for the JSON.
   */
  | {
      readonly kind: 'json';
      readonly json: string;
      readonly texts: readonly string[];
      readonly hint: string | null;
      readonly column: string | null;
    }
  /** A list of JSON values, one an event or link. */
  | { readonly kind: 'each'; readonly list: string; readonly text: string }
  /** Only known from the whole trace, or not worth SQL. */
  | { readonly kind: 'none' };

const none: Source = { kind: 'none' };

const intrinsics: Partial<Record<IntrinsicName, Source>> = {
  duration: { kind: 'number', column: 'duration_nano' },
  name: { kind: 'text', column: 'span_name' },
  statusMessage: { kind: 'text', column: 'status_message' },
  status: { kind: 'enum', column: 'status_code', type: 'status' },
  kind: { kind: 'enum', column: 'span_kind', type: 'kind' },
  'trace:id': { kind: 'optional', column: 'trace_id' },
  'span:id': { kind: 'optional', column: 'span_id' },
  'span:parentID': { kind: 'optional', column: 'parent_span_id' },
  parent: { kind: 'optional', column: 'parent_span_id' },
  'instrumentation:name': { kind: 'text', column: 'scope_name', nullable: true },
  'instrumentation:version': { kind: 'text', column: 'scope_version', nullable: true },
  'event:name': { kind: 'each', list: `json_extract(events_json, '$[*].name')`, text: 'events_json' },
  'link:traceID': { kind: 'each', list: `json_extract(links_json, '$[*].trace_id')`, text: 'links_json' },
  'link:spanID': { kind: 'each', list: `json_extract(links_json, '$[*].span_id')`, text: 'links_json' },
};

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

export function fieldSource(field: Field): Source {
  if (field.kind === 'intrinsic') return intrinsics[field.name] ?? none;
  if (field.parent) return none;
  const pointer = keyPointer(field.name);
  switch (field.scope) {
    case 'resource': {
      const column = resourceColumns.get(field.name);
      if (column) return { kind: 'optional', column };
      return json('resource_attributes', pointer, hints.get(`resource:${field.name}`));
    }
    case 'span':
      return json('span_attributes', pointer, hints.get(`record:${field.name}`));
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

function json(text: string, pointer: string, hint?: string): Source {
  const value = `json_extract(${text}, ${pointer})`;
  return { kind: 'json', json: value, texts: [text], hint: hint ?? null, column: null };
}

/** The span's own attribute hides the resource's; a JSON null counts as absent. */
function unscoped(field: AttributeField, pointer: string): Source {
  const own = `nullif(json_extract(span_attributes, ${pointer}), 'null')`;
  const column = resourceColumns.get(field.name) ?? null;
  const resource = column === null ? `json_extract(resource_attributes, ${pointer})` : `to_json(${column})`;
  return {
    kind: 'json',
    json: `coalesce(${own}, ${resource})`,
    texts: column === null ? ['span_attributes', 'resource_attributes'] : ['span_attributes'],
    hint: null,
    column,
  };
}

/** Paths with wildcards have no way to quote a quote. */
function entries(column: string, field: AttributeField): Source {
  if (/["\\]/.test(field.name)) return none;
  const path = literal(`$[*].attributes."${field.name}"`);
  return { kind: 'each', list: `json_extract(${column}, ${path})`, text: column };
}
