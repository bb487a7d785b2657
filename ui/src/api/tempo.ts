import { getJson } from './client';

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

export interface Series {
  readonly labels: ReadonlyMap<string, string>;
  /** Milliseconds and values, ascending. */
  readonly points: readonly (readonly [number, number])[];
}

interface MetricsAnswer {
  readonly series?: readonly {
    readonly labels?: readonly { readonly key: string; readonly value: AnyValue }[];
    readonly samples?: readonly { readonly timestampMs: string; readonly value?: number }[];
  }[];
}

function shown(value: AnyValue): string {
  return String(value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue ?? '');
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

export function seconds({ startMs, endMs }: Window): { start: number; end: number } {
  return { start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000) };
}

/** TraceQL metrics over a range. */
export async function traceMetrics(
  q: string,
  range: Window,
  step: number,
  signal: AbortSignal,
): Promise<Series[]> {
  const params = { q, ...seconds(range), step: `${step}s`, exemplars: 0 };
  const { series = [] } = await getJson<MetricsAnswer>('/api/metrics/query_range', params, signal);
  return series.map(({ labels = [], samples = [] }) => ({
    labels: new Map(labels.map(({ key, value }) => [key, shown(value)])),
    points: samples.map(({ timestampMs, value = 0 }) => [Number(timestampMs), value] as const),
  }));
}

export interface Total {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** TraceQL metrics of a range as a whole. */
export async function traceTotals(q: string, range: Window, signal: AbortSignal): Promise<Total[]> {
  const { series = [] } = await getJson<{
    series?: readonly {
      readonly labels?: readonly { key: string; value: AnyValue }[];
      readonly value?: number;
    }[];
  }>('/api/metrics/query', { q, ...seconds(range) }, signal);
  return series.map(({ labels = [], value = 0 }) => ({
    labels: new Map(labels.map(({ key, value: name }) => [key, shown(name)])),
    value,
  }));
}

interface FoundSpan {
  readonly spanID: string;
  readonly name?: string;
  readonly startTimeUnixNano: string;
  readonly durationNanos: string;
  readonly attributes?: readonly { readonly key: string; readonly value: AnyValue }[];
}

export interface FoundTrace {
  readonly traceID: string;
  readonly rootServiceName?: string;
  readonly rootTraceName?: string;
  readonly startTimeUnixNano: string;
  readonly durationMs?: number;
  readonly spanSets?: readonly { readonly spans?: readonly FoundSpan[]; readonly matched?: number }[];
  readonly serviceStats?: Readonly<
    Record<string, { readonly spanCount: number; readonly errorCount?: number }>
  >;
}

export async function searchTraces(
  q: string,
  range: Window,
  limit: number,
  signal: AbortSignal,
): Promise<FoundTrace[]> {
  const params = { q, ...seconds(range), limit, spss: 5 };
  const { traces = [] } = await getJson<{ traces?: FoundTrace[] }>('/api/search', params, signal);
  return traces;
}

/** Values of an attribute or intrinsic, of spans that a filter selects. */
export async function tagValues(
  tag: string,
  q: string,
  range: Window,
  signal: AbortSignal,
): Promise<string[]> {
  const path = `/api/v2/search/tag/${encodeURIComponent(tag)}/values`;
  const body = await getJson<{ tagValues?: readonly { value: string }[] }>(
    path,
    { q, ...seconds(range) },
    signal,
  );
  return (body.tagValues ?? []).map(({ value }) => value).sort();
}
