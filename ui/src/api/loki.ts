import { getJson } from './client';
import type { Series } from './tempo';

export interface LogRow {
  /** Nanoseconds since 1970, as text: more digits than a number has. */
  readonly ns: string;
  readonly ms: number;
  readonly line: string;
  readonly labels: ReadonlyMap<string, string>;
}

interface Envelope<T> {
  readonly data: T;
}

export type Streams = readonly {
  readonly stream: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [string, string])[];
}[];

interface StreamsData {
  readonly resultType: string;
  readonly result: Streams;
}

/** Lines of streams in the order of their times. */
export function rowsOf(streams: Streams, direction: 'backward' | 'forward'): LogRow[] {
  const rows = streams.flatMap(({ stream, values }) => {
    const labels = new Map(Object.entries(stream));
    return values.map(([ns, line]) => ({ ns, ms: Number(ns.slice(0, -6)), line, labels }));
  });
  const sign = direction === 'backward' ? -1 : 1;
  return rows.sort((a, b) => sign * (a.ns.length - b.ns.length || (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0)));
}

interface MatrixData {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [number, string])[];
  }[];
}

const root = '/loki/api/v1';

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** Lines of a log query, newest first unless `direction` is forward. */
export async function logLines(
  query: string,
  { startMs, endMs }: Window,
  limit: number,
  signal: AbortSignal,
  direction: 'backward' | 'forward' = 'backward',
): Promise<LogRow[]> {
  const params = { query, start: `${startMs}000000`, end: `${endMs}000000`, limit, direction };
  const { data } = await getJson<Envelope<StreamsData>>(`${root}/query_range`, params, signal);
  if (data.resultType !== 'streams') throw new Error('this is a metric query: it has no lines');
  return rowsOf(data.result, direction);
}

export async function logMetrics(
  query: string,
  { startMs, endMs }: Window,
  step: number,
  signal: AbortSignal,
): Promise<Series[]> {
  const params = { query, start: `${startMs}000000`, end: `${endMs}000000`, step };
  const { data } = await getJson<Envelope<MatrixData>>(`${root}/query_range`, params, signal);
  return data.result.map(({ metric, values }) => ({
    labels: new Map(Object.entries(metric)),
    points: values.map(([at, value]) => [at * 1000, Number(value)] as const),
  }));
}

export async function labelValues(
  name: string,
  { startMs, endMs }: Window,
  signal: AbortSignal,
  /** Only of streams that it selects. */
  query = '',
): Promise<string[]> {
  const params = { start: `${startMs}000000`, end: `${endMs}000000`, query };
  const path = `${root}/label/${encodeURIComponent(name)}/values`;
  return (await getJson<Envelope<string[] | undefined>>(path, params, signal)).data ?? [];
}

export interface Pattern {
  readonly pattern: string;
  readonly level: string;
  readonly count: number;
}

/** What lines of a selector have in common, the most frequent first. */
export async function patterns(
  query: string,
  { startMs, endMs }: Window,
  signal: AbortSignal,
): Promise<Pattern[]> {
  const params = { query, start: `${startMs}000000`, end: `${endMs}000000` };
  const { data } = await getJson<
    Envelope<readonly { pattern: string; level?: string; samples: readonly (readonly [number, number])[] }[]>
  >(`${root}/patterns`, params, signal);
  return data
    .map(({ pattern, level = '', samples }) => ({
      pattern,
      level,
      count: samples.reduce((sum, [, value]) => sum + value, 0),
    }))
    .sort((a, b) => b.count - a.count);
}
