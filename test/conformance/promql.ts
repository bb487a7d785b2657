import { floatText } from '../../src/query/text/numbers.js';
import type { Export, Language, Outcome } from './language.js';
import { attributes, nanos, pairs } from './otlp-json.js';
import { milliseconds } from './times.js';
import { histogramText, values, type HistogramValue, type Value } from './promql-values.js';

/** `[gauge|counter|histogram] name{label="value"} values`; without a kind, names that end in `_total` are counters. */
const series =
  /^(?:(gauge|counter|histogram)\s+)?([a-zA-Z_:][\w:.]*|"(?:[^"\\]|\\.)*")?(\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})?\s+(.*)$/;

function load(args: string, lines: readonly string[], origin: number): Export[] {
  const step = milliseconds(args);
  const all = lines.map((line) => {
    const match = series.exec(line);
    if (!match) throw new Error(`${line} is no series`);
    const [, kind, name = '', labels = '', text = ''] = match;
    return { kind, name: name.replace(/^"|"$/g, ''), labels: attributes(labels), values: values(text) };
  });
  const length = Math.max(...all.map((one) => one.values.length));
  return Array.from({ length }, (_, i) => {
    const time = { startTimeUnixNano: nanos(origin - 60_000), timeUnixNano: nanos(origin + i * step) };
    const metrics = all.flatMap((one) => {
      const value = one.values[i];
      if (value === undefined || value === null) return [];
      return [metric(one.name, one.kind, { ...time, attributes: one.labels }, value)];
    });
    return { path: '/v1/metrics', resources: [{ resource: {}, scopeMetrics: [{ metrics }] }] };
  });
}

function metric(name: string, kind: string | undefined, point: object, value: Value): object {
  if (typeof value === 'object' && value?.bounds !== undefined)
    return {
      name,
      histogram: { aggregationTemporality: 2, dataPoints: [{ ...point, ...explicit(value, value.bounds) }] },
    };
  if (typeof value === 'object' && value !== null)
    return {
      name,
      exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ ...point, ...exponential(value) }] },
    };
  const number = value === 'stale' ? { flags: 1 } : { asDouble: jsonNumber(value ?? NaN) };
  const dataPoints = [{ ...point, ...number }];
  return kind === 'counter' || (kind === undefined && name.endsWith('_total'))
    ? { name, sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } }
    : kind === 'histogram'
      ? { name, exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ ...point, flags: 1 }] } }
      : { name, gauge: { dataPoints } };
}

/** Index 0 of a native histogram's buckets ends at 1, where OTLP's index 0 begins. */
function exponential(value: HistogramValue): object {
  const side = (offset: number, counts: readonly number[]) => ({
    offset: offset - 1,
    bucketCounts: counts.map(String),
  });
  return {
    count: String(value.count),
    sum: jsonNumber(value.sum),
    scale: value.schema,
    zeroCount: String(value.zeroCount),
    zeroThreshold: value.zeroThreshold,
    positive: side(value.offset, value.buckets),
    negative: side(value.negativeOffset, value.negativeBuckets),
  };
}

function explicit({ count, sum, buckets }: HistogramValue, bounds: readonly number[]): object {
  const counts = [...bounds, Infinity].map((_, i) => String(buckets[i] ?? 0));
  return { count: String(count), sum: jsonNumber(sum), explicitBounds: bounds, bucketCounts: counts };
}

function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

const instant = /^(?:ordered )?instant at (\S+) (.+)$/;
const range = /^range from (\S+) to (\S+) step (\S+) (.+)$/;

/** `$T0` in a query stands for time 0 in unix seconds. */
async function ask(url: string, args: string, origin: number): Promise<Outcome> {
  const seconds = (text: string | undefined) => String((origin + milliseconds(text ?? '')) / 1000);
  const at = instant.exec(args);
  const over = range.exec(args);
  const query = (at?.[2] ?? over?.[4] ?? '').replaceAll('$T0', String(origin / 1000));
  const params = at
    ? { query, time: seconds(at[1]) }
    : { query, start: seconds(over?.[1]), end: seconds(over?.[2]), step: over?.[3] ?? '' };
  const answer = await fetch(`${url}/api/v1/${at ? 'query' : 'query_range'}`, {
    method: 'POST',
    body: new URLSearchParams(params),
  });
  const body = (await answer.json()) as Body;
  const [start, step] = over ? [milliseconds(over[1] ?? ''), milliseconds(over[3] ?? '')] : [0, 0];
  return {
    status: answer.status,
    error: body.error ?? '',
    rows: body.data ? [...rows(body.data, origin + start, step), ...notes(body, origin)] : [],
  };
}

type Histogram = Parameters<typeof histogramText>[0];
interface Body {
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  readonly data?: {
    readonly resultType: string;
    readonly result: unknown;
  };
}
interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: [number, string];
  readonly histogram?: [number, Histogram];
  readonly values?: readonly [number, string][];
  readonly histograms?: readonly [number, Histogram][];
}

function rows(data: NonNullable<Body['data']>, start: number, step: number): string[] {
  if (data.resultType === 'scalar') return [row({}, [(data.result as [number, string])[1]])];
  if (data.resultType === 'string') return [JSON.stringify((data.result as [number, string])[1])];
  return (data.result as Found[]).map((one) => {
    const points: string[] = [];
    for (const [time, text] of [
      ...(one.value ? [one.value] : []),
      ...(one.values ?? []),
      ...[...(one.histogram ? [one.histogram] : []), ...(one.histograms ?? [])].map(
        ([at, histogram]): [number, string] => [at, histogramText(histogram)],
      ),
    ]) {
      // The samples of a bare range vector stand one after the other.
      const at = data.resultType === 'vector' || step === 0 ? points.length : (time * 1000 - start) / step;
      while (points.length < at) points.push('_');
      points[at] = text;
    }
    return row(one.metric, points);
  });
}

/** Times in them are written as seconds after time 0. */
function notes({ warnings = [], infos = [] }: Body, origin: number): string[] {
  const all = [...warnings.map((text) => `warn: ${text}`), ...infos.map((text) => `info: ${text}`)];
  return all.map((text) =>
    text.replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, (time) => `$T0+${(Date.parse(time) - origin) / 1000}`),
  );
}

function row(labels: Readonly<Record<string, string>>, points: readonly string[]): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}} ${points.map(digits).join(' ')}`;
}

/** To 9 digits, so that the last bits of a sum do not count. */
function digits(text: string): string {
  return text.replace(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/gi, (number) =>
    String(Number(Number(number).toPrecision(9))),
  );
}

/** `name{a="x"} 1 _ 2`, `{} 3`, `4` (a scalar), `"text"`, `warn: text`, `info: text`. */
function expectedRow(line: string): string {
  if (/^(warn|info): |^"/.test(line)) return line;
  const parts = /^([a-zA-Z_:][\w:]*)?(\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})?(?:\s+|$)(.*)$/.exec(line);
  const [, name, braces, text = ''] = parts ?? [];
  const isSeries = parts && (braces !== undefined || (name !== undefined && text !== ''));
  const labels = isSeries ? pairs(braces ?? '') : [];
  if (isSeries && name !== undefined) labels.push(['__name__', name]);
  const points = values(isSeries ? text : line).map((value) =>
    value === null
      ? '_'
      : typeof value === 'object'
        ? histogramText(value)
        : value === 'stale'
          ? value
          : floatText(value),
  );
  while (points.at(-1) === '_') points.pop();
  return row(Object.fromEntries(labels) as Record<string, string>, points);
}

export const promql: Language = {
  name: 'promql',
  title: 'PromQL',
  tables: ['metric_gauge', 'metric_sum', 'metric_histogram', 'metric_exponential_histogram'],
  load,
  ask,
  row: expectedRow,
  ordered: (args) => args.startsWith('ordered '),
};
