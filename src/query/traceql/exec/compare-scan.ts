import { QueryError } from '../../../lake/query-error.js';
import type { QueryContext } from '../../server/guard.js';
import { columnsFor } from '../load/traces.js';
import { fieldName, fieldValue, type Field } from '../model/field.js';
import type { Span } from '../model/span.js';
import { fromJson, groupKey, nil, text, type Value } from '../model/value.js';
import { fieldsOf } from '../plan/fields.js';
import type { FieldExpr, MetricsCompare, Pipeline } from '../syntax/ast.js';
import { compileCondition } from './evaluate.js';
import { matchedSpans } from './matched-spans.js';
import type { Exemplar, SeriesSet } from './metric-series.js';
import type { Label, MetricsOptions } from './metrics-options.js';

export const comparedIntrinsics = [
  ...(['name', 'kind', 'status', 'statusMessage', 'rootName', 'rootServiceName'] as const),
  ...(['instrumentation:name', 'instrumentation:version'] as const),
] as const;

export const comparedScopes = ['span', 'resource', 'instrumentation'] as const;

export interface CompareQuery {
  readonly pipeline: Pipeline;
  readonly conditions: readonly FieldExpr[] | null;
  readonly compare: MetricsCompare;
  readonly options: MetricsOptions;
}

/** Of one value of an attribute, or of all: spans by interval. */
interface Counted {
  readonly value: Value;
  total: number;
  readonly byInterval: Map<number, number>;
  readonly exemplars: Map<number, Exemplar>;
}

const maxValues = 1_000_000;

/** compare() span by span, for what SQL can't say; of how many spans. */
export async function scanCompare(
  ctx: QueryContext,
  { pipeline, conditions, compare, options }: CompareQuery,
  series: SeriesSet,
): Promise<number> {
  const { range } = options;
  const selected = compileCondition(compare.selection.condition);
  const shown = comparedIntrinsics.map((name): Field => ({ kind: 'intrinsic', name, at: 0 }));
  const columns = {
    ...columnsFor([...fieldsOf(pipeline), ...fieldsOf({ elements: [compare.selection] })]),
    ...{ spanAttributes: true, resourceAttributes: true, scopeAttributes: true },
  };
  const groups = { selection: new Groups(), baseline: new Groups() };
  let spans = 0;
  for await (const span of matchedSpans(ctx, { pipeline, conditions, columns, range, wholeTraces: true })) {
    spans++;
    const { start, traceId } = span.row;
    const inWindow = !compare.window || (start >= compare.window.start && start < compare.window.end);
    const group = inWindow && selected(span) ? groups.selection : groups.baseline;
    const interval = Number((start - range.start) / range.step);
    const exemplar = { traceId, time: start, value: null };
    for (const field of shown) group.add(fieldName(field), fieldValue(span, field), interval, exemplar);
    for (const [name, value] of attributesOf(span)) group.add(name, value, interval, exemplar);
    if (groups.selection.size + groups.baseline.size > maxValues) {
      throw new QueryError('limit', `compare() finds more than ${maxValues} values of attributes`);
    }
  }
  for (const [meta, group] of Object.entries(groups)) {
    const set = (type: string, name: string, { value, byInterval, exemplars }: Counted) => {
      const labels: Label[] = [
        ['__meta_type', text(type)],
        [name, value],
      ];
      for (const [interval, count] of byInterval) {
        series.set(labels, interval, count, options.exemplars > 0 ? exemplars.get(interval) : null);
      }
    };
    for (const [name, { total, values }] of group.byName) {
      set(`${meta}_total`, name, total);
      const ranked = [...values.values()].sort((a, b) => b.total - a.total);
      for (const counted of ranked.slice(0, compare.topN)) set(meta, name, counted);
      if (ranked.length > compare.topN) {
        series.addEmpty(tooManyValues(name));
      }
    }
  }
  return spans;
}

/** Stands in the answer for an attribute with more values than are shown. */
export function tooManyValues(name: string): Label[] {
  return [
    ['__meta_error', text('__too_many_values__')],
    [name, nil],
  ];
}

class Groups {
  readonly byName = new Map<string, { total: Counted; values: Map<string, Counted> }>();
  size = 0;

  add(name: string, value: Value, interval: number, exemplar: Exemplar): void {
    if (value.type === 'nil' || value.type === 'map') return;
    let group = this.byName.get(name);
    if (!group) this.byName.set(name, (group = { total: counted(nil), values: new Map() }));
    const key = groupKey(value);
    let one = group.values.get(key);
    if (!one) {
      group.values.set(key, (one = counted(value)));
      this.size++;
    }
    for (const each of [one, group.total]) {
      each.total++;
      each.byInterval.set(interval, (each.byInterval.get(interval) ?? 0) + 1);
    }
    const known = group.total.exemplars.get(interval);
    if (known === undefined || precedes(exemplar, known)) group.total.exemplars.set(interval, exemplar);
  }
}

/** Whatever order spans are read in, the same one is shown. */
function precedes(a: Exemplar, b: Exemplar): boolean {
  return a.time === b.time ? a.traceId < b.traceId : a.time < b.time;
}

function counted(value: Value): Counted {
  return { value, total: 0, byInterval: new Map(), exemplars: new Map() };
}

function* attributesOf(span: Span): Generator<[string, Value]> {
  const maps = [span.attributes, span.resourceAttributes, span.scopeAttributes];
  for (const [i, scope] of comparedScopes.entries()) {
    for (const [name, json] of maps[i] ?? []) {
      yield [fieldName({ kind: 'attribute', scope, name, parent: false, at: 0 }), fromJson(json)];
    }
  }
}
