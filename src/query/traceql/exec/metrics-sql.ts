import { parseTypedJson } from '../../attributes/typed-json.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { entriesOf, fieldName, fieldSource, type Field } from '../model/field.js';
import { startsWithin, type TimeRange } from '../model/time.js';
import { fromJson, nil, type Value } from '../model/value.js';
import { entryScopes } from '../plan/entries.js';
import { spanRows } from '../load/rows.js';
import { exprFields } from '../plan/fields.js';
import { filterSql, neededByAll } from '../plan/filter.js';
import type { FieldExpr, MetricsAggregate } from '../syntax/ast.js';
import { bucketLabel, bucketSql, durationScale } from './histogram.js';
import type { SeriesSet } from './metric-series.js';
import { countsSpans, seriesLabels, type Label, type MetricsOptions } from './metrics-options.js';

/** A field as a grouping column, and its value back from what DuckDB gives. */
interface GroupColumn {
  readonly sql: string;
  readonly read: (raw: unknown) => Value;
}

/** Aggregates in SQL; of how many spans. Null, with nothing done, when SQL cannot say exactly what the query means. */
export async function sqlMetrics(
  ctx: QueryContext,
  filters: readonly FieldExpr[],
  aggregate: MetricsAggregate,
  options: MetricsOptions,
  series: SeriesSet,
): Promise<number | null> {
  const conditions = filters.map(filterSql);
  const groups = aggregate.by.map(groupColumn);
  const operand = aggregate.operand ? numberSql(aggregate.operand) : null;
  if (!conditions.every(({ exact }) => exact) || groups.some((group) => group === null)) return null;
  // Of several events the one counts that fulfils the conditions, which SQL does not tell.
  const grouped = aggregate.by.map(entriesOf);
  if (filters.flatMap((filter) => [...entryScopes(filter)]).some((scope) => grouped.includes(scope)))
    return null;
  if (aggregate.operand && operand === null) return null;
  const columns = groups.filter((group) => group !== null);

  const { range } = options;
  const histogram = aggregate.fn === 'histogram_over_time';
  const keys = [`(start_time_unix_nano - ${range.start}) // ${range.step}`, ...columns.map(({ sql }) => sql)];
  const bucket = histogram && operand ? bucketSql(operand.whole, operand.scale) : null;
  if (bucket) keys.push(bucket);
  const wanted = options.exemplars > 0 && !options.instant;
  const valued = operand !== null && !histogram;
  // Spans of a trace that start at once differ in nothing but their values.
  const first = earliest(range, valued ? 'span_id' : 'trace_id');
  const results = [
    aggregateSql(aggregate, operand?.sql ?? ''),
    wanted ? `arg_min(trace_id, ${first})` : 'NULL',
    wanted ? 'min(start_time_unix_nano)' : 'NULL',
    wanted && valued ? `arg_min(${operand.sql}, ${first})` : 'NULL',
    'count(*)',
  ];
  const where = [startsWithin(range).sql, ...conditions.map((condition) => condition.sql)];
  if (operand) where.push(`${bucket ?? operand.sql} IS NOT NULL`);
  const fields = [
    ...filters.flatMap(exprFields),
    ...aggregate.by,
    ...(aggregate.operand ? [aggregate.operand] : []),
  ];
  const from = await spanRows(ctx, range, fields, neededByAll(filters));
  const sql = `SELECT ${[...keys, ...results].join(', ')} FROM ${from}
    WHERE ${and(where)}
    GROUP BY ${keys.map((_, i) => i + 1).join(', ')}`;

  const seconds = Number(range.step) / 1e9;
  let spans = 0;
  for await (const chunk of ctx.session.stream(sql, [], undefined, true)) {
    ctx.signal.throwIfAborted();
    for (let r = 0; r < chunk.rowCount; r++) {
      const cell = (c: number) => chunk.columns[c]?.[r];
      const interval = Number(cell(0));
      const by = columns.map(({ read }, i): Label => {
        return [fieldName(aggregate.by[i] as Field), read(cell(i + 1))];
      });
      const result = cell(keys.length);
      spans += Number(cell(keys.length + 4));
      const [traceId, time, value] = [cell(keys.length + 1), cell(keys.length + 2), cell(keys.length + 3)];
      const exemplar =
        typeof traceId === 'string' && typeof time === 'bigint'
          ? { traceId, time, value: value === null ? null : Number(value) }
          : null;
      if (aggregate.fn === 'quantile_over_time') {
        const quantiles = result as readonly unknown[];
        aggregate.quantiles.forEach((q, i) => {
          const labels = seriesLabels(aggregate, by, [['p', { type: 'float', value: q }]]);
          series.set(
            labels,
            interval,
            Number(quantiles[i]),
            i === aggregate.quantiles.length - 1 ? exemplar : null,
          );
        });
        continue;
      }
      const bucket = histogram ? [bucketLabel(Number(cell(keys.length - 1)))] : [];
      const count = countsSpans(aggregate) ? Number(result) : NaN;
      const sample = aggregate.fn === 'rate' ? count / seconds : Number(result);
      series.set(seriesLabels(aggregate, by, bucket), interval, sample, exemplar);
    }
  }
  return spans;
}

/**
 * Which span of the range comes first, whatever order spans are read in: of those that start at once, by as much of the hash of `id` as fits
 * beside a start in the range.
 */
function earliest({ start, end }: TimeRange, id: 'trace_id' | 'span_id'): string {
  const left = 63 - (end - start).toString(2).length;
  if (left < fewestBits) return `(start_time_unix_nano::HUGEINT * 4294967296 + (hash(${id}) >> 32)::BIGINT)`;
  return `((start_time_unix_nano - ${start}) << ${left} | (hash(${id}) >> ${64 - left})::BIGINT)`;
}

/** With 8 of them a range has 417 days. */
const fewestBits = 8;

function aggregateSql({ fn, quantiles }: MetricsAggregate, operand: string): string {
  switch (fn) {
    case 'rate':
    case 'count_over_time':
    case 'histogram_over_time':
      return 'count(*)';
    case 'min_over_time':
      return `min(${operand})`;
    case 'max_over_time':
      return `max(${operand})`;
    case 'sum_over_time':
      return `sum(${operand})`;
    case 'avg_over_time':
      return `avg(${operand})`;
    case 'quantile_over_time':
      return `quantile_cont(${operand}, [${quantiles.map(literal).join(', ')}])`;
  }
}

function groupColumn(field: Field): GroupColumn | null {
  const source = fieldSource(field);
  switch (source.kind) {
    case 'text':
      return {
        sql: `coalesce(${source.column}, '')`,
        read: (raw) => ({ type: 'string', value: raw as string }),
      };
    case 'optional':
      return {
        sql: source.column,
        read: (raw) => (raw === null ? nil : { type: 'string', value: raw as string }),
      };
    case 'enum':
      return {
        sql: `coalesce(${source.column}, 0)`,
        read: (raw) => ({ type: source.type, value: Number(raw) }),
      };
    case 'number':
      return { sql: source.column, read: (raw) => ({ type: 'duration', value: BigInt(raw as bigint) }) };
    case 'json':
      return {
        sql: `CAST(nullif(${source.json}, 'null') AS VARCHAR)`,
        read: (raw) => (raw === null ? nil : fromJson(parseTypedJson(raw as string))),
      };
    case 'each':
      return {
        sql: `CAST(list_filter(${source.list}, lambda e: json_type(e) <> 'NULL')[1] AS VARCHAR)`,
        read: (raw) => (raw === null ? nil : fromJson(parseTypedJson(raw as string))),
      };
    default:
      return null;
  }
}

interface NumberSql {
  readonly sql: string;
  /** The same as a whole number in the unit that buckets of histograms count in; NULL where it is none. */
  readonly whole: string;
  /** How many of what the buckets of histograms count in make one of the result's unit. */
  readonly scale: number;
}

/** Durations in seconds; attributes that are no numbers are NULL. */
function numberSql(field: Field): NumberSql | null {
  const source = fieldSource(field);
  if (source.kind === 'number') {
    return { sql: `(${source.column} / 1e9)`, whole: source.column, scale: durationScale };
  }
  if (source.kind !== 'json') return null;
  const { json } = source;
  const as = (type: string, types: string) =>
    `(CASE WHEN json_type(${json}) IN (${types}) THEN TRY_CAST(${json}->>'$' AS ${type}) END)`;
  return {
    sql: as('DOUBLE', "'UBIGINT', 'BIGINT', 'DOUBLE'"),
    whole: as('BIGINT', "'UBIGINT', 'BIGINT'"),
    scale: 1,
  };
}
