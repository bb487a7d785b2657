import { promotedColumns } from '../../../schema/index.js';
import { eachAttribute } from '../../attributes/each-attribute.js';
import { labelName } from '../../attributes/label-name.js';
import { Labels, metricName } from '../../series/labels.js';
import { targetInfo } from './sources.js';

export const resourceColumns = [
  'service_namespace',
  'service_name',
  'service_instance_id',
  'derived_instance_id',
] as const;
export const promoted = promotedColumns('metrics').map((attribute) => attribute.column);

/** The labels of the scope that have columns. */
export const scopeColumns = new Map([
  ['otel_scope_name', 'scope_name'],
  ['otel_scope_version', 'scope_version'],
  ['otel_scope_schema_url', 'scope_schema_url'],
]);
export const scopePrefix = 'otel_scope_';

/** Columns that tell series apart; `scope`: also by instrumentation scope. */
export function identityColumns(scope: boolean): string[] {
  return [
    'prometheus_name',
    'metric_name',
    'metric_attributes',
    ...resourceColumns,
    ...promoted,
    ...(scope ? [...scopeColumns.values(), 'scope_attributes'] : []),
  ];
}

/**
 * Labels of a metric's series, without its name: attributes first; service_name and the promoted resource
 * columns where no attribute has that name; then the scope; `job` and `instance` of the resource over everything.
 * What a label of the scope or the resource hides is kept: as `exported_<name>`, Prometheus' own prefix for it;
 * a promoted resource attribute that gives way to the point's own as `resource_<name>`.
 */
export function pointLabels(column: (name: string) => string | null): [string, string][] {
  const labels = attributeLabels(column('metric_attributes'));
  for (const name of ['service_name', ...promoted]) {
    const value = column(name);
    if (value === null) continue;
    const own = labels.get(name);
    if (own === undefined) labels.set(name, value);
    // The name of the service is in `job` all the same.
    else if (own !== value && name !== 'service_name') addFree(labels, `${resourcePrefix}${name}`, value);
  }
  for (const [name, value] of [...scopeLabels(column), ...targetLabels(column)]) {
    const own = labels.get(name);
    labels.set(name, value);
    if (own !== undefined && own !== value) addFree(labels, `${exportedPrefix}${name}`, own);
  }
  return [...labels];
}

export const resourcePrefix = 'resource_';
const exportedPrefix = 'exported_';

function addFree(labels: Map<string, string>, name: string, value: string): void {
  let free = name;
  while (labels.has(free)) free = `${exportedPrefix}${free}`;
  labels.set(free, value);
}

/** OpenTelemetry's Prometheus compatibility specification, "Instrumentation Scope". */
function scopeLabels(column: (name: string) => string | null): [string, string][] {
  const own = [...scopeColumns].flatMap(([label, name]): [string, string][] => {
    const value = column(name);
    return value ? [[label, value]] : [];
  });
  return [...attributeLabels(column('scope_attributes'), scopePrefix), ...own];
}

/**
 * `job` and `instance`, as the OpenTelemetry compatibility specification derives them from the resource; `instance` of a
 * resource without service.instance.id from what else tells its processes apart.
 */
function targetLabels(column: (name: string) => string | null): [string, string][] {
  const [namespace, service, given, derived] = resourceColumns.map(column);
  const instance = given ?? derived;
  const out: [string, string][] = [];
  if (service) out.push(['job', namespace ? `${namespace}/${service}` : service]);
  if (instance) out.push(['instance', instance]);
  return out;
}

const identifying = new Set(['service_name', 'service_namespace', 'service_instance_id']);

/** Labels of `target_info`, or null for a resource without identity or without anything more to tell. */
export function targetInfoLabels(column: (name: string) => string | null): Labels | null {
  const target = targetLabels(column);
  const attributes = [...attributeLabels(column('resource_attributes'))].filter(
    ([name]) => !identifying.has(name),
  );
  if (target.length === 0 || attributes.length === 0) return null;
  return Labels.of([...attributes, ...target, [metricName, targetInfo]]);
}

/** Whether attributes are labels of Prometheus, as one that is `__name__` tells. */
export function isOfPrometheus(json: string | null): boolean {
  let found = false;
  // Few have the word at all.
  if (json?.includes(metricName)) eachAttribute(json, (key) => (found ||= key === metricName));
  return found;
}

/**
 * Attribute keys as label names; values of keys that become one name are joined with `;` in key order. Where one is `__name__` they are
 * labels of Prometheus, and stay as they are.
 */
function attributeLabels(json: string | null, prefix = ''): Map<string, string> {
  const attributes: [key: string, value: string][] = [];
  if (json) eachAttribute(json, (key, value) => attributes.push([key, value]));
  if (prefix === '' && attributes.some(([key]) => key === metricName)) {
    return new Map(attributes.filter(([key]) => key !== metricName));
  }
  const labels = new Map<string, string>();
  for (const [key, value] of attributes.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    if (value === '') continue;
    const name = labelName(prefix + key);
    const before = labels.get(name);
    labels.set(name, before === undefined ? value : `${before};${value}`);
  }
  return labels;
}
