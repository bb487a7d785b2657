/**
 * The lake's tables, the one source of truth for column names, types and order.
 * The decoder writes batches in this order and `lake/` creates the tables from it.
 * Columns follow OTLP's data model (opentelemetry-proto v1); `timestamp` is microseconds for DuckDB's
 * own functions, `*_unix_nano` keeps the exact nanoseconds.
 */
import { promotedColumns, type PromotedAttribute } from './promoted.js';
import type { Signal } from './signals.js';

export type ColumnType =
  'VARCHAR' | 'BIGINT' | 'INTEGER' | 'DOUBLE' | 'BOOLEAN' | 'TIMESTAMP' | 'BIGINT[]' | 'DOUBLE[]';

export interface ColumnDef {
  readonly name: string;
  readonly type: ColumnType;
}

export interface TableDef {
  readonly name: TableName;
  readonly signal: Signal;
  readonly columns: readonly ColumnDef[];
  /** Sort key applied when files are compacted, so filters on service (or metric) and time prune. */
  readonly sortedBy: readonly string[];
  readonly promoted: readonly PromotedAttribute[];
}

export type TableName =
  | 'logs'
  | 'spans'
  | 'metric_gauge'
  | 'metric_sum'
  | 'metric_histogram'
  | 'metric_exponential_histogram'
  | 'metric_summary';

function columns(spec: string): ColumnDef[] {
  return spec
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', type = ''] = line.trim().split(/\s+/);
      return { name, type: type as ColumnType };
    });
}

/** Resource and scope columns shared by every signal. */
const resourceAndScope = columns(`
  service_name VARCHAR
  service_namespace VARCHAR
  service_instance_id VARCHAR
  resource_attributes VARCHAR
  resource_dropped_attributes_count BIGINT
  resource_schema_url VARCHAR
  scope_name VARCHAR
  scope_version VARCHAR
  scope_attributes VARCHAR
  scope_dropped_attributes_count BIGINT
  scope_schema_url VARCHAR
`);

const bookkeeping = columns(`
  ingested_at TIMESTAMP
  source_format VARCHAR
`);

const metricPoint = columns(`
  timestamp TIMESTAMP
  time_unix_nano BIGINT
  start_timestamp BIGINT
  start_time_unix_nano BIGINT
  metric_name VARCHAR
  prometheus_name VARCHAR
  derived_instance_id VARCHAR
  metric_description VARCHAR
  metric_unit VARCHAR
  metric_metadata VARCHAR
  metric_attributes VARCHAR
  flags BIGINT
  exemplars_json VARCHAR
`);

function table(name: TableName, signal: Signal, sortedBy: string[], ...groups: ColumnDef[][]): TableDef {
  const promoted = promotedColumns(signal);
  const extra = promoted.map((p): ColumnDef => ({ name: p.column, type: 'VARCHAR' }));
  return {
    name,
    signal,
    sortedBy,
    promoted,
    columns: [...groups.flat(), ...resourceAndScope, ...extra, ...bookkeeping],
  };
}

const bySeries = ['prometheus_name', 'service_name', 'timestamp'];

export const tables: readonly TableDef[] = [
  table(
    'logs',
    'logs',
    ['service_name', 'timestamp'],
    columns(`
      timestamp TIMESTAMP
      time_unix_nano BIGINT
      observed_time_unix_nano BIGINT
      trace_id VARCHAR
      span_id VARCHAR
      severity_number INTEGER
      severity_text VARCHAR
      detected_level VARCHAR
      event_name VARCHAR
      body VARCHAR
      body_type VARCHAR
      log_attributes VARCHAR
      dropped_attributes_count BIGINT
      flags BIGINT
    `),
  ),
  table(
    'spans',
    'traces',
    ['service_name', 'timestamp'],
    columns(`
      timestamp TIMESTAMP
      start_time_unix_nano BIGINT
      end_timestamp BIGINT
      end_time_unix_nano BIGINT
      duration BIGINT
      duration_nano BIGINT
      trace_id VARCHAR
      span_id VARCHAR
      parent_span_id VARCHAR
      trace_state VARCHAR
      span_name VARCHAR
      span_kind INTEGER
      status_code INTEGER
      status_message VARCHAR
      span_attributes VARCHAR
      events_json VARCHAR
      links_json VARCHAR
      dropped_attributes_count BIGINT
      dropped_events_count BIGINT
      dropped_links_count BIGINT
      flags BIGINT
    `),
  ),
  table(
    'metric_gauge',
    'metrics',
    bySeries,
    metricPoint,
    columns(`
      value DOUBLE
      value_int BIGINT
    `),
  ),
  table(
    'metric_sum',
    'metrics',
    bySeries,
    metricPoint,
    columns(`
      value DOUBLE
      value_int BIGINT
      aggregation_temporality INTEGER
      is_monotonic BOOLEAN
    `),
  ),
  table(
    'metric_histogram',
    'metrics',
    bySeries,
    metricPoint,
    columns(`
      count BIGINT
      sum DOUBLE
      min DOUBLE
      max DOUBLE
      bucket_counts BIGINT[]
      explicit_bounds DOUBLE[]
      float_counts DOUBLE[]
      aggregation_temporality INTEGER
    `),
  ),
  table(
    'metric_exponential_histogram',
    'metrics',
    bySeries,
    metricPoint,
    columns(`
      count BIGINT
      sum DOUBLE
      min DOUBLE
      max DOUBLE
      scale INTEGER
      zero_count BIGINT
      zero_threshold DOUBLE
      positive_offset INTEGER
      positive_bucket_counts BIGINT[]
      negative_offset INTEGER
      negative_bucket_counts BIGINT[]
      float_counts DOUBLE[]
      aggregation_temporality INTEGER
    `),
  ),
  table(
    'metric_summary',
    'metrics',
    bySeries,
    metricPoint,
    columns(`
      count BIGINT
      sum DOUBLE
      quantiles DOUBLE[]
      quantile_values DOUBLE[]
    `),
  ),
];

export function tableDef(name: TableName): TableDef {
  const def = tables.find((t) => t.name === name);
  if (!def) throw new Error(`no table named ${name}`);
  return def;
}
