import { parseTypedJson } from '../../attributes/typed-json.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { spanRows } from '../load/rows.js';
import { tracePadding } from '../load/traces.js';
import { fieldName, type Field } from '../model/field.js';
import { startsWithin, type TimeRange } from '../model/time.js';
import { fromJson, kindNames, nil, statusNames, text, type Value } from '../model/value.js';
import { exprFields } from '../plan/fields.js';
import { filterSql } from '../plan/filter.js';
import type { FieldExpr, MetricsCompare, Pipeline } from '../syntax/ast.js';
import { comparedIntrinsics, comparedScopes, scanCompare, tooManyValues } from './compare-scan.js';
import type { Exemplar, SeriesSet } from './metric-series.js';
import type { Label, MetricsOptions, MetricsRange } from './metrics-options.js';

/**
 * compare(): how often each value of each attribute occurs on the spans of the selection and on the others (the baseline),
 * the most frequent values of each, the totals, and which attributes have more values than are shown. Attributes that are
 * maps are left out, as are durations, times and ids. Gives how many spans there are.
 */
export async function compareMetrics(
  ctx: QueryContext,
  pipeline: Pipeline,
  conditions: readonly FieldExpr[] | null,
  compare: MetricsCompare,
  options: MetricsOptions,
  series: SeriesSet,
): Promise<number> {
  const filters = conditions?.map(filterSql);
  const selection = filterSql(compare.selection.condition);
  if (!filters?.every(({ exact }) => exact) || !selection.exact) {
    return scanCompare(ctx, { pipeline, conditions, compare, options }, series);
  }
  const around = { start: options.range.start - tracePadding, end: options.range.end + tracePadding };
  const from = {
    spans: await spanRows(
      ctx,
      options.range,
      [...(conditions ?? []), compare.selection.condition].flatMap(exprFields),
    ),
    roots: await spanRows(ctx, around),
    around,
  };
  const sql = compareSql(
    and(filters.map((filter) => filter.sql)),
    selection.sql,
    compare,
    options.range,
    from,
  );
  let spans = 0;
  for await (const chunk of ctx.session.stream(sql, [], undefined, true)) {
    ctx.signal.throwIfAborted();
    const [meta = [], bucket = [], scope = [], key = [], value = [], count = [], trace = [], time = []] =
      chunk.columns;
    for (let r = 0; r < chunk.rowCount; r++) {
      const [kind, name] = [meta[r] as string, fieldName(fieldOf(scope[r] as string, key[r] as string))];
      if (kind === 'too many') {
        series.addEmpty(tooManyValues(name));
        continue;
      }
      // Every span has a kind.
      if (name === 'kind' && kind.endsWith('_total')) spans += Number(count[r]);
      const labels: Label[] = [
        ['__meta_type', text(kind)],
        [name, read(name, value[r] as string | null)],
      ];
      const exemplar: Exemplar | null =
        typeof trace[r] === 'string' && options.exemplars > 0
          ? { traceId: trace[r] as string, time: time[r] as bigint, value: null }
          : null;
      series.set(labels, Number(bucket[r]), Number(count[r]), exemplar);
    }
  }
  return spans;
}

/** Which span comes first, whatever order spans are read in. */
function earliest(trace: string): string {
  return `(start::HUGEINT * 4294967296 + (hash(${trace}) >> 32)::BIGINT)`;
}

const intrinsicJson: Readonly<Record<(typeof comparedIntrinsics)[number], string>> = {
  name: 'to_json(span_name)',
  kind: enumJson('span_kind', kindNames),
  status: enumJson('status_code', statusNames),
  statusMessage: "to_json(coalesce(status_message, ''))",
  rootName: "to_json(coalesce(root_name, ''))",
  rootServiceName: "to_json(coalesce(root_service, ''))",
  'instrumentation:name': "to_json(coalesce(scope_name, ''))",
  'instrumentation:version': "to_json(coalesce(scope_version, ''))",
};

const attributeColumns: Readonly<Record<(typeof comparedScopes)[number], string>> = {
  span: 'span_attributes',
  resource: 'resource_attributes',
  instrumentation: 'scope_attributes',
};

function compareSql(
  filter: string,
  selection: string,
  compare: MetricsCompare,
  range: MetricsRange,
  from: { readonly spans: string; readonly roots: string; readonly around: TimeRange },
): string {
  const { window, topN } = compare;
  const within = window
    ? ` AND start_time_unix_nano >= ${window.start} AND start_time_unix_nano < ${window.end}`
    : '';
  const results = `count(*) AS n, arg_min(trace_id, ${earliest('trace_id')}) AS trace, min(start) AS start`;
  const counts = [
    ...comparedIntrinsics.map(
      (name) =>
        `SELECT meta, bucket, '' AS scope, ${literal(name)} AS key, CAST(${intrinsicJson[name]} AS VARCHAR) AS v, ${results}
         FROM rooted GROUP BY ALL`,
    ),
    // Many spans share a resource and a scope, whose attributes are then taken apart once.
    ...comparedScopes.map(
      (scope) =>
        `SELECT meta, bucket, '${scope}', j.key, CAST(j.value AS VARCHAR), sum(n), arg_min(trace, ${earliest('trace')}), min(start)
         FROM (SELECT meta, bucket, ${attributeColumns[scope]} AS a, ${results} FROM spans GROUP BY ALL) s,
           json_each(s.a) j WHERE j.type NOT IN ('OBJECT', 'NULL') GROUP BY ALL`,
    ),
  ];
  return `
    WITH spans AS MATERIALIZED (
      SELECT (start_time_unix_nano - ${range.start}) // ${range.step} AS bucket,
        CASE WHEN coalesce((${selection})${within}, false) THEN 'selection' ELSE 'baseline' END AS meta,
        trace_id, start_time_unix_nano AS start, span_name, span_kind, status_code, status_message,
        scope_name, scope_version, span_attributes, resource_attributes, scope_attributes
      FROM ${from.spans} WHERE ${and([startsWithin(range).sql, filter])}
    ), roots AS (
      SELECT trace_id, arg_min(span_name, start_time_unix_nano) AS root_name,
        arg_min(service_name, start_time_unix_nano) AS root_service
      FROM ${from.roots}
      WHERE ${startsWithin(from.around).sql} AND parent_span_id IS NULL AND trace_id IN (SELECT trace_id FROM spans)
      GROUP BY trace_id
    ), rooted AS MATERIALIZED (
      SELECT spans.*, root_name, root_service FROM spans LEFT JOIN roots USING (trace_id)
    ), counts AS MATERIALIZED (${counts.join('\nUNION ALL ')}
    ), ranked AS (
      SELECT meta, scope, key, v,
        row_number() OVER (PARTITION BY meta, scope, key ORDER BY sum(n) DESC, v) AS rank
      FROM counts GROUP BY meta, scope, key, v
    )
    SELECT meta, bucket, scope, key, v, n, NULL, NULL
      FROM counts SEMI JOIN (FROM ranked WHERE rank <= ${topN}) USING (meta, scope, key, v)
    UNION ALL SELECT meta || '_total', bucket, scope, key, NULL, sum(n), arg_min(trace, ${earliest('trace')}), min(start)
      FROM counts GROUP BY ALL
    UNION ALL SELECT DISTINCT 'too many', 0, scope, key, NULL, 0, NULL, NULL FROM ranked WHERE rank > ${topN}`;
}

function enumJson(column: string, names: readonly string[]): string {
  const cases = names.map((name, i) => `WHEN ${i} THEN ${literal(JSON.stringify(name))}`);
  return `CASE coalesce(${column}, 0) ${cases.join(' ')} END`;
}

function fieldOf(scope: string, key: string): Field {
  if (scope === '') return { kind: 'intrinsic', name: key as (typeof comparedIntrinsics)[number], at: 0 };
  return {
    ...{ kind: 'attribute', scope: scope as (typeof comparedScopes)[number], name: key },
    ...{ parent: false, at: 0 },
  } as const;
}

function read(name: string, json: string | null): Value {
  if (json === null) return nil;
  const value = fromJson(parseTypedJson(json));
  if (value.type !== 'string') return value;
  if (name === 'status') return { type: 'status', value: statusNames.indexOf(value.value as 'ok') };
  return name === 'kind' ? { type: 'kind', value: kindNames.indexOf(value.value as 'server') } : value;
}
