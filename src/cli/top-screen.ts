import { formatBytes } from '../config/index.js';
import { displayWidth } from './table.js';
import type { Percentiles, SignalView, TopView } from './top-model.js';

type Style = 'plain' | 'dim' | 'bold' | 'good' | 'warn' | 'bad';
interface Span {
  readonly text: string;
  readonly style: Style;
}

const sgr: Readonly<Record<Style, string>> = {
  plain: '',
  dim: '2',
  bold: '1',
  good: '32',
  warn: '33',
  bad: '31;1',
};

export interface Look {
  readonly width: number;
  readonly color: boolean;
}

/** The last values of what is drawn as sparklines. */
export interface History {
  readonly bytesPerSecond: readonly number[];
  readonly freshness: readonly number[];
  readonly cores: readonly number[];
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const levels = '▁▂▃▄▅▆▇█';

/** A bar of `width` columns filled to `share` (0 to 1). */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const text = '█'.repeat(Math.floor(filled / 8)) + (eighths[filled % 8] ?? '');
  return text + '░'.repeat(Math.max(0, width - displayWidth(text)));
}

/** One column a value, the tallest at the maximum. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(...shown, 0);
  const line = shown.map((value) => levels[most > 0 ? Math.round((value / most) * 7) : 0] ?? '▁').join('');
  return line.padStart(width);
}

export function formatCount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)}k`;
  if (value >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(1);
}

export function formatSeconds(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '–';
  if (value === Infinity) return '>max';
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
  return `${value.toFixed(value < 10 ? 1 : 0)} s`;
}

function uptime(seconds: number | null): string {
  if (seconds === null) return '–';
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60].map(
    Math.floor,
  );
  return days
    ? `${days}d ${hours}h`
    : hours
      ? `${hours}h ${minutes}m`
      : `${minutes}m ${Math.floor(seconds % 60)}s`;
}

const orDash = (value: number | null, format: (value: number) => string) =>
  value === null ? '–' : format(value);
const plain = (text: string): Span => ({ text, style: 'plain' });
const dim = (text: string): Span => ({ text, style: 'dim' });
const title = (text: string): Span => ({ text: text.padEnd(11), style: 'bold' });

function rated(value: number, style: Style): Span {
  return { text: `${formatCount(value)}/s`, style: value > 0 ? style : 'plain' };
}

function percentiles(value: Percentiles | null): string {
  const at = (key: keyof Percentiles) => formatSeconds(value?.[key] ?? null);
  return `p50 ${at('p50')}  p95 ${at('p95')}  p99 ${at('p99')}`;
}

/** Clips to the terminal's width, then colours. */
function paint(spans: readonly Span[], look: Look): string {
  let left = look.width;
  let out = '';
  for (const { text, style } of spans) {
    let shown = '';
    for (const character of text) {
      const width = displayWidth(character);
      if (width > left) break;
      left -= width;
      shown += character;
    }
    out += look.color && sgr[style] && shown ? `\u001b[${sgr[style]}m${shown}\u001b[0m` : shown;
  }
  return out;
}

const signalColumns = [11, 9, 9, 13, 9, 9, 9, 11, 20] as const;
const signalHead = ['INGEST', 'req/s', 'rec/s', 'bytes/s', 'ack p50', 'p95', 'p99', 'backlog', 'spool'];

function signalLine(view: SignalView): Span[] {
  const share = view.spoolCapacityBytes > 0 ? view.spoolBytes / view.spoolCapacityBytes : 0;
  const style: Style = share > 0.9 ? 'bad' : share > 0.7 ? 'warn' : 'good';
  const cells = [
    formatCount(view.requestsPerSecond),
    formatCount(view.recordsPerSecond),
    `${formatBytes(view.bytesPerSecond)}/s`,
    formatSeconds(view.ack?.p50 ?? null),
    formatSeconds(view.ack?.p95 ?? null),
    formatSeconds(view.ack?.p99 ?? null),
    formatBytes(view.backlogBytes),
  ];
  return [
    plain(view.signal.padEnd(signalColumns[0])),
    plain(cells.map((text, i) => text.padStart(signalColumns[i + 1] ?? 0)).join('')),
    plain('  '),
    { text: bar(share, 10), style },
    plain(` ${(share * 100).toFixed(0).padStart(3)} %`),
  ];
}

/** The screen as lines no wider than the terminal. */
export function renderTop(view: TopView, history: History, url: string, look: Look, clock: string): string[] {
  const { queries, lake, process: own } = view;
  const bytes = view.signals.reduce((sum, signal) => sum + signal.bytesPerSecond, 0);
  const head = signalHead.map((text, i) =>
    i === 0 ? text.padEnd(signalColumns[0]) : i === 8 ? `  ${text}` : text.padStart(signalColumns[i] ?? 0),
  );
  const lines: Span[][] = [
    [
      { text: `canardstack ${view.version}`.trimEnd(), style: 'bold' },
      plain(`  ${url}  up ${uptime(view.uptimeSeconds)}`),
      dim(`  DuckDB ${view.duckdb || '–'}  DuckLake ${view.ducklake || '–'}  ${clock}`),
    ],
    [],
    [{ text: head.join(''), style: 'bold' }],
    ...view.signals.map(signalLine),
    [],
    [title('IN'), plain(`${sparkline(history.bytesPerSecond, 30)} `), plain(`${formatBytes(bytes)}/s`)],
    [
      title('FRESHNESS'),
      plain(`${sparkline(history.freshness, 30)} `),
      plain(
        `projected ${formatSeconds(view.freshnessProjectedSeconds)}   visible ${percentiles(view.visible)}`,
      ),
    ],
    [
      title('CPU'),
      plain(`${sparkline(history.cores, 30)} `),
      plain(`${own.cores.toFixed(2)} cores   loop lag p99 ${formatSeconds(own.eventLoopLagP99Seconds)}`),
    ],
    [],
    [
      title('COMMITS'),
      plain(`${formatCount(view.commitsPerSecond)}/s   failed `),
      rated(view.commitFailuresPerSecond, 'bad'),
    ],
    [
      title('QUERIES'),
      plain(
        `${queries.inFlight} in flight   ${formatCount(queries.perSecond)}/s   ${percentiles(queries.latency)}   failed `,
      ),
      rated(queries.errorsPerSecond, 'warn'),
      plain('   refused '),
      rated(queries.refusalsPerSecond, 'bad'),
    ],
    [
      title('LAKE'),
      plain(`snapshot ${orDash(lake.snapshot, String)}   ${orDash(lake.files, formatCount)} files   `),
      plain(`${orDash(lake.bytes, formatBytes)}   CHECKPOINT ${lake.checkpoints} ok, `),
      { text: `${lake.checkpointFailures} failed`, style: lake.checkpointFailures > 0 ? 'bad' : 'plain' },
    ],
    [
      title('MEMORY'),
      plain(
        `resident ${orDash(own.residentBytes, formatBytes)}   DuckDB ${orDash(own.duckdbBytes, formatBytes)}   `,
      ),
      plain(`JS heap ${orDash(own.heapBytes, formatBytes)}`),
    ],
    [
      title('REFUSED'),
      ...(view.refusals.length === 0
        ? [dim('nothing')]
        : view.refusals.map(({ reason, perSecond }): Span => ({
            text: `${reason} ${formatCount(perSecond)}/s   `,
            style: 'bad',
          }))),
    ],
  ];
  return lines.map((spans) => paint(spans, look));
}

/** One line for logs and pipes. */
export function renderTopLine(view: TopView, clock: string): string {
  const signals = view.signals.map(
    (s) =>
      `${s.signal} ${formatCount(s.requestsPerSecond)} req/s ${formatCount(s.recordsPerSecond)} rec/s ` +
      `${formatBytes(s.bytesPerSecond)}/s ack p95 ${formatSeconds(s.ack?.p95 ?? null)}`,
  );
  return [
    clock,
    ...signals,
    `fresh ${formatSeconds(view.freshnessProjectedSeconds)}`,
    `queries ${formatCount(view.queries.perSecond)}/s p95 ${formatSeconds(view.queries.latency?.p95 ?? null)}`,
    `cpu ${view.process.cores.toFixed(2)}`,
    `rss ${orDash(view.process.residentBytes, formatBytes)}`,
    `refused ${formatCount(view.refusals.reduce((sum, { perSecond }) => sum + perSecond, 0))}/s`,
  ].join(' | ');
}
