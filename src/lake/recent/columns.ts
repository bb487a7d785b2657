import { allCounted, explicitCounts } from '../../schema/index.js';
import { layoutOf, type MetadataKind } from '../metadata/layout.js';
import { digestSql } from '../metadata/stage.js';
import type { SamplePart } from '../samples/unit.js';

/** What is kept of a table's rows besides label set and time, in SQL. */
interface Numbers {
  /** The part of each number. */
  readonly single: readonly (readonly [part: SamplePart, sql: string])[];
  readonly list?: {
    readonly part: SamplePart;
    readonly sql: string;
    /** The column of what the values of the list are for. */
    readonly bounds: string;
    /** Counts that are summed up, the last of which is that of all; or values as they are. */
    readonly as: 'cumulative' | 'plain';
  };
}

const value: Numbers = { single: [['value', 'value']] };

/** Exponential histograms are read as rows, as their buckets depend on all points of a window: of them, label sets are kept. */
const numbers: Partial<Record<MetadataKind, Numbers>> = {
  metric_gauge: value,
  metric_sum: value,
  metric_histogram: {
    single: [
      ['sum', 'sum'],
      ['count', allCounted],
    ],
    list: { part: 'bucket', sql: explicitCounts, bounds: 'explicit_bounds', as: 'cumulative' },
  },
  metric_summary: {
    single: [
      ['sum', 'sum'],
      ['count', 'count::DOUBLE'],
    ],
    list: { part: 'quantile', sql: 'quantile_values', bounds: 'quantiles', as: 'plain' },
  },
};

export function numbersOf(kind: MetadataKind): Numbers {
  return numbers[kind] ?? { single: [] };
}

const ended = '(coalesce(flags, 0) & 1) = 1';

/** Each row: its digest, microseconds, whether it ends its series, its numbers and its list; then `also`. */
export function rowsSql(kind: MetadataKind, from: string, also?: string): string {
  const { single, list } = numbersOf(kind);
  const columns = [
    digestSql(kind),
    'epoch_us(timestamp)::DOUBLE',
    ended,
    ...single.map(([, sql]) => sql),
    ...(list ? [list.sql] : []),
    ...(also === undefined ? [] : [also]),
  ];
  return `SELECT ${columns.join(', ')} FROM ${from}`;
}

/** The columns of label sets, with the digest of each, once. */
export function setsSql(kind: MetadataKind, from: string): string {
  const names = layoutOf(kind).columns.map(({ name }) => name);
  return `SELECT digest, ${names.map((name) => `first(${name})`).join(', ')} FROM (SELECT ${digestSql(kind)} AS digest, ${names.join(', ')} FROM ${from}) GROUP BY digest`;
}
