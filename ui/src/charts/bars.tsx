import { useRef, useState } from 'preact/hooks';
import { setRange, useRange } from '../app/range';
import { formatTick, formatTime } from '../app/time';
import { formatNumber } from '../format/numbers';
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

/** Stacked bars over time; dragging over some zooms to them. */
export function Bars({ stacks, stepMs, label }: Props) {
  const { startMs, endMs, utc } = useRange();
  const box = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<readonly [number, number] | null>(null);
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
  const timeAt = (event: PointerEvent) => {
    const { left, width: wide } = box.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    return startMs + Math.min(1, Math.max(0, (event.clientX - left) / wide)) * spanMs;
  };
  const end = () => {
    if (drag && Math.abs(drag[1] - drag[0]) > spanMs / 200) setRange(Math.min(...drag), Math.max(...drag));
    setDrag(null);
  };
  return (
    <figure class="bars">
      <svg
        ref={box}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}; at most ${formatNumber(most)} in one bar`}
        onPointerDown={(event) => {
          box.current?.setPointerCapture(event.pointerId);
          setDrag([timeAt(event), timeAt(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], timeAt(event)])}
        onPointerUp={end}
      >
        {[...sums].map(([at, parts]) => {
          let top = height;
          return (
            <g key={at}>
              <title>
                {`${formatTime(at - stepMs, utc, false)}\n${parts.map(({ name, value }) => `${name}: ${formatNumber(value)}`).join('\n')}`}
              </title>
              {parts.map(({ name, color, value }) => {
                const tall = Math.max(1, (value / most) * (height - 4));
                top -= tall;
                const left = Math.max(0, x(at - stepMs));
                const wide = Math.max(1, x(at) - left - 1);
                return <rect key={name} x={left} y={top} width={wide} height={tall} fill={color} />;
              })}
            </g>
          );
        })}
        {drag && (
          <rect
            class="drag"
            x={x(Math.min(...drag))}
            width={Math.abs(x(drag[1]) - x(drag[0]))}
            y={0}
            height={height}
          />
        )}
      </svg>
      <figcaption>
        <span>{formatTick(startMs, spanMs, utc)}</span>
        <span class="row">
          {stacks.map(({ name, color, points }) => (
            <span key={name} class="legend">
              <svg width="10" height="10" aria-hidden="true">
                <rect width="10" height="10" rx="2" fill={color} />
              </svg>{' '}
              {name} {formatNumber(points.reduce((sum, [, value]) => sum + value, 0))}
            </span>
          ))}
        </span>
        <span>{formatTick(endMs, spanMs, utc)}</span>
      </figcaption>
    </figure>
  );
}
