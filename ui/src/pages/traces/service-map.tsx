import { traceTotals } from '../../api/tempo';
import { useQuery } from '../../api/use-query';
import { go, linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { serviceColor } from '../../charts/service-color';
import { formatRate, formatPercent } from '../../format/numbers';
import { nothing, toTraceql } from './builder';
import { Scroll } from '../../table/scroll';

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly rate: number;
  readonly errorRate: number;
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** Who calls whom: by spans that were served and their parents' services, and by calls of stores and queues. */
async function loadEdges(range: Window, signal: AbortSignal): Promise<Edge[]> {
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
    return [...edges.values()].map(({ from: a, to: b, count, failed }) => {
      return { from: a, to: b, rate: count / seconds, errorRate: count > 0 ? failed / count : 0 };
    });
  };
  const [calls, stores] = await Promise.all([
    ask(served, between, 'resource.service.name'),
    ask(store, 'resource.service.name', toStores),
  ]);
  return [...calls, ...stores].filter(({ from, to }) => from !== to && to !== 'nil');
}

const [boxWidth, boxHeight, gapX, gapY] = [150, 44, 110, 26];

/** Columns by the longest way from a caller that nobody calls; circles are cut. */
function columnsOf(edges: readonly Edge[]): ReadonlyMap<string, number> {
  const columns = new Map<string, number>();
  const visit = (name: string, column: number, above: ReadonlySet<string>) => {
    if (above.has(name) || (columns.get(name) ?? -1) >= column) return;
    columns.set(name, column);
    for (const { from, to } of edges) if (from === name) visit(to, column + 1, new Set([...above, name]));
  };
  const called = new Set(edges.filter(({ from }) => from !== 'nil').map(({ to }) => to));
  const names = new Set(edges.flatMap(({ from, to }) => (from === 'nil' ? [to] : [from, to])));
  for (const name of names) if (!called.has(name)) visit(name, 0, new Set());
  for (const name of names) if (!columns.has(name)) visit(name, 0, new Set());
  return columns;
}

/** Services, and what goes between them. */
export function ServiceMap() {
  const range = useRange();
  const edges = useQuery(`${range.startMs} ${range.endMs}`, (signal) => loadEdges(range, signal));
  return (
    <Scroll label="Service map" class="card">
      <Shown query={edges} what="Reading who calls whom">
        {(data) => (data.length === 0 ? <Empty>No calls in this time range.</Empty> : <Drawn edges={data} />)}
      </Shown>
    </Scroll>
  );
}

function Drawn({ edges }: { readonly edges: readonly Edge[] }) {
  const columns = columnsOf(edges);
  const places = new Map<string, { readonly x: number; readonly y: number }>();
  const filled: number[] = [];
  for (const [name, column] of columns) {
    const row = filled[column] ?? 0;
    filled[column] = row + 1;
    places.set(name, { x: 10 + column * (boxWidth + gapX), y: 10 + row * (boxHeight + gapY) });
  }
  const width = Math.max(...[...places.values()].map(({ x }) => x)) + boxWidth + 10;
  const height = Math.max(...[...places.values()].map(({ y }) => y)) + boxHeight + 10;
  const traces = (name: string, failed: boolean) =>
    linkTo('traces', { q: toTraceql({ ...nothing, service: name, failed }) });
  const own = (name: string) => edges.filter(({ to }) => to === name);
  const most = Math.max(...edges.map(({ rate }) => rate), 1e-9);
  const taken: { readonly x: number; readonly y: number }[] = [];
  /** Further down where another text is in the way. */
  const free = (x: number, wanted: number) => {
    let y = wanted;
    while (taken.some((one) => one.x === x && Math.abs(one.y - y) < 12)) y += 6;
    taken.push({ x, y });
    return y;
  };
  const drawn = edges.flatMap(({ from, to, rate, errorRate }) => {
    const [a, b] = [places.get(from), places.get(to)];
    if (!a || !b) return [];
    const [x1, y1, x2, y2] = [a.x + boxWidth, a.y + boxHeight / 2, b.x, b.y + boxHeight / 2];
    const bend = Math.max(40, Math.abs(x2 - x1) / 2);
    // Where the line enters its callee, between the columns: further back other services may lie under it.
    const near = Math.min(1, gapX / Math.max(gapX, x2 - x1)) / 2;
    return [
      {
        key: `${from} ${to}`,
        failed: errorRate > 0.01,
        path: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
        wide: 1 + 4 * (rate / most),
        x: x2 - gapX / 2,
        y: free(x2 - gapX / 2, y2 - (y2 - y1) * near - 5),
        says: `${formatRate(rate)}${errorRate > 0 ? ` · ${formatPercent(errorRate)}` : ''}`,
      },
    ];
  });
  return (
    <svg class="map" width={width} height={height} role="group" aria-label="Map of services">
      {drawn.map(({ key, failed, path, wide }) => (
        <path key={key} class={failed ? 'edge failed' : 'edge'} d={path} stroke-width={wide} />
      ))}
      {drawn.map(({ key, x, y, says }) => (
        <text key={key} class="edge" x={x} y={y}>
          {says}
        </text>
      ))}
      {[...places].map(([name, { x, y }]) => {
        const into = own(name);
        const rate = into.reduce((sum, edge) => sum + edge.rate, 0);
        const failed = into.reduce((sum, edge) => sum + edge.rate * edge.errorRate, 0);
        return (
          <g key={name} transform={`translate(${x} ${y})`}>
            <a
              class={`node ${failed > rate * 0.01 ? 'failed' : ''}`}
              href={traces(name, failed > 0)}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                go(traces(name, failed > 0));
              }}
            >
              <rect width={boxWidth} height={boxHeight} rx="8" />
              <rect width="6" height={boxHeight} rx="3" fill={serviceColor(name)} stroke="none" />
              <text x="16" y="18" class="node-name">
                {name.slice(0, 18)}
                <title>{`Traces of ${name}`}</title>
              </text>
              <text x="16" y="35">
                {formatRate(rate)}
                {failed > 0 ? ` · ${formatPercent(failed / rate)} failed` : ''}
              </text>
            </a>
          </g>
        );
      })}
    </svg>
  );
}
