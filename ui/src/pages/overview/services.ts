import { traceMetrics, traceTotals, type Series } from '../../api/tempo';
import { stepSeconds } from '../../app/time';

export interface Service {
  readonly name: string;
  /** Requests a second over the range: spans of kind server or consumer; of a service without any, all its spans. */
  readonly rate: number;
  readonly rates: readonly number[];
  readonly errorRate: number;
  readonly errors: readonly number[];
  /** Seconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p95s: readonly number[];
  readonly served: boolean;
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

const served = '{ kind = server || kind = consumer }';
const by = 'by (resource.service.name)';
const points = 30;

export async function loadServices(range: Window, signal: AbortSignal): Promise<Service[]> {
  const step = stepSeconds(range.endMs - range.startMs, points);
  const ask = (q: string) => traceMetrics(q, range, step, signal);
  const [all, counts, errors, p95s, quantiles] = await Promise.all([
    ask(`{ } | count_over_time() ${by}`),
    ask(`${served} | count_over_time() ${by}`),
    ask(`{ (kind = server || kind = consumer) && status = error } | count_over_time() ${by}`),
    ask(`${served} | quantile_over_time(duration, .95) ${by}`),
    traceTotals(`${served} | quantile_over_time(duration, .5, .95, .99) ${by}`, range, signal),
  ]);
  return all
    .map((series) => {
      const name = nameOf(series.labels);
      const count = ofService(counts, name);
      const quantile = (p: number) =>
        quantiles.find(({ labels }) => nameOf(labels) === name && Number(labels.get('p')) === p)?.value ??
        NaN;
      const errorValues = valuesOf(ofService(errors, name));
      const values = valuesOf(count ?? series);
      const requests = sum(values);
      return {
        name,
        rate: requests / secondsOf(series, step, range.endMs),
        rates: whole(values, series, range.endMs),
        errorRate: count && requests > 0 ? sum(errorValues) / requests : NaN,
        errors: whole(errorValues, series, range.endMs),
        p50: quantile(0.5),
        p95: quantile(0.95),
        p99: quantile(0.99),
        p95s: valuesOf(ofService(p95s, name)),
        served: count !== undefined,
      };
    })
    .sort((a, b) => (b.errorRate || 0) - (a.errorRate || 0) || b.rate - a.rate);
}

/** The time that the points stand for: each the step before it, the last one up to the present at most. */
function secondsOf({ points: all }: Series, step: number, endMs: number): number {
  const [first] = all[0] ?? [endMs];
  const last = Math.min(all.at(-1)?.[0] ?? endMs, endMs);
  return Math.max(1, step + (last - first) / 1000);
}

/** Without the last value while its step is not over: it would look like a fall. */
function whole(values: readonly number[], { points: all }: Series, endMs: number): readonly number[] {
  return values.length > 2 && (all.at(-1)?.[0] ?? 0) > endMs ? values.slice(0, -1) : values;
}

function nameOf(labels: Series['labels']): string {
  return labels.get('resource.service.name') ?? labels.get('service.name') ?? 'unknown_service';
}

function ofService(all: readonly Series[], name: string): Series | undefined {
  return all.find((series) => nameOf(series.labels) === name);
}

function valuesOf(series: Series | undefined): number[] {
  return series?.points.map(([, value]) => value) ?? [];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
