import type { FoundTrace } from '../../api/tempo';
import { go, linkTo } from '../../app/location';
import { useRange } from '../../app/range';
import { TimeFigure } from '../../charts/time-figure';
import { formatSeconds } from '../../format/numbers';
import { errorsOf } from './found';

const width = 1000;
const height = 160;

interface Props {
  readonly traces: readonly FoundTrace[];
  /** Whether the range has more than these, which are its newest. */
  readonly more: boolean;
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** What of the range the traces take: the newest two hundred of a week would be one heap of dots at its end. */
function stretchOf(traces: readonly FoundTrace[], { startMs, endMs }: Window): Window {
  const first = Math.min(...traces.map(({ startTimeUnixNano }) => Number(startTimeUnixNano) / 1e6));
  return { startMs: Math.min(Math.max(first, startMs), endMs - 1000), endMs };
}

/** Each trace a dot: when it began, how long it took (by powers of ten). */
export function Scatter({ traces, more }: Props) {
  const range = useRange();
  const window = more ? stretchOf(traces, range) : range;
  const { startMs, endMs } = window;
  const logs = traces.map(({ durationMs = 0 }) => Math.log10(Math.max(0.1, durationMs)));
  const low = Math.floor(Math.min(...logs, 1));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs)));
  const x = (ms: number) => Math.min(width, Math.max(0, ((ms - startMs) / (endMs - startMs)) * width));
  const y = (log: number) => height - 6 - ((log - low) / (high - low)) * (height - 12);
  const lines = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  return (
    <TimeFigure
      label="Durations over time"
      width={width}
      height={height}
      window={window}
      scale={[...lines].reverse().map((log) => formatSeconds(10 ** log / 1000))}
    >
      {lines.map((log) => (
        <line key={log} x1={0} x2={width} y1={y(log)} y2={y(log)} />
      ))}
      {traces.map((trace, i) => (
        // A line without a length: its round ends are a circle however wide the drawing is stretched.
        <path
          key={trace.traceID}
          d={`M${x(Number(trace.startTimeUnixNano) / 1e6)} ${y(logs[i] ?? low)}h0`}
          class={errorsOf(trace) > 0 ? 'failed' : ''}
          onClick={() => go(linkTo(`trace/${trace.traceID}`))}
        >
          <title>{`${trace.rootServiceName ?? ''} ${trace.rootTraceName ?? ''}: ${formatSeconds((trace.durationMs ?? 0) / 1000)}`}</title>
        </path>
      ))}
    </TimeFigure>
  );
}
