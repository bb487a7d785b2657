import type { ComponentChildren } from 'preact';
import { useRange } from '../app/range';
import { formatTick } from '../app/time';

interface Props {
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** What the scale says, from the top. */
  readonly scale: readonly string[];
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A drawing over the time range: a scale beside it, the range's ends below. */
export function TimeFigure({ label, width, height, scale, class: name, children }: Props) {
  const { startMs, endMs, utc } = useRange();
  return (
    <figure class="scatter">
      <div class="scatter-body">
        <ul class="scale-labels" aria-hidden="true">
          {scale.map((text, i) => (
            <li key={i}>{text}</li>
          ))}
        </ul>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={label}
          {...(name === undefined ? {} : { class: name })}
        >
          {children}
        </svg>
      </div>
      <figcaption>
        <span>{formatTick(startMs, endMs - startMs, utc)}</span>
        <span>{formatTick(endMs, endMs - startMs, utc)}</span>
      </figcaption>
    </figure>
  );
}
