import { getJson } from './client';
import { seconds, type Series } from './tempo';

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

interface Envelope<T> {
  readonly data: T;
  readonly warnings?: readonly string[];
}

export interface MetricInfo {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
}

/** Metrics by their families' names. */
export async function metricCatalog(signal: AbortSignal): Promise<MetricInfo[]> {
  const { data } = await getJson<
    Envelope<Record<string, readonly { type?: string; unit?: string; help?: string }[]>>
  >('/api/v1/metadata', {}, signal);
  return Object.entries(data)
    .map(([name, [info]]) => ({
      name,
      type: info?.type ?? '',
      unit: info?.unit ?? '',
      help: info?.help ?? '',
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** How many series a selector has within a range. */
export async function seriesCount(match: string, range: Window, signal: AbortSignal): Promise<number> {
  const params = { 'match[]': match, ...seconds(range), limit: 10_000 };
  return (await getJson<Envelope<readonly unknown[]>>('/api/v1/series', params, signal)).data.length;
}

/** Values of a label, of the series that a selector names or of all. */
export async function promLabelValues(
  name: string,
  match: string,
  range: Window,
  signal: AbortSignal,
): Promise<string[]> {
  const path = `/api/v1/label/${encodeURIComponent(name)}/values`;
  const params = { ...seconds(range), 'match[]': match, limit: 5000 };
  return (await getJson<Envelope<string[]>>(path, params, signal)).data;
}

/** A PromQL query over a range. */
export async function promRange(
  query: string,
  range: Window,
  step: number,
  signal: AbortSignal,
): Promise<Series[]> {
  const { data } = await getJson<
    Envelope<{
      result: readonly {
        metric: Readonly<Record<string, string>>;
        values?: readonly (readonly [number, string])[];
      }[];
    }>
  >('/api/v1/query_range', { query, ...seconds(range), step }, signal);
  return data.result.map(({ metric, values = [] }) => ({
    labels: new Map(Object.entries(metric)),
    points: values.map(([at, value]) => [at * 1000, Number(value)] as const),
  }));
}

export interface Total {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A PromQL query at one time. */
export async function promTotals(query: string, atMs: number, signal: AbortSignal): Promise<Total[]> {
  const { data } = await getJson<
    Envelope<{
      result: readonly {
        metric: Readonly<Record<string, string>>;
        value: readonly [number, string];
      }[];
    }>
  >('/api/v1/query', { query, time: atMs / 1000 }, signal);
  return data.result.map(({ metric, value: [, value] }) => ({
    labels: new Map(Object.entries(metric)),
    value: Number(value),
  }));
}

export interface Exemplar {
  readonly ms: number;
  readonly value: number;
  readonly traceId: string;
}

const exemplarColumns = 60;

/** Exemplars with a trace, of the series that a query reads: of each sixtieth of the range the highest one. */
export async function exemplars(query: string, range: Window, signal: AbortSignal): Promise<Exemplar[]> {
  const { data } = await getJson<
    Envelope<
      readonly {
        exemplars: readonly { labels: Readonly<Record<string, string>>; value: string; timestamp: number }[];
      }[]
    >
  >('/api/v1/query_exemplars', { query, ...seconds(range) }, signal);
  const highest = new Map<number, Exemplar>();
  const wide = (range.endMs - range.startMs) / exemplarColumns;
  for (const { exemplars: found } of data) {
    for (const { labels, value, timestamp } of found) {
      const traceId = new Map(Object.entries(labels)).get('trace_id');
      if (!traceId) continue;
      const one = { ms: timestamp * 1000, value: Number(value), traceId };
      const column = Math.floor((one.ms - range.startMs) / wide);
      if (one.value > (highest.get(column)?.value ?? -Infinity)) highest.set(column, one);
    }
  }
  return [...highest.values()];
}
