import type { SqlValue } from '../../../lake/session.js';
import { metricName } from '../../series/labels.js';
import type { Window } from '../plan/plan.js';
import { promoted, resourcePrefix, scopeColumns, scopePrefix } from './identity.js';
import { literalAlternatives, type CompiledMatcher } from '../../series/matchers.js';
import type { Source } from './sources.js';
import { conflictLabels } from './store.js';

export interface Predicate {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

export function allOf(predicates: readonly Predicate[]): Predicate {
  return {
    sql: predicates.map((p) => `(${p.sql})`).join(' AND ') || 'true',
    params: predicates.flatMap((p) => p.params),
  };
}

/** Samples after `from`, up to and including `to`, both in milliseconds. Literals, so that day partitions are pruned. */
export function inWindow(window: Window): Predicate {
  const bound = (ms: number) => `TIMESTAMP '${timestampText(ms)}'`;
  return {
    sql: `timestamp >= ${bound(window.from + 1)} AND timestamp < ${bound(window.to + 1)}`,
    params: [],
  };
}

const earliest = Date.parse('0001-01-01T00:00:00Z');
const latest = Date.parse('9999-12-31T23:59:59Z');

function timestampText(ms: number): string {
  const bounded = Math.min(Math.max(Math.floor(ms), earliest), latest);
  return new Date(bounded).toISOString().replace('T', ' ').replace('Z', '');
}

export function nameIs(source: Source): Predicate | undefined {
  if (!source.baseNames) return undefined;
  const marks = source.baseNames.map(() => '?').join(', ');
  const column = source.original ? 'metric_name' : 'prometheus_name';
  return { sql: `${column} IN (${marks})`, params: source.baseNames };
}

const job = `CASE WHEN service_namespace IS NULL THEN service_name ELSE service_namespace || '/' || service_name END`;

/**
 * What SQL can check of the matchers, so that fewer rows are read: never too strict, the matchers are applied
 * to the labels afterwards. Only matchers that name their values are used.
 */
export function pushedDown(matchers: readonly CompiledMatcher[]): Predicate[] {
  return matchers.flatMap((matcher): Predicate[] => {
    const values = wantedValues(matcher);
    if (!values || !isStored(matcher.name)) return [];
    const marks = values.map(() => '?').join(', ');
    if (matcher.name === 'job') return derived(job, 'service_name', values);
    if (matcher.name === 'instance') return derived('service_instance_id', 'service_instance_id', values);
    const scope = scopeColumns.get(matcher.name);
    if (scope !== undefined) return derived(scope, scope, values);
    const texts = values.every(verbatimInJson) ? inAttributes(values, matcher.name) : undefined;
    if (!texts) return [];
    if (matcher.name === 'service_name' || promoted.includes(matcher.name)) {
      return [{ sql: `${matcher.name} IN (${marks}) OR ${texts.sql}`, params: [...values, ...texts.params] }];
    }
    return [texts];
  });
}

/** Whether a label's value is somewhere in the row as it is. */
function isStored(name: string): boolean {
  if (name === metricName || name === 'le' || name === 'quantile' || conflictLabels.has(name)) return false;
  return !name.startsWith(resourcePrefix) && !name.startsWith('exported_');
}

/** The values that a matcher lets through, when they can be listed and a missing label is none of them. */
function wantedValues({ op, value }: CompiledMatcher): string[] | undefined {
  const values = op === '=' ? [value] : op === '=~' ? [...(literalAlternatives(value) ?? [])] : [];
  return values.length > 0 && values.length <= 50 && !values.includes('') ? values : undefined;
}

function derived(expression: string, presence: string, values: string[]): Predicate[] {
  const marks = values.map(() => '?').join(', ');
  return [{ sql: `${expression} IN (${marks}) OR ${presence} IS NULL`, params: values }];
}

function inAttributes(values: readonly string[], label: string): Predicate {
  const columns = label.startsWith(scopePrefix)
    ? ['metric_attributes', 'scope_attributes']
    : ['metric_attributes'];
  return {
    sql: columns.flatMap((column) => values.map(() => `contains(${column}, ?)`)).join(' OR '),
    params: columns.flatMap(() => values),
  };
}

/** Whether JSON text holds the value as it is: no escapes, no number that could be written another way, no joined values. */
function verbatimInJson(value: string): boolean {
  return /^[\w .:/@-]+$/.test(value) && !/^-?[\d.]+e/i.test(value);
}
