import { logLines, logMetrics, type LogRow } from '../../api/loki';
import type { Stack } from '../../charts/bars';
import { levelNamed, levels } from './levels';

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** Of one request at most; the server's own bound. */
const pageLines = 5000;

/** Up to `limit` lines, newest first, in several requests where one may not bring as many. */
export async function loadLines(
  query: string,
  range: Window,
  limit: number,
  signal: AbortSignal,
): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  let endMs = range.endMs;
  while (rows.length < limit) {
    const last = rows.at(-1)?.ms;
    // The page before may end within a millisecond that this one begins with.
    const seen = new Set(rows.filter(({ ms }) => ms === last).map(rowKey));
    const wanted = Math.min(pageLines, limit - rows.length + seen.size);
    const page = await logLines(query, { startMs: range.startMs, endMs }, wanted, signal);
    const fresh = page.filter((row) => !seen.has(rowKey(row)));
    rows.push(...fresh.slice(0, limit - rows.length));
    const oldest = page.at(-1);
    if (page.length < wanted || fresh.length === 0 || !oldest) break;
    endMs = oldest.ms + 1;
  }
  return rows;
}

const around = { lines: 250, ms: 3_600_000 };

/** The lines before and after one, newest first, of an hour on each side at most. */
export async function loadContext(query: string, ns: string, signal: AbortSignal): Promise<LogRow[]> {
  const afterMs = Number(ns.slice(0, -6)) + 1;
  const before = { startMs: afterMs - around.ms, endMs: afterMs };
  const after = { startMs: afterMs, endMs: afterMs + around.ms };
  const [older, newer] = await Promise.all([
    logLines(query, before, around.lines, signal),
    logLines(query, after, around.lines, signal, 'forward'),
  ]);
  return [...newer.reverse(), ...older];
}

export function rowKey({ ns, line, labels }: LogRow): string {
  return `${ns} ${labels.get('service_instance_id') ?? ''} ${labels.get('span_id') ?? ''} ${line}`;
}

/** Lines that a parser could not read are no reason to count none. */
const noErrors = ' | __error__=""';

/** Counts of lines by level over time. */
export async function loadHistogram(
  query: string,
  range: Window,
  step: number,
  signal: AbortSignal,
): Promise<Stack[]> {
  const series = await logMetrics(
    `sum by (level) (count_over_time(${query}${noErrors} [${step}s]))`,
    range,
    step,
    signal,
  );
  const byLevel = new Map<string, Map<number, number>>();
  for (const { labels, points } of series) {
    const level = levelNamed(labels.get('level'));
    const sums = byLevel.get(level) ?? new Map<number, number>();
    byLevel.set(level, sums);
    for (const [at, value] of points) sums.set(at, (sums.get(at) ?? 0) + value);
  }
  return [...levels]
    .filter((level) => byLevel.has(level))
    .map((level) => ({
      name: level,
      color: `var(--level-${level})`,
      points: [...(byLevel.get(level) ?? [])],
    }));
}

export interface Field {
  readonly name: string;
  /** Lines that have it. */
  readonly count: number;
  /** Different values among them. */
  readonly distinct: number;
  readonly values: readonly (readonly [value: string, count: number])[];
}

const topValues = 8;

/** The labels of the given lines, the most selective first, each with its most frequent values. */
export function fieldsOf(rows: readonly LogRow[]): Field[] {
  const counts = new Map<string, Map<string, number>>();
  for (const { labels } of rows) {
    for (const [name, value] of labels) {
      const values = counts.get(name) ?? new Map<string, number>();
      counts.set(name, values);
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
  return [...counts]
    .map(([name, values]) => ({
      name,
      count: [...values.values()].reduce((sum, count) => sum + count, 0),
      distinct: values.size,
      values: [...values].sort(([, a], [, b]) => b - a).slice(0, topValues),
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}
