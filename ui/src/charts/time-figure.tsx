import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { useRange } from '../app/range';
import { Dragged } from './dragged';
import { useDragZoom } from './drag-zoom';
import { TimeAxis } from './time-axis';

interface Props {
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** What the scale says, from the top. */
  readonly scale: readonly string[];
  readonly class?: string;
  /** Its own stretch of time instead of the page's range. */
  readonly window?: { readonly startMs: number; readonly endMs: number };
  readonly children: ComponentChildren;
}

/** A drawing over time: a scale beside it, times below; dragging zooms. */
export function TimeFigure({ label, width, height, scale, class: name, window, children }: Props) {
  const range = useRange();
  const { startMs, endMs } = window ?? range;
  const box = useRef<SVGSVGElement>(null);
  const zoom = useDragZoom(box, { startMs, endMs });
  const x = (ms: number) => ((ms - startMs) / (endMs - startMs)) * width;
  return (
    <figure class="scatter">
      <ul class="scale-labels" aria-hidden="true">
        {scale.map((text, i) => (
          <li key={i}>{text}</li>
        ))}
      </ul>
      <div class="scatter-body">
        <svg
          ref={box}
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={label}
          {...(name === undefined ? {} : { class: name })}
          {...zoom.handlers}
        >
          {children}
          <Dragged dragged={zoom.dragged} x={x} height={height} />
        </svg>
        <TimeAxis startMs={startMs} endMs={endMs} utc={range.utc} />
      </div>
    </figure>
  );
}
