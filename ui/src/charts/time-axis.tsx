import { formatTick } from '../app/time';

interface Props {
  readonly startMs: number;
  readonly endMs: number;
  readonly utc: boolean;
}

const parts = 6;

/** Times below a drawing that has the range's whole width. */
export function TimeAxis({ startMs, endMs, utc }: Props) {
  const spanMs = endMs - startMs;
  return (
    <div class="time-axis" aria-hidden="true">
      {Array.from({ length: parts + 1 }, (_, i) => (
        <span key={i}>{formatTick(startMs + (spanMs * i) / parts, spanMs, utc)}</span>
      ))}
    </div>
  );
}
