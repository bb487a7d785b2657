import { promTotals } from '../../api/prometheus';
import { traceTotals } from '../../api/tempo';

/** Calls of one service by another, or by nobody known (`nil`). */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** Calls a second. */
  readonly rate: number;
  readonly errorRate: number;
  /** Seconds, about; NaN when it is not known. */
  readonly p95: number;
  /** Whether it is no more than that, of buckets that tell nothing finer. */
  readonly atMost: boolean;
  /** Whether what is called sends no spans, a database for one. */
  readonly silent: boolean;
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** Who calls whom: the metrics that the server makes of spans, or the spans themselves where these are switched off. */
export async function loadEdges(range: Window, signal: AbortSignal): Promise<Edge[]> {
  const edges = await ofMetrics(range, signal);
  return edges.length > 0 ? edges : await ofSpans(range, signal);
}

const prefix = 'traces_service_graph_request_';

async function ofMetrics(range: Window, signal: AbortSignal): Promise<Edge[]> {
  const seconds = Math.max(1, Math.ceil((range.endMs - range.startMs) / 1000));
  const ask = (name: string, ...labels: string[]) => {
    const by = ['client', 'server', 'connection_type', ...labels].join(', ');
    const query = `sum by (${by}) (increase(${prefix}${name}[${seconds}s]))`;
    return promTotals(query, range.endMs, signal);
  };
  const [calls, failures] = await Promise.all([ask('server_seconds_bucket', 'le'), ask('failed_total')]);
  const found = new Map<
    string,
    { from: string; to: string; silent: boolean; failed: number; below: Map<number, number> }
  >();
  const edgeOf = (labels: ReadonlyMap<string, string>) => {
    const [client, server] = [labels.get('client') ?? '', labels.get('server') ?? ''];
    const connection = labels.get('connection_type') ?? '';
    const outside = connection === 'virtual_node' && client === 'user';
    const key = JSON.stringify([client, server]);
    const edge = found.get(key) ?? {
      ...{ from: outside ? 'nil' : client, to: server, failed: 0, below: new Map<number, number>() },
      silent: connection === 'database' || (connection === 'virtual_node' && !outside),
    };
    found.set(key, edge);
    return edge;
  };
  for (const { labels, value } of calls) {
    const { below } = edgeOf(labels);
    const bound = Number(labels.get('le')?.replace('+Inf', 'Infinity'));
    below.set(bound, (below.get(bound) ?? 0) + value);
  }
  for (const { labels, value } of failures) edgeOf(labels).failed += value;
  return [...found.values()]
    .map(({ from, to, silent, failed, below }) => {
      const count = below.get(Infinity) ?? 0;
      return {
        ...{ from, to, silent, rate: count / seconds, errorRate: count > 0 ? failed / count : 0 },
        ...quantileOf(0.95, below),
      };
    })
    .filter(({ from, to, rate }) => from !== to && rate > 0);
}

/** Of cumulative buckets, evenly within one, as `histogram_quantile` has it; of the first one its bound. */
function quantileOf(q: number, below: ReadonlyMap<number, number>): { p95: number; atMost: boolean } {
  const bounds = [...below.keys()].sort((a, b) => a - b);
  const wanted = q * (below.get(Infinity) ?? NaN);
  const at = bounds.findIndex((bound) => (below.get(bound) ?? 0) >= wanted);
  const [upper, lower] = [bounds[at] ?? NaN, bounds[at - 1] ?? 0];
  if (upper === Infinity) return { p95: lower, atMost: false };
  if (at === 0) return { p95: upper, atMost: true };
  const before = below.get(lower) ?? 0;
  const within = (below.get(upper) ?? 0) - before;
  return { p95: lower + ((upper - lower) * (wanted - before)) / within, atMost: false };
}

/** By spans that were served and their parents' services, and by calls of stores and queues. */
async function ofSpans(range: Window, signal: AbortSignal): Promise<Edge[]> {
  const seconds = (range.endMs - range.startMs) / 1000;
  const served = '(kind = server || kind = consumer)';
  const store = 'kind = client && span.db.system.name != nil';
  const [between, toStores] = ['parent.resource.service.name', 'span.db.system.name'];
  const ask = async (condition: string, from: string, to: string) => {
    const q = `{ ${condition} } | count_over_time() by (${from}, ${to}, status)`;
    const edges = new Map<string, { from: string; to: string; count: number; failed: number }>();
    for (const { labels, value } of await traceTotals(q, range, signal)) {
      const [a, b] = [labels.get(from) ?? 'nil', labels.get(to) ?? 'nil'];
      const key = JSON.stringify([a, b]);
      const edge = edges.get(key) ?? { from: a, to: b, count: 0, failed: 0 };
      edges.set(key, edge);
      edge.count += value;
      if (labels.get('status') === 'error') edge.failed += value;
    }
    return [...edges.values()].map(({ from: a, to: b, count, failed }) => ({
      ...{ from: a, to: b, rate: count / seconds, errorRate: count > 0 ? failed / count : 0 },
      ...{ p95: NaN, atMost: false, silent: to === toStores },
    }));
  };
  const [calls, stores] = await Promise.all([
    ask(served, between, 'resource.service.name'),
    ask(store, 'resource.service.name', toStores),
  ]);
  return [...calls, ...stores].filter(({ from, to }) => from !== to && to !== 'nil');
}
