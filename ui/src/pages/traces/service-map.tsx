import { useState } from 'preact/hooks';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { go, linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { Empty, Shown } from '../../app/states';
import { serviceColor } from '../../charts/service-color';
import { ServiceMark } from '../../charts/service-mark';
import { formatPercent, formatRate, formatSeconds } from '../../format/numbers';
import { boxHeight, boxWidth, layOut } from './map-layout';
import { nothing, toTraceql } from './builder';
import { loadEdges, type Edge } from './edges';
import { Scroll } from '../../table/scroll';

/** Services, and what goes between them. */
export function ServiceMap() {
  const range = useRange();
  const edges = useQuery(`${range.startMs} ${range.endMs}`, (signal) => loadEdges(range, signal));
  return (
    <Shown query={edges} what="Reading who calls whom">
      {(data) =>
        data.length === 0 ? (
          <Empty>No calls in this time range.</Empty>
        ) : (
          <>
            <Scroll label="Service map" class="card">
              <Drawn edges={data} />
            </Scroll>
            <Calls edges={data} />
          </>
        )
      }
    </Shown>
  );
}

const failing = 0.01;

/** What names a database or another place that sends no spans, as who calls it tells. */
const peers = ['peer.service', 'server.address', 'network.peer.address', 'db.system.name', 'db.system'];

/** The traces of what is called: of a service by its own spans, else by those of its callers. */
function tracesOf(name: string, into: readonly Edge[], failed: boolean): string {
  const silent = into.length > 0 && into.every(({ silent: one }) => one);
  const called = peers.map((key) => `span.${key} = ${JSON.stringify(name)}`).join(' || ');
  return linkTo('traces', {
    q: silent
      ? `{ kind = client && (${called})${failed ? ' && status = error' : ''} }`
      : toTraceql({ ...nothing, service: name, failed }),
  });
}

function Drawn({ edges }: { readonly edges: readonly Edge[] }) {
  const [over, setOver] = useState<string>();
  const { places, curves, width, height } = layOut(edges, saysOf);
  const most = Math.max(...edges.map(({ rate }) => rate), 1e-9);
  const classOf = ({ from, to, errorRate }: Edge) =>
    [
      'edge',
      errorRate > failing ? 'failed' : '',
      over === undefined ? '' : over === from || over === to ? 'near' : 'far',
    ].join(' ');
  return (
    <svg
      class="map"
      viewBox={`0 0 ${width} ${height}`}
      style={{ minWidth: `${width}px`, maxWidth: `${width * 1.5}px` }}
      role="group"
      aria-label="Map of services"
    >
      {curves.map(({ edge, path }) => (
        <path
          key={`${edge.from} ${edge.to}`}
          class={classOf(edge)}
          d={path}
          stroke-width={1 + 4 * Math.sqrt(edge.rate / most)}
        />
      ))}
      {curves.map(({ edge, x, y }) => (
        <text key={`${edge.from} ${edge.to}`} class={classOf(edge)} x={x} y={y}>
          {saysOf(edge)}
        </text>
      ))}
      {[...places].map(([name, { x, y }]) => {
        const into = edges.filter(({ to }) => to === name);
        const rate = into.reduce((sum, edge) => sum + edge.rate, 0);
        const failed = into.reduce((sum, edge) => sum + edge.rate * edge.errorRate, 0);
        const href = tracesOf(name, into, failed > rate * failing);
        return (
          <g key={name} transform={`translate(${x} ${y})`}>
            <a
              class={`node ${failed > rate * failing ? 'failed' : ''}`}
              href={href}
              onPointerEnter={() => setOver(name)}
              onPointerLeave={() => setOver(undefined)}
              onFocus={() => setOver(name)}
              onBlur={() => setOver(undefined)}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                go(href);
              }}
            >
              <rect width={boxWidth} height={boxHeight} rx="8" />
              <rect width="6" height={boxHeight} rx="3" fill={serviceColor(name)} stroke="none" />
              <text x="16" y="19" class="node-name">
                {name.length > 18 ? `${name.slice(0, 17)}…` : name}
                <title>{`Traces of ${name}`}</title>
              </text>
              <text x="16" y="37">
                {formatRate(rate)}
                {failed > 0 && <tspan class="failing">{` · ${formatPercent(failed / rate)} failed`}</tspan>}
              </text>
            </a>
          </g>
        );
      })}
    </svg>
  );
}

function saysOf({ rate, errorRate }: Edge): string {
  return `${formatRate(rate)}${errorRate > 0 ? ` · ${formatPercent(errorRate)}` : ''}`;
}

/** The same as a table, the failing ones first. */
function Calls({ edges }: { readonly edges: readonly Edge[] }) {
  const sorted = [...edges].sort((a, b) => b.errorRate - a.errorRate || b.rate - a.rate);
  return (
    <section class="card" aria-labelledby="calls">
      <h2 id="calls">Calls</h2>
      <Scroll label="Calls between services">
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col" class="number">
                Calls
              </th>
              <th scope="col" class="number">
                Failed
              </th>
              <th scope="col" class="number">
                p95
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((edge) => {
              const { from, to, rate, errorRate, p95, atMost } = edge;
              return (
                <tr key={`${from} ${to}`}>
                  <td>
                    {from === 'nil' ? <span class="faint">no caller known</span> : <Named name={from} />}
                  </td>
                  <td>
                    <Link to={tracesOf(to, [edge], errorRate > failing)}>
                      <Named name={to} />
                    </Link>
                  </td>
                  <td class="number">{formatRate(rate)}</td>
                  <td class={`number ${errorRate > failing ? 'bad-text' : 'faint'}`}>
                    {formatPercent(errorRate)}
                  </td>
                  <td class="number">{`${atMost ? '≤ ' : ''}${formatSeconds(p95)}`}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Named({ name }: { readonly name: string }) {
  return (
    <>
      <ServiceMark name={name} />
      {name}
    </>
  );
}
