import { exactly, or, atLeast, type Fragment } from '../../sql/fragment.js';
import { literal, literalList } from '../../sql/literal.js';
import type { MetadataWindow } from '../../sql/metadata.js';
import { timeWindow } from '../../sql/time-window.js';
import { metricName } from '../../series/labels.js';
import type { CompiledMatcher } from '../../series/matchers.js';
import { conflictLabels } from '../../series/samples.js';
import { literalAlternatives } from '../../text/re2.js';
import type { Window } from '../plan/times.js';
import { labelName } from '../../attributes/label-name.js';
import { promoted, resourcePrefix, scopeColumns, scopePrefix } from './identity.js';
import type { Source } from './sources.js';

/** Samples after `from`, up to and including `to`, both in milliseconds. */
export function inWindow(window: Window): Fragment {
  return timeWindow(nanoseconds(window.from + 1), nanoseconds(window.to + 1));
}

/** The same window for `metadataSource`. */
export function metadataWindow(window: Window): MetadataWindow {
  return {
    from: nanoseconds(window.from + 1),
    until: nanoseconds(window.to + 1),
    where: inWindow(window).sql,
  };
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * 1_000_000n;
}

export function nameIs(source: Source): Fragment | undefined {
  if (!source.baseNames) return undefined;
  const column = source.original ? 'metric_name' : 'prometheus_name';
  return exactly(`${column} IN ${literalList(source.baseNames)}`);
}

const job = `CASE WHEN service_namespace IS NULL THEN service_name ELSE service_namespace || '/' || service_name END`;

const instance = 'coalesce(service_instance_id, derived_instance_id)';

/**
 * What SQL can check of the matchers, so that fewer rows are read: never too strict, the matchers are applied
 * to the labels afterwards. Only matchers that name their values are used.
 */
export function pushedDown(matchers: readonly CompiledMatcher[]): Fragment[] {
  return matchers.flatMap((matcher): Fragment[] => {
    const values = wantedValues(matcher);
    // Of a quoted name, what an attribute of that name becomes.
    const name = labelName(matcher.name);
    if (!values || !isStored(name)) return [];
    if (name === 'job') return [derived(job, 'service_name', values)];
    if (name === 'instance') return [derived(instance, instance, values)];
    const scope = scopeColumns.get(name);
    if (scope !== undefined) return [derived(scope, scope, values)];
    if (!values.every(verbatimInJson)) return [];
    const texts = inAttributes(values, name);
    return name === 'service_name' || promoted.includes(name)
      ? [atLeast(`${name} IN ${literalList(values)} OR ${texts}`)]
      : [atLeast(texts)];
  });
}

/** Whether a label's value is somewhere in the row as it is. */
function isStored(name: string): boolean {
  if (name === metricName || name === 'le' || name === 'quantile' || conflictLabels.has(name)) return false;
  return !name.startsWith(resourcePrefix) && !name.startsWith('exported_');
}

/** The values that a matcher lets through, when they can be listed and a missing label is none of them. */
export function wantedValues({ op, value }: CompiledMatcher): string[] | undefined {
  const values = op === '=' ? [value] : op === '=~' ? [...(literalAlternatives(value) ?? [])] : [];
  return values.length > 0 && values.length <= 50 && !values.includes('') ? values : undefined;
}

function derived(expression: string, presence: string, values: readonly string[]): Fragment {
  return atLeast(`${expression} IN ${literalList(values)} OR ${presence} IS NULL`);
}

function inAttributes(values: readonly string[], label: string): string {
  const columns = label.startsWith(scopePrefix)
    ? ['metric_attributes', 'scope_attributes']
    : ['metric_attributes'];
  return or(columns.flatMap((column) => values.map((value) => `contains(${column}, ${literal(value)})`)));
}

/** Whether JSON text holds the value as it is: no escapes, no number that could be written another way, no joined values. */
function verbatimInJson(value: string): boolean {
  return /^[\w .:/@-]+$/.test(value) && !/^-?[\d.]+e/i.test(value);
}
