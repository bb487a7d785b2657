import type { Panel, PanelQuery } from '../../api/dashboards';
import { logLines, logMetrics, type LogRow } from '../../api/loki';
import { promRange } from '../../api/prometheus';
import { runSql, type SqlResult } from '../../api/sql';
import { searchTraces, traceMetrics, type FoundTrace, type Series } from '../../api/tempo';
import { sqlSeries } from '../../charts/sql-series';

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** What the queries of a panel found. */
export interface Found {
  readonly series: readonly Series[];
  /** A name for each of the series; empty where it has none of its own. */
  readonly names: readonly string[];
  readonly lines: readonly LogRow[];
  readonly traces: readonly FoundTrace[];
  readonly grids: readonly SqlResult[];
}

const shownLines = 500;
const shownTraces = 50;
const shownRows = 1000;

const traceMetric =
  /\|\s*(rate|count_over_time|(min|max|avg|sum)_over_time|quantile_over_time|histogram_over_time|compare)\s*\(/;

/** Runs the queries, whose variables are in place. */
export async function loadPanel(
  kind: Panel['kind'],
  queries: readonly PanelQuery[],
  range: Window,
  step: number,
  signal: AbortSignal,
): Promise<Found> {
  const parts = await Promise.all(queries.map((query) => loadQuery(kind, query, range, step, signal)));
  const legends = queries.map(({ legend }) => legend);
  const named = parts.flatMap(({ series = [] }, i) =>
    series.map((one) => ({ one, name: legendOf(legends[i], one.labels) })),
  );
  return {
    series: named.map(({ one }) => one),
    names: named.map(({ name }) => name),
    lines: parts.flatMap(({ lines = [] }) => lines),
    traces: parts.flatMap(({ traces = [] }) => traces),
    grids: parts.flatMap(({ grid }) => (grid ? [grid] : [])),
  };
}

interface Part {
  readonly series?: readonly Series[];
  readonly lines?: readonly LogRow[];
  readonly traces?: readonly FoundTrace[];
  readonly grid?: SqlResult;
}

async function loadQuery(
  kind: Panel['kind'],
  { language, text }: PanelQuery,
  range: Window,
  step: number,
  signal: AbortSignal,
): Promise<Part> {
  switch (language) {
    case 'promql':
      return { series: await promRange(text, range, step, signal) };
    case 'logql':
      return text.trimStart().startsWith('{')
        ? { lines: await logLines(text, range, shownLines, signal) }
        : { series: await logMetrics(text, range, step, signal) };
    case 'traceql':
      return traceMetric.test(text)
        ? { series: (await traceMetrics(text, range, step, signal)).map((one) => finished(one, range)) }
        : { traces: await searchTraces(text, range, shownTraces, signal) };
    case 'sql': {
      const grid = await runSql(text, shownRows, signal);
      return kind === 'lines' || kind === 'stacked' ? { series: sqlSeries(grid) } : { grid };
    }
  }
}

/** Without a last step that is not over: it would look like a fall. */
function finished(series: Series, { endMs }: Window): Series {
  const points = series.points.filter(([at]) => at <= endMs);
  return points.length > 1 ? { ...series, points } : series;
}

function legendOf(legend: string | undefined, labels: ReadonlyMap<string, string>): string {
  if (!legend) return '';
  return legend.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_all, name: string) => labels.get(name) ?? '');
}
