import { useEffect, useRef, useState } from 'preact/hooks';
import type { Panel, PanelQuery, PanelUnit } from '../../api/dashboards';
import { useQuery } from '../../api/use-query';
import { Link } from '../../app/link';
import { linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { useAccess } from '../../app/session';
import { Empty, Shown } from '../../app/states';
import { stepSeconds } from '../../app/time';
import { Heatmap } from '../../charts/heatmap';
import { LinesChart } from '../../charts/lines-chart';
import { seriesNames } from '../../charts/series-name';
import { SeriesTable } from '../../charts/series-table';
import { Sparkline } from '../../charts/sparkline';
import { formatBytes, formatNumber, formatPercent, formatRate, formatSeconds } from '../../format/numbers';
import { Lines } from '../logs/lines';
import { TraceTable } from './trace-table';
import { builtIn, interpolated, type Values } from './interpolate';
import { loadPanel, type Found } from './load';
import { Scroll } from '../../table/scroll';

const formats: Readonly<Record<PanelUnit, (value: number) => string>> = {
  none: formatNumber,
  seconds: formatSeconds,
  milliseconds: (value) => formatSeconds(value / 1000),
  bytes: formatBytes,
  percent: (value) => formatPercent(value / 100),
  ratio: formatPercent,
  perSecond: formatRate,
  bytesPerSecond: (value) => `${formatBytes(value)}/s`,
};

interface Props {
  readonly panel: Panel;
  /** Null while they are not known. */
  readonly values: Values | null;
}

/** True once the element has been near the part of the page in sight. */
function useSeen() {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!element || seen) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && setSeen(true),
      { rootMargin: '300px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [seen]);
  return { box, seen };
}

/** What a panel's queries find, asked for when it is first in sight. */
export function PanelView({ panel, values }: Props) {
  const range = useRange();
  const { admin } = useAccess();
  const { box, seen } = useSeen();
  const { kind, queries } = panel;
  const step = stepSeconds(range.endMs - range.startMs, kind === 'heatmap' ? 60 : 30 * panel.width);
  const all = values && new Map([...builtIn(range, step), ...values]);
  const ready =
    all && queries.map((query) => ({ ...query, text: interpolated(query.text, query.language, all, range) }));
  const asked = ready?.filter(({ text }) => text.trim() !== '') ?? [];
  const locked = !admin && queries.some(({ language }) => language === 'sql');
  const key =
    seen && asked.length > 0 && !locked
      ? JSON.stringify([kind, asked, range.startMs, range.endMs, step])
      : null;
  const found = useQuery(key, (signal) => loadPanel(kind, asked, range, step, signal));
  return (
    <div class="panel-content" ref={box} style={{ minHeight: `${panel.height * 40}px` }}>
      {locked ? (
        <Empty>This panel is SQL: it needs the admin key.</Empty>
      ) : queries.every(({ text }) => text.trim() === '') ? (
        <Empty>It has no query yet.</Empty>
      ) : (
        <Shown query={found} what="Asking">
          {(data) => <Content panel={panel} found={data} step={step} />}
        </Shown>
      )}
      {ready?.[0] && <OpenQuery query={ready[0]} />}
    </div>
  );
}

/** A link to the page of the query's language. */
function OpenQuery({ query: { language, text } }: { readonly query: PanelQuery }) {
  const places = {
    promql: linkTo('metrics', { q: text }),
    logql: linkTo('logs', { q: text }),
    traceql: linkTo('traces', { q: text }),
    sql: linkTo('sql', { sql: text }),
  };
  return (
    <Link to={places[language]} class="panel-open" title="Look further into it">
      look further
    </Link>
  );
}

function Content({
  panel,
  found,
  step,
}: {
  readonly panel: Panel;
  readonly found: Found;
  readonly step: number;
}) {
  const { kind, unit, height, title } = panel;
  const { series, lines, traces, grids } = found;
  const format = formats[unit];
  if (
    series.length + lines.length + traces.length + grids.reduce((sum, { rows }) => sum + rows.length, 0) ===
    0
  )
    return <Empty>Nothing in this time range.</Empty>;
  const auto = seriesNames(series);
  const names = found.names.map((name, i) => name || (auto[i] ?? ''));
  const tall = height * 40;
  if (kind === 'stat') return <Stats found={found} names={names} format={format} />;
  return (
    <>
      {series.length > 0 &&
        (kind === 'heatmap' ? (
          <Heatmap series={series} stepMs={step * 1000} />
        ) : kind === 'lines' || kind === 'stacked' ? (
          <LinesChart
            series={series}
            form={kind}
            label={title}
            names={names}
            format={format}
            height={Math.max(90, tall - 70)}
          />
        ) : (
          <SeriesTable series={series} names={names} format={format} />
        ))}
      {lines.length > 0 && (
        <div class="panel-lines" style={{ height: `${tall}px` }}>
          <Lines rows={lines} view={kind === 'table' ? 'table' : 'lines'} columns={['service_name']} />
        </div>
      )}
      {traces.length > 0 && <TraceTable traces={traces} />}
      {grids.map((grid, i) => (
        <Scroll label={`Rows of ${title}`} key={i}>
          <table>
            <thead>
              <tr>
                {grid.columns.map(({ name }, at) => (
                  <th key={at} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {grid.rows.slice(0, 200).map((row, at) => (
                <tr key={at}>
                  {row.map((value, column) => (
                    <td key={column} class={typeof value === 'number' ? 'number' : 'mono'}>
                      {typeof value === 'number'
                        ? format(value)
                        : typeof value === 'string'
                          ? value.slice(0, 300)
                          : JSON.stringify(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {grid.rows.length > 200 && <p class="faint">The first 200 rows.</p>}
        </Scroll>
      ))}
    </>
  );
}

const shownStats = 24;

function Stats({
  found,
  names,
  format,
}: {
  readonly found: Found;
  readonly names: readonly string[];
  readonly format: (value: number) => string;
}) {
  const ofSeries = found.series.map(({ points }, i) => ({
    name: names[i] ?? '',
    value: [...points].reverse().find(([, value]) => Number.isFinite(value))?.[1] ?? NaN,
    points: points.map(([, value]) => value),
  }));
  const ofRows = found.grids.flatMap(({ columns, rows }) =>
    rows.slice(0, shownStats).flatMap((row) => {
      const at = row.findIndex((value) => Number.isFinite(Number(value)) && value !== null && value !== '');
      if (at < 0) return [];
      const name = row.filter((_value, i) => i < at).join(' ') || (columns[at]?.name ?? '');
      return [{ name, value: Number(row[at]), points: [] }];
    }),
  );
  const counts = [
    ...(found.lines.length > 0 ? [{ name: 'lines', value: found.lines.length, points: [] }] : []),
    ...(found.traces.length > 0 ? [{ name: 'traces', value: found.traces.length, points: [] }] : []),
  ];
  const all = [...ofSeries, ...ofRows, ...counts];
  return (
    <dl class="stats">
      {all.slice(0, shownStats).map(({ name, value, points }, i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>
            {format(value)} {points.length > 1 && <Sparkline values={points} label={`${name} over time`} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}
