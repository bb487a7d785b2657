import { useRef, useState } from 'preact/hooks';
import { useRange } from '../app/range';
import { formatTime } from '../app/time';
import { formatNumber } from '../format/numbers';
import { Dragged } from './dragged';
import { useDragZoom } from './drag-zoom';
import { TimeAxis } from './time-axis';
import '../style/bars.css';

export interface Stack {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [number, number])[];
}

interface Props {
  readonly stacks: readonly Stack[];
  /** Milliseconds that each point stands for; it ends at the point's time. */
  readonly stepMs: number;
  readonly label: string;
}

const width = 1000;
const height = 90;

/** Stacked bars over time, their values where the pointer is; dragging over some zooms to them. */
export function Bars({ stacks, stepMs, label }: Props) {
  const range = useRange();
  const { startMs, endMs, utc } = range;
  const box = useRef<SVGSVGElement>(null);
  const zoom = useDragZoom(box, range);
  const [pointed, setPointed] = useState<number | null>(null);
  const spanMs = endMs - startMs;
  const sums = new Map<number, { readonly name: string; readonly color: string; readonly value: number }[]>();
  for (const { name, color, points } of stacks) {
    for (const [at, value] of points) {
      if (value > 0) sums.set(at, [...(sums.get(at) ?? []), { name, color, value }]);
    }
  }
  const totals = [...sums.values()].map((parts) => parts.reduce((sum, { value }) => sum + value, 0));
  const most = Math.max(1, ...totals);
  const x = (ms: number) => ((ms - startMs) / spanMs) * width;
  const shown =
    pointed === null ? undefined : [...sums.keys()].find((at) => pointed <= at && pointed > at - stepMs);
  const valueOf = (points: Stack['points']) =>
    shown === undefined
      ? points.reduce((sum, [, value]) => sum + value, 0)
      : (points.find(([at]) => at === shown)?.[1] ?? 0);
  const clear = () => setPointed(null);
  return (
    <figure class="bars">
      <div class="bars-box">
        <span class="bars-most" aria-hidden="true">
          {formatNumber(most)}
        </span>
        <svg
          ref={box}
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${label}; at most ${formatNumber(most)} in one bar`}
          {...zoom.handlers}
          onPointerMove={(event) => {
            setPointed(zoom.timeAt(event));
            zoom.handlers.onPointerMove(event);
          }}
          onPointerLeave={clear}
        >
          {[...sums].map(([at, parts]) => {
            let top = height;
            const left = Math.max(0, x(at - stepMs));
            const wide = Math.max(1, Math.min(width, x(at)) - left - 1);
            return (
              <g key={at} class={shown === undefined || at === shown ? '' : 'other'}>
                {parts.map(({ name, color, value }) => {
                  const tall = Math.max(1.5, (value / most) * (height - 4));
                  top -= tall;
                  return <rect key={name} x={left} y={top} width={wide} height={tall} fill={color} />;
                })}
              </g>
            );
          })}
          <Dragged dragged={zoom.dragged} x={x} height={height} />
        </svg>
      </div>
      <TimeAxis {...range} />
      <figcaption>
        {stacks.map(({ name, color, points }) => (
          <span key={name} class="legend">
            <svg width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" fill={color} />
            </svg>{' '}
            {name} <strong>{formatNumber(valueOf(points))}</strong>
          </span>
        ))}
        <span class="bars-at">
          {shown === undefined
            ? 'Drag to zoom'
            : `${formatTime(shown - stepMs, utc, false)} – ${formatTime(shown, utc, false).slice(11)}`}
        </span>
      </figcaption>
    </figure>
  );
}
