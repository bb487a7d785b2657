import { attributeSource, attributeValue, type AttributeField } from './attributes.js';
import { intrinsics, type IntrinsicName } from './intrinsics.js';
import type { Source } from './source.js';
import type { Span } from './span.js';
import { nil, type Value } from './value.js';

interface IntrinsicField {
  readonly kind: 'intrinsic';
  readonly name: IntrinsicName;
  readonly at: number;
}

/** What a query can ask of a span: an attribute or an intrinsic. */
export type Field = AttributeField | IntrinsicField;

/** Where SQL finds a field. */
export function fieldSource(field: Field): Source {
  return field.kind === 'intrinsic' ? intrinsics[field.name].source : attributeSource(field);
}

/** The same, of a span that was loaded. */
export function fieldValue(span: Span, field: Field): Value {
  return field.kind === 'intrinsic' ? intrinsics[field.name].read(span) : attributeValue(span, field);
}

/** The one value that answers and groups show: of several events or links the first stands for all. */
export function singleValue(span: Span, field: Field): Value {
  const value = fieldValue(span, field);
  return value.type === 'each' ? (value.values[0] ?? nil) : value;
}

/** Whether a field has no value: intrinsics of text are then empty in comparisons, and equal to nil as well. */
export function isMissing(field: Field, value: Value): boolean {
  if (value.type === 'nil') return true;
  if (field.kind !== 'intrinsic' || value.type !== 'string') return false;
  return value.value === '' && intrinsics[field.name].emptyWhenMissing === true;
}

export function isField(expr: { readonly kind: string }): expr is Field {
  return expr.kind === 'attribute' || expr.kind === 'intrinsic';
}

export type EntryScope = 'event' | 'link';

/** Which column of entries a field is looked up in: a span has many of each. */
export function entriesOf(field: Field): EntryScope | null {
  const scope = field.kind === 'attribute' ? field.scope : field.name.split(':')[0];
  return scope === 'event' || scope === 'link' ? scope : null;
}

/** Whether the span alone does not tell it. */
export function needsTrace(field: Field): boolean {
  return field.kind === 'attribute' ? field.parent : intrinsics[field.name].ofTrace === true;
}

/** A field as a query spells it. */
export function fieldName(field: Field): string {
  if (field.kind === 'intrinsic') return field.name;
  const name = /[\s{}()=~!<>&|^,"]/.test(field.name)
    ? `"${field.name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
    : field.name;
  const scope = field.scope === 'none' ? '' : field.scope;
  return `${[field.parent ? 'parent' : '', scope].filter(Boolean).join('.')}.${name}`;
}
