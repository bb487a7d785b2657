import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Exemplar } from '../api/prometheus';
import type { Series } from '../api/tempo';
import { go, linkTo } from '../app/location';
import { setRange, useRange } from '../app/range';
import { formatTick, formatTime } from '../app/time';
import { formatNumber } from '../format/numbers';
import { seriesColors } from './series-color';
import { seriesNames } from './series-name';
import 'uplot/dist/uPlot.min.css';
import '../style/chart.css';

type ChartForm = 'lines' | 'stacked';

interface Props {
  readonly series: readonly Series[];
  readonly exemplars?: readonly Exemplar[];
  readonly form: ChartForm;
  readonly label: string;
  /** Of each series; from their labels when left out. */
  readonly names?: readonly string[];
  readonly format?: (value: number) => string;
  /** Its own stretch of time instead of the page's range: dragging zooms nothing then. */
  readonly window?: { readonly startMs: number; readonly endMs: number };
  /** Pixels without the legend. */
  readonly height?: number;
}

const shownSeries = 60;

/** Lines over time, their values where the pointer is; dragging zooms, a click on an exemplar opens its trace. */
export function LinesChart(props: Props) {
  const { series, exemplars = [], form, label, format = formatNumber, height = 300 } = props;
  const host = useRef<HTMLDivElement>(null);
  const page = useRange();
  const range = { utc: page.utc, ...(props.window ?? { startMs: page.startMs, endMs: page.endMs }) };
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const shown = series.slice(0, shownSeries);
  const names = props.names ?? seriesNames(shown);
  const [pointed, setPointed] = useState<number | null>(null);
  const colors = seriesColors(names, getComputedStyle(document.documentElement));
  const color = (i: number) => colors[i] ?? 'gray';
  const traces = useRef(exemplars);
  traces.current = exemplars;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const data = aligned(shown, form === 'stacked', hidden);
    const styles = getComputedStyle(element);
    const axis = {
      stroke: styles.getPropertyValue('--faint'),
      grid: { stroke: styles.getPropertyValue('--line'), width: 1 },
      ticks: { stroke: styles.getPropertyValue('--line'), width: 1 },
    };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        ...(range.utc ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'UTC') } : {}),
        cursor: { drag: { x: props.window === undefined, y: false, setScale: false } },
        legend: { show: false },
        scales: {
          x: { min: range.startMs / 1000, max: range.endMs / 1000 },
          y: { range: (_plot: uPlot, low: number | null, high: number | null) => scaleOf(low, high, form) },
        },
        axes: [
          {
            ...axis,
            size: 28,
            values: (_plot: uPlot, times: number[]) =>
              times.map((at) => formatTick(at * 1000, range.endMs - range.startMs, range.utc)),
          },
          { ...axis, size: 58, values: (_plot, values) => values.map(format) },
        ],
        series: [
          {},
          ...shown.map((_one, i) => ({
            label: names[i] ?? '',
            stroke: color(i),
            width: 1.5,
            show: !hidden.has(i),
            spanGaps: false,
            ...(form === 'stacked' ? { fill: color(i) } : {}),
          })),
        ],
        hooks: {
          setSelect: [
            (zoomed) => {
              const { select } = zoomed;
              if (select.width < 4) return;
              setRange(
                zoomed.posToVal(select.left, 'x') * 1000,
                zoomed.posToVal(select.left + select.width, 'x') * 1000,
              );
            },
          ],
          setCursor: [({ cursor, data: [times] }) => setPointed(pointedMs(cursor.idx, times))],
          draw: [(drawn) => drawExemplars(drawn, traces.current)],
        },
      },
      data,
      element,
    );
    const clicked = (event: MouseEvent) => {
      const found = nearest(plot, traces.current, event);
      if (found) go(linkTo(`trace/${found.traceId}`));
    };
    plot.over.addEventListener('click', clicked);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [series, exemplars, form, hidden, height, range.startMs, range.endMs, range.utc]);

  const toggle = (i: number) => {
    const next = new Set(hidden);
    if (!next.delete(i)) next.add(i);
    setHidden(next);
  };
  return (
    <div class="chart">
      <div ref={host} role="img" aria-label={`${label}: ${series.length} series`} />
      <ul class="chart-legend">
        <li class="chart-at faint">
          {pointed === null ? 'Last values' : formatTime(pointed, range.utc, false)}
        </li>
        {names.slice(0, shownSeries).map((name, i) => (
          <li key={i}>
            <button type="button" class="plain" aria-pressed={!hidden.has(i)} onClick={() => toggle(i)}>
              <svg width="10" height="10" aria-hidden="true">
                <rect
                  width="10"
                  height="10"
                  rx="2"
                  fill={hidden.has(i) ? 'none' : color(i)}
                  stroke={color(i)}
                />
              </svg>{' '}
              <span class="mono">{name}</span>{' '}
              <strong>{format(valueAt(shown[i]?.points ?? [], pointed))}</strong>
            </button>
          </li>
        ))}
        {exemplars.length > 0 && (
          <li class="chart-at faint">
            <span class="exemplar-mark">◆</span> exemplars: a click on one opens its trace
          </li>
        )}
      </ul>
      {series.length > shownSeries && (
        <p class="faint">
          {shownSeries} of {series.length} series are drawn; topk() or sum by () leaves fewer.
        </p>
      )}
    </div>
  );
}

/** From zero where values are stacked or reach near it: what is drawn twice as high is twice as much then. */
function scaleOf(low: number | null, high: number | null, form: ChartForm): [number, number] {
  if (low === null || high === null) return [0, 1];
  const fromZero = low >= 0 && (form === 'stacked' || low < high / 2);
  const [least, most] = uPlot.rangeNum(fromZero ? 0 : low, high, 0.1, true);
  return [least ?? low, most ?? high];
}

function pointedMs(index: number | null | undefined, times: ArrayLike<number>): number | null {
  const at = index === null || index === undefined ? undefined : times[index];
  return at === undefined ? null : at * 1000;
}

/** The value at a time; the last one without a time. */
function valueAt(points: Series['points'], ms: number | null): number {
  return (ms === null ? points.at(-1) : points.find(([at]) => Math.abs(at - ms) < 1))?.[1] ?? NaN;
}

/** One column of times, and of each series its values at them. */
function aligned(
  series: readonly Series[],
  stacked: boolean,
  hidden: ReadonlySet<number>,
): uPlot.AlignedData {
  const times = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const place = new Map(times.map((at, i) => [at, i]));
  const columns = series.map(({ points }) => {
    const column = Array<number | null>(times.length).fill(null);
    for (const [at, value] of points) column[place.get(at) ?? 0] = Number.isFinite(value) ? value : null;
    return column;
  });
  if (stacked) {
    // The first is drawn first, so it has to be the sum of all behind it.
    const sums = Array<number>(times.length).fill(0);
    for (let i = columns.length - 1; i >= 0; i--) {
      const column = columns[i];
      if (!column || hidden.has(i)) continue;
      for (let at = 0; at < times.length; at++) {
        sums[at] = (sums[at] ?? 0) + (column[at] ?? 0);
        column[at] = sums[at] ?? null;
      }
    }
  }
  return [times.map((at) => at / 1000), ...columns];
}

function drawExemplars(plot: uPlot, exemplars: readonly Exemplar[]): void {
  const { ctx } = plot;
  ctx.save();
  ctx.fillStyle = '#e0a732';
  for (const { ms, value } of exemplars) {
    const [x, y] = [plot.valToPos(ms / 1000, 'x', true), plot.valToPos(value, 'y', true)];
    if (y < plot.bbox.top || y > plot.bbox.top + plot.bbox.height || x < plot.bbox.left) continue;
    const size = 5 * window.devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.fill();
  }
  ctx.restore();
}

function nearest(plot: uPlot, exemplars: readonly Exemplar[], event: MouseEvent): Exemplar | undefined {
  const box = plot.over.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  return exemplars.find(
    ({ ms, value }) => Math.hypot(plot.valToPos(ms / 1000, 'x') - x, plot.valToPos(value, 'y') - y) < 9,
  );
}
