import type { Series } from '../api/tempo';
import { useRange } from '../app/range';
import { formatTime } from '../app/time';
import { formatNumber } from '../format/numbers';
import { TimeFigure } from './time-figure';

interface Props {
  /** Rates of a classic histogram's cumulative buckets: each with `le`. */
  readonly series: readonly Series[];
  readonly stepMs: number;
}

const width = 1000;
const height = 260;

/** Observations by bucket and time: the more, the stronger. */
export function Heatmap({ series, stepMs }: Props) {
  const { startMs, endMs, utc } = useRange();
  const sums = new Map<number, Map<number, number>>();
  for (const { labels, points } of series) {
    const text = labels.get('le');
    if (text === undefined) continue;
    const bound = text === '+Inf' ? Infinity : Number(text);
    const column = sums.get(bound) ?? new Map<number, number>();
    sums.set(bound, column);
    for (const [at, value] of points) column.set(at, (column.get(at) ?? 0) + value);
  }
  const bounds = [...sums.keys()].sort((a, b) => a - b);
  if (bounds.length === 0)
    return <p class="faint">A heatmap needs buckets: a query that keeps the label le.</p>;
  const cells = bounds.flatMap((bound, row) =>
    [...(sums.get(bound) ?? [])].map(([at, value]) => ({
      at,
      row,
      value: Math.max(0, value - (row === 0 ? 0 : (sums.get(bounds[row - 1] ?? 0)?.get(at) ?? 0))),
    })),
  );
  const most = Math.max(...cells.map(({ value }) => value), 1e-12);
  const tall = height / bounds.length;
  const x = (ms: number) => ((ms - startMs) / (endMs - startMs)) * width;
  return (
    <TimeFigure
      label="Heatmap of buckets over time"
      width={width}
      height={height}
      scale={[...bounds].reverse().map((bound) => `≤ ${formatNumber(bound)}`)}
      class="heatmap"
    >
      {cells
        .filter(({ value }) => value > 0)
        .map(({ at, row, value }) => (
          <rect
            key={`${at} ${row}`}
            x={x(at - stepMs)}
            y={height - (row + 1) * tall}
            width={Math.max(1, x(at) - x(at - stepMs))}
            height={tall}
            opacity={0.12 + 0.88 * Math.sqrt(value / most)}
          >
            <title>{`${formatTime(at, utc, false)}\nup to ${formatNumber(bounds[row] ?? NaN)}: ${formatNumber(value)}`}</title>
          </rect>
        ))}
    </TimeFigure>
  );
}
