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
      40,
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

export interface TraceGroup {
  readonly root: { readonly service: string; readonly name: string };
  readonly count: number;
  readonly newest: FoundTrace;
  readonly lastMs: number;
  /** What the last of the failed spans that were found says of it. */
  readonly says: string;
}

/** Traces that begin with the same operation are one, newest first. */
export function groupedTraces(traces: readonly FoundTrace[]): TraceGroup[] {
  const groups = new Map<string, TraceGroup>();
  for (const trace of traces) {
    const root = { service: trace.rootServiceName ?? '', name: trace.rootTraceName ?? '' };
    const key = `${root.service}\0${root.name}`;
    const known = groups.get(key);
    const lastMs = Number(trace.startTimeUnixNano) / 1e6;
    const newest = known === undefined || lastMs > known.lastMs ? trace : known.newest;
    groups.set(key, {
      root,
      count: (known?.count ?? 0) + 1,
      newest,
      lastMs: Math.max(known?.lastMs ?? 0, lastMs),
      says: known?.says || failureOf(trace),
    });
  }
  return [...groups.values()].sort((a, b) => b.lastMs - a.lastMs);
}

function failureOf({ spanSets = [] }: FoundTrace): string {
  // The one that began last: its callers fail because of it.
  const spans = spanSets
    .flatMap((set) => set.spans ?? [])
    .sort((a, b) => Number(b.startTimeUnixNano) - Number(a.startTimeUnixNano));
  for (const { attributes = [] } of spans) {
    const text = (name: string) => attributes.find(({ key }) => key === name)?.value.stringValue ?? '';
    if (text('statusMessage') === '') continue;
    return `${text('service.name') || text('resource.service.name')}: ${text('statusMessage')}`.slice(0, 300);
  }
  return '';
}
