import { promotedColumns, tableDef, type TableName } from '../../schema/index.js';

/** What is kept of a table: label sets of streams and series, or the keys of attributes. */
export type MetadataKind =
  | 'log_streams'
  | 'log_keys'
  | 'span_resources'
  | 'span_keys'
  | 'metric_gauge'
  | 'metric_sum'
  | 'metric_histogram'
  | 'metric_exponential_histogram'
  | 'metric_summary';

interface MetadataColumn {
  readonly name: string;
  readonly type: string;
}

export interface MetadataLayout {
  readonly table: TableName;
  readonly columns: readonly MetadataColumn[];
  /**
   * The columns, `t` (nanoseconds since the epoch) and `bytes` (of lines), from rows of the table, or of what has its columns; and one
   * more column of that.
   */
  readonly select: (where: string, from?: string, also?: string) => string;
  /** The columns with `first` and `last` time, `records` and `bytes`, by the hour (nanoseconds); rows without a time are in none. */
  readonly hourly: (where: string, hourNs: bigint, from?: string) => string;
  /** Of kinds of keys: the columns of attributes. */
  readonly origins?: readonly string[];
}

const service = ['service_name', 'service_namespace', 'service_instance_id'];
const scope = ['scope_name', 'scope_version', 'scope_attributes'];
const times = {
  logs: 'time_unix_nano',
  spans: 'start_time_unix_nano',
  metrics: 'epoch_us(timestamp) * 1000',
};

function labelSets(table: TableName, names: readonly string[], time: string, bytes = '0'): MetadataLayout {
  const types = new Map(tableDef(table).columns.map(({ name, type }) => [name, type]));
  const columns = names.map((name) => ({ name, type: types.get(name) ?? 'VARCHAR' }));
  const shown = `${names.join(', ')}, ${time} AS t, ${bytes} AS bytes`;
  const select = (where: string, from = `lake.main.${table}`, also?: string) =>
    `SELECT ${shown}${more(also)} FROM ${from} WHERE ${where}`;
  const hourly = (where: string, hourNs: bigint, from?: string) =>
    `SELECT ${names.join(', ')}, min(t) AS first, max(t) AS last, count(*) AS records, sum(bytes)::BIGINT AS bytes ` +
    `FROM (${select(where, from)}) WHERE t IS NOT NULL GROUP BY ${names.join(', ')}, t // ${hourNs}`;
  return { table, columns, select, hourly };
}

/**
 * Keys of attributes by the column that they are in. The key '' says that some row has an object among the values of the
 * column, whose members are attributes of their own in some languages.
 */
function attributeKeys(table: TableName, time: string, origins: ReadonlyMap<string, string>): MetadataLayout {
  const parts = (where: string, from: string, also?: string) =>
    [...origins].map(
      ([origin, keys]) =>
        `SELECT '${origin}' AS origin, unnest(${keys}) AS key, ${time} AS t, 0 AS bytes${more(also)} ` +
        `FROM ${from} WHERE ${origin} IS NOT NULL AND (${where})`,
    );
  return {
    table,
    columns: ['origin', 'key'].map((name) => ({ name, type: 'VARCHAR' })),
    origins: [...origins.keys()],
    select: (where, from = `lake.main.${table}`, also?) => parts(where, from, also).join(' UNION ALL '),
    // Most rows have the same text or the same keys as others.
    hourly: (where, hourNs, from = `lake.main.${table}`) =>
      [...origins]
        .map(([origin, keys]) => {
          const [apart, all] = repeated.has(origin) ? [origin, keys] : [`${keys} AS keys`, 'keys'];
          const times = `min(${time}) AS first, max(${time}) AS last, count(*) AS records`;
          return (
            `SELECT '${origin}' AS origin, key, min(first) AS first, max(last) AS last, sum(records)::BIGINT AS records, 0::BIGINT AS bytes ` +
            `FROM (SELECT unnest(${all}) AS key, hour, first, last, records FROM (` +
            `SELECT ${apart}, ${time} // ${hourNs} AS hour, ${times} FROM ${from} ` +
            `WHERE ${origin} IS NOT NULL AND (${time}) IS NOT NULL AND (${where}) GROUP BY ALL)) GROUP BY key, hour`
          );
        })
        .join(' UNION ALL '),
  };
}

function more(column: string | undefined): string {
  return column === undefined ? '' : `, ${column}`;
}

/** Columns of attributes that many rows have alike. */
const repeated: ReadonlySet<string> = new Set(['resource_attributes', 'scope_attributes']);

const ownKeys = (column: string) => `json_keys(${column})`;
const keysAndNested = (column: string) =>
  `json_keys(${column}) || CASE WHEN contains(${column}, ':{') THEN [''] ELSE [] END`;
const entryKeys = (column: string) =>
  `flatten(list_transform(json_extract(${column}, '$[*].attributes'), lambda a: json_keys(a)))`;

const series = [
  ...['prometheus_name', 'metric_name', 'metric_description', 'metric_unit', 'metric_attributes'],
  ...[...service, 'derived_instance_id', 'resource_attributes'],
  ...[...scope, 'scope_schema_url'],
  ...promotedColumns('metrics').map((promoted) => promoted.column),
];

const resourceColumns = promotedColumns('traces')
  .filter(({ from }) => from === 'resource')
  .map((promoted) => promoted.column);

const streams = [
  ...service,
  ...promotedColumns('logs').map((promoted) => promoted.column),
  ...['detected_level', 'severity_number', 'severity_text'],
];

const layouts: Readonly<Record<MetadataKind, MetadataLayout>> = {
  log_streams: labelSets('logs', streams, times.logs, 'coalesce(strlen(body), 0)'),
  log_keys: attributeKeys(
    'logs',
    times.logs,
    new Map(
      ['log_attributes', 'scope_attributes', 'resource_attributes'].map((name) => [
        name,
        keysAndNested(name),
      ]),
    ),
  ),
  span_resources: labelSets(
    'spans',
    [
      ...service,
      ...resourceColumns,
      'resource_attributes',
      ...scope,
      'span_name',
      'span_kind',
      'status_code',
    ],
    times.spans,
  ),
  span_keys: attributeKeys(
    'spans',
    times.spans,
    new Map([
      ['resource_attributes', ownKeys('resource_attributes')],
      ['scope_attributes', ownKeys('scope_attributes')],
      ['span_attributes', ownKeys('span_attributes')],
      ['events_json', entryKeys('events_json')],
      ['links_json', entryKeys('links_json')],
    ]),
  ),
  metric_gauge: labelSets('metric_gauge', series, times.metrics),
  metric_sum: labelSets('metric_sum', [...series, 'aggregation_temporality', 'is_monotonic'], times.metrics),
  metric_histogram: labelSets(
    'metric_histogram',
    [...series, 'aggregation_temporality', 'explicit_bounds'],
    times.metrics,
  ),
  metric_exponential_histogram: labelSets(
    'metric_exponential_histogram',
    [...series, 'aggregation_temporality'],
    times.metrics,
  ),
  metric_summary: labelSets('metric_summary', [...series, 'quantiles'], times.metrics),
};

export const metadataKinds = Object.keys(layouts) as MetadataKind[];

/** What is kept of a table. */
export function kindsOf(table: TableName): MetadataKind[] {
  return metadataKinds.filter((kind) => layouts[kind].table === table);
}

export function layoutOf(kind: MetadataKind): MetadataLayout {
  return layouts[kind];
}

const descriptive = new Set(['metric_description', 'metric_unit', 'resource_attributes', 'is_monotonic']);

/** The columns of a kind of metrics that tell its series apart. */
export function seriesIdentity(kind: MetadataKind): string[] {
  return layouts[kind].columns.map(({ name }) => name).filter((name) => !descriptive.has(name));
}

export function metadataColumns(kind: MetadataKind): ReadonlySet<string> {
  return new Set(layouts[kind].columns.map(({ name }) => name));
}

/** The columns whose keys are of this kind; none of a kind of label sets. */
export function keyColumns(kind: MetadataKind): readonly string[] {
  return layouts[kind].origins ?? [];
}

/** The same from the table alone: each row by itself. `where` selects the rows. */
export function unkept(kind: MetadataKind, where: string): string {
  const { columns, select } = layouts[kind];
  const names = columns.map(({ name }) => name).join(', ');
  return `(SELECT ${names}, 1 AS records, bytes FROM (${select(where)}))`;
}
