import { QueryError } from '../../../lake/query-error.js';
import { parseTypedJson } from '../../attributes/typed-json.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { startsWithin } from '../model/time.js';
import { fromJson, kindNames, nil, statusNames, text, type Value } from '../model/value.js';
import { filterSql } from '../plan/filter.js';
import type { FieldExpr, MetricsCompare } from '../syntax/ast.js';
import type { SeriesSet } from './metric-series.js';
import type { Label, MetricsRange } from './metrics-options.js';

/**
 * compare(): how often each attribute value occurs on the spans of the selection and on the others, the
 * most frequent values of each attribute, and the totals per attribute. Attributes that are maps or arrays
 * are left out.
 */
export async function compareMetrics(
  ctx: QueryContext,
  baseline: FieldExpr | null,
  compare: MetricsCompare,
  range: MetricsRange,
  series: SeriesSet,
): Promise<void> {
  const filter = baseline ? filterSql(baseline) : null;
  const selection = filterSql(compare.selection.condition);
  if (!filter?.exact || !selection.exact) {
    throw new QueryError('unsupported', 'compare() works on conditions of single spans only');
  }
  const { window } = compare;
  const within = window
    ? ` AND start_time_unix_nano >= ${window.start} AND start_time_unix_nano < ${window.end}`
    : '';
  const sql = `
    WITH spans AS MATERIALIZED (
      SELECT (start_time_unix_nano - ${range.start}) // ${range.step} AS bucket,
        CASE WHEN coalesce((${selection.sql})${within}, false) THEN 'selection' ELSE 'baseline' END AS meta,
        span_name, coalesce(span_kind, 0) AS kind, coalesce(status_code, 0) AS status,
        span_attributes, resource_attributes
      FROM lake.spans WHERE ${and([startsWithin(range).sql, filter.sql])}
    ), counts AS MATERIALIZED (
      SELECT meta, bucket, 'name' AS attr, CAST(to_json(span_name) AS VARCHAR) AS v, count(*) AS n
        FROM spans GROUP BY ALL
      UNION ALL SELECT meta, bucket, 'kind', ${enumJson('kind', kindNames)}, count(*) FROM spans GROUP BY ALL
      UNION ALL SELECT meta, bucket, 'status', ${enumJson('status', statusNames)}, count(*) FROM spans GROUP BY ALL
      UNION ALL SELECT meta, bucket, 'span.' || j.key, CAST(j.value AS VARCHAR), count(*)
        FROM spans, json_each(spans.span_attributes) j WHERE j.type NOT IN (${skipped}) GROUP BY ALL
      UNION ALL SELECT meta, bucket, 'resource.' || j.key, CAST(j.value AS VARCHAR), sum(c)
        FROM (SELECT meta, bucket, resource_attributes, count(*) AS c FROM spans GROUP BY ALL) r,
          json_each(r.resource_attributes) j WHERE j.type NOT IN (${skipped}) GROUP BY ALL
    ), top AS (
      SELECT meta, attr, v FROM counts WHERE v IS NOT NULL GROUP BY meta, attr, v
      QUALIFY row_number() OVER (PARTITION BY meta, attr ORDER BY sum(n) DESC, v) <= ${compare.topN}
    )
    SELECT meta, bucket, attr, v, n FROM counts SEMI JOIN top USING (meta, attr, v)
    UNION ALL SELECT meta || '_total', bucket, attr, NULL, sum(n) FROM counts GROUP BY ALL`;
  for await (const chunk of ctx.session.stream(sql)) {
    ctx.signal.throwIfAborted();
    const [meta = [], bucket = [], attr = [], value = [], count = []] = chunk.columns;
    for (let r = 0; r < chunk.rowCount; r++) {
      const labels: Label[] = [
        ['__meta_type', text(meta[r] as string)],
        [attr[r] as string, read(attr[r] as string, value[r] as string | null)],
      ];
      series.set(labels, Number(bucket[r]), Number(count[r]));
    }
  }
}

const skipped = ['OBJECT', 'ARRAY', 'NULL'].map(literal).join(', ');

function enumJson(column: string, names: readonly string[]): string {
  const cases = names.map((name, i) => `WHEN ${i} THEN ${literal(JSON.stringify(name))}`);
  return `CASE ${column} ${cases.join(' ')} END`;
}

function read(attribute: string, json: string | null): Value {
  if (json === null) return nil;
  const value = fromJson(parseTypedJson(json));
  if (value.type !== 'string') return value;
  if (attribute === 'status') return { type: 'status', value: statusNames.indexOf(value.value as 'ok') };
  return attribute === 'kind' ? { type: 'kind', value: kindNames.indexOf(value.value as 'server') } : value;
}
