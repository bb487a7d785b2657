import { entriesOf, type EntryScope } from '../model/field.js';
import type { FieldExpr } from '../syntax/ast.js';
import { exprFields } from './fields.js';

/** Whether a condition names a field of the span's events, and of its links. */
export function entryScopes(condition: FieldExpr): ReadonlySet<EntryScope> {
  return new Set(exprFields(condition).flatMap((field) => entriesOf(field) ?? []));
}

/**
 * The scopes of which a condition names several fields: all of them are then asked of one and the same event or link.
 * With a single field it makes no difference.
 */
export function joinedScopes(condition: FieldExpr): ReadonlySet<EntryScope> {
  const named = exprFields(condition).flatMap((field) => entriesOf(field) ?? []);
  return new Set(named.filter((scope, i) => named.indexOf(scope) !== i));
}
