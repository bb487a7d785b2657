import { logLines, type LogRow } from '../../api/loki';
import { searchTraces, type FoundTrace } from '../../api/tempo';

export interface Errors {
  readonly logs: readonly LogRow[];
  readonly traces: readonly FoundTrace[];
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

export async function loadErrors(range: Window, signal: AbortSignal): Promise<Errors> {
  const [logs, traces] = await Promise.all([
    logLines('{service_name=~".+", level=~"error|critical|fatal"}', range, 60, signal),
    searchTraces(
      '{ status = error } | select(name, statusMessage, resource.service.name)',
      range,
      12,
      signal,
    ),
  ]);
  return { logs, traces };
}

export interface ErrorGroup {
  readonly service: string;
  readonly line: string;
  readonly count: number;
  readonly lastMs: number;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
}

/** Lines that differ only in numbers and ids are one, newest first. */
export function grouped(rows: readonly LogRow[]): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup>();
  for (const row of rows) {
    const service = row.labels.get('service_name') ?? '';
    const line = row.line.split('\n', 1)[0]?.slice(0, 300) ?? '';
    const key = `${service}\0${line.replace(/[0-9a-f]{6,}|\d+/gi, '#')}`;
    const known = groups.get(key);
    groups.set(key, {
      service,
      line: known?.line ?? line,
      count: (known?.count ?? 0) + 1,
      lastMs: known?.lastMs ?? row.ms,
      traceId: known?.traceId ?? row.labels.get('trace_id'),
      spanId: known ? known.spanId : row.labels.get('span_id'),
    });
  }
  return [...groups.values()];
}
