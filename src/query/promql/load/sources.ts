import { tableDef, type TableName } from '../../../schema/index.js';
import { metricName } from '../../series/labels.js';
import type { CompiledMatcher } from '../../series/matchers.js';

/** Which series of a data point: its value, the native histogram, or the classic parts of a histogram or summary. */
export type Part = 'value' | 'native' | 'bucket' | 'sum' | 'count' | 'quantile';

export const suffixes: Readonly<Record<Part, string>> = {
  value: '',
  native: '',
  quantile: '',
  bucket: '_bucket',
  sum: '_sum',
  count: '_count',
};

const partsOf = {
  metric_gauge: ['value'],
  metric_sum: ['value'],
  metric_histogram: ['bucket', 'sum', 'count'],
  metric_exponential_histogram: ['native', 'bucket', 'sum', 'count'],
  metric_summary: ['quantile', 'sum', 'count'],
} as const satisfies Partial<Record<TableName, readonly Part[]>>;

export type MetricTable = keyof typeof partsOf;
export const metricTables = Object.keys(partsOf) as MetricTable[];
export const targetInfo = 'target_info';

/** One table to read for a selector. */
export interface Source {
  readonly table: MetricTable;
  readonly parts: readonly Part[];
  /** Names without suffix to look for, or null for any. */
  readonly baseNames: readonly string[] | null;
  /** The OpenTelemetry name is given (it has characters that no Prometheus name has). */
  readonly original: boolean;
}

/** The tables and parts that can hold a series whose name fits the matchers. */
export function sourcesFor(matchers: readonly CompiledMatcher[]): Source[] {
  const exact = matchers.find((m) => m.name === metricName && m.op === '=');
  return metricTables.flatMap((table): Source[] => {
    const all: readonly Part[] =
      table === 'metric_histogram' ? ['native', ...partsOf[table]] : partsOf[table];
    if (!exact) return [{ table, parts: all, baseNames: null, original: false }];
    const parts = all.filter((part) => exact.value.endsWith(suffixes[part]));
    const base = (part: Part) => exact.value.slice(0, exact.value.length - suffixes[part].length);
    if (isOriginalName(exact.value)) {
      // Labels do not hold this name, so it cannot be checked afterwards which part it belongs to. The metric's own
      // name stands for all its series, with a suffix for those of the one part.
      const whole = { table, parts: wholeParts(table, all), baseNames: [exact.value], original: true };
      const single = parts
        .filter((part) => suffixes[part] !== '')
        .map((part) => ({ table, parts: [part], baseNames: [base(part)], original: true }));
      return [whole, ...single];
    }
    if (parts.length === 0) return [];
    return [{ table, parts, baseNames: [...new Set(parts.map(base))], original: false }];
  });
}

/** The series that a metric has in Prometheus by itself. */
function wholeParts(table: MetricTable, all: readonly Part[]): readonly Part[] {
  return table === 'metric_exponential_histogram' ? ['native'] : all;
}

export function isHistogram(table: MetricTable): boolean {
  return table === 'metric_histogram' || table === 'metric_exponential_histogram';
}

/** Whether a stream has a part at all, as a source asks for it. */
export function holds(
  source: Source,
  part: Part,
  { ofPrometheus }: { readonly ofPrometheus: boolean },
): boolean {
  const { table, baseNames, original } = source;
  if (!isHistogram(table)) return true;
  if (ofPrometheus) return part === 'native';
  // By its plain name, which has no samples otherwise, a histogram with explicit bounds is a native one as well.
  return part !== 'native' || table !== 'metric_histogram' || (baseNames !== null && !original);
}

/**
 * Whether a part of a metric is selected: where the plain name of an exponential histogram is (a pattern fits it, or no
 * name is asked for), it stands for its classic parts, which would count the same observations once more.
 */
export function selects(
  source: Source,
  part: Part,
  stream: { readonly name: string; readonly ofPrometheus: boolean },
  matchers: readonly CompiledMatcher[],
): boolean {
  if (!holds(source, part, stream)) return false;
  if (source.table !== 'metric_exponential_histogram' || source.baseNames || part === 'native') return true;
  return !matchers.every((matcher) => matcher.name !== metricName || matcher.matches(stream.name));
}

export function wantsTargetInfo(matchers: readonly CompiledMatcher[]): boolean {
  return matchers.every((m) => m.name !== metricName || m.matches(targetInfo));
}

export function isOriginalName(name: string): boolean {
  return /[^a-zA-Z0-9_:]/.test(name);
}

export function hasTemporality(table: MetricTable): boolean {
  return tableDef(table).columns.some((column) => column.name === 'aggregation_temporality');
}
