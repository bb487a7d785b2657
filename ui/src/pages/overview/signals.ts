import { getJson, getText } from '../../api/client';
import { labelValues, logMetrics } from '../../api/loki';
import { seconds, tagValues, traceMetrics } from '../../api/tempo';
import { stepSeconds } from '../../app/time';

export interface Signals {
  /** Log lines and spans of each step of the range. */
  readonly logs: readonly number[];
  readonly spans: readonly number[];
  /** The same without a step that is not over, which would look like a fall. */
  readonly logsOver: readonly number[];
  readonly spansOver: readonly number[];
  /** Names of metrics with samples in the range. */
  readonly metricNames: number;
  readonly logServices: readonly string[];
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

export async function loadSignals(range: Window, signal: AbortSignal): Promise<Signals> {
  const step = stepSeconds(range.endMs - range.startMs, 30);
  const [logs, spans, names, logServices] = await Promise.all([
    logMetrics(`sum(count_over_time({service_name=~".+"}[${step}s]))`, range, step, signal),
    traceMetrics('{ } | count_over_time()', range, step, signal),
    getJson<{ data: string[] }>('/api/v1/label/__name__/values', seconds(range), signal),
    labelValues('service_name', range, signal),
  ]);
  const all = ([first]: typeof logs) => (first?.points ?? []).map(([, value]) => value);
  const over = ([first]: typeof logs) =>
    (first?.points ?? []).filter(([at]) => at <= range.endMs).map(([, value]) => value);
  return {
    // The totals have to have the step that is not over, too.
    logs: all(logs),
    spans: all(spans),
    logsOver: over(logs),
    spansOver: over(spans),
    metricNames: names.data.length,
    logServices,
  };
}

const earlierMs = 30 * 86_400_000;

/** Whether the last thirty days have any telemetry at all. */
export async function anythingEarlier(signal: AbortSignal): Promise<boolean> {
  const range = { startMs: Date.now() - earlierMs, endMs: Date.now() };
  const found = await Promise.all([
    labelValues('service_name', range, signal),
    tagValues('resource.service.name', '', range, signal),
    getJson<{ data: string[] }>('/api/v1/label/__name__/values', seconds(range), signal).then(
      ({ data }) => data,
    ),
  ]);
  return found.some(({ length }) => length > 0);
}

/** Records taken since the server started, by signal, from its own metrics. */
export async function recordsTaken(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const text = await getText('/metrics', {}, signal);
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('canardstack_otlp_records_total{')) continue;
    if (!line.includes('outcome="accepted"')) continue;
    const name = /signal="([a-z]+)"/.exec(line)?.[1];
    if (name !== undefined) found.set(name, (found.get(name) ?? 0) + Number(line.split(' ').at(-1)));
  }
  return found;
}
