/**
 * A small reader of Prometheus' test language: `load <step>` with series in its expanding notation, and
 * `eval instant at <time> <expr>` / `eval range from <t> to <t> step <d> <expr>` with the expected series;
 * `eval_ordered` minds the order, `eval_fail` wants an error.
 */
import { parseDuration, prometheusDuration } from '../../src/query/text/durations.js';
import { metricName } from '../../src/query/series/labels.js';
import { parseSelector } from '../../src/query/promql/plan/prepare.js';
import type { TableName } from '../../src/schema/index.js';
import type { TestLake } from './lake.js';

/** Time 0 of the scripts. A multiple of every usual step, so that subqueries fall on the scripts' own steps. */
export const scriptStart = Date.UTC(2024, 0, 1);

export type Point = number | null | 'stale';

export interface Evaluation {
  readonly line: number;
  readonly kind: 'eval' | 'eval_ordered' | 'eval_fail';
  readonly expr: string;
  readonly start: number;
  readonly end: number;
  /** 0 for an instant. */
  readonly step: number;
  readonly expected: readonly {
    readonly labels: Record<string, string>;
    readonly points: readonly Point[];
  }[];
}

interface Load {
  readonly step: number;
  readonly series: { labels: Record<string, string>; points: readonly Point[] }[];
}

export function readScript(text: string): { loads: Load[]; evaluations: Evaluation[] } {
  const loads: Load[] = [];
  const evaluations: (Evaluation & {
    expected: { labels: Record<string, string>; points: readonly Point[] }[];
  })[] = [];
  let into: { labels: Record<string, string>; points: readonly Point[] }[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const load = /^load (\S+)$/.exec(line);
    const evaluation =
      /^(eval|eval_ordered|eval_fail) (?:instant at (\S+)|range from (\S+) to (\S+) step (\S+)) (.+)$/.exec(
        line,
      );
    if (load) {
      into = [];
      loads.push({ step: ms(load[1]), series: into });
    } else if (evaluation) {
      const [, kind, at, from, to, step, expr = ''] = evaluation;
      into = [];
      evaluations.push({
        line: index + 1,
        kind: kind as Evaluation['kind'],
        expr,
        start: scriptStart + ms(at ?? from),
        end: scriptStart + ms(at ?? to),
        step: at ? 0 : ms(step),
        expected: into,
      });
    } else {
      into.push(seriesLine(line));
    }
  });
  return { loads, evaluations };
}

function ms(text = ''): number {
  const nanoseconds = parseDuration(text, prometheusDuration);
  if (nanoseconds === undefined) throw new Error(`${text} is no duration`);
  return Number(nanoseconds) / 1e6;
}

function seriesLine(line: string): { labels: Record<string, string>; points: Point[] } {
  const parts = /^([a-zA-Z_:][\w:]*)?(\{.*\})?\s*(.*)$/.exec(line);
  const [, name, braces, values = ''] = parts ?? [];
  if (/^(NaN|Inf)$/.test(name ?? '') || (!name && !braces)) return { labels: {}, points: points(line) };
  const labels: Record<string, string> = {};
  if (name) labels[metricName] = name;
  if (braces && braces !== '{}') {
    for (const matcher of parseSelector(`x${braces}`).matchers) {
      if (matcher.name !== metricName) labels[matcher.name] = matcher.value;
    }
  }
  return { labels, points: points(values) };
}

/** `a+bxn` is n + 1 values, `axn` the same value n + 1 times, `_` none, `_xn` n times none. */
function points(text: string): Point[] {
  return text.split(/\s+/).flatMap((word): Point[] => {
    const run = /^([^x]+?)(?:([+-][\d.]+))?x(\d+)$/.exec(word);
    if (word === '_') return [null];
    if (!run) return [single(word)];
    const [, first = '', delta = '0', count = '0'] = run;
    if (first === '_') return new Array<null>(Number(count)).fill(null);
    return Array.from({ length: Number(count) + 1 }, (_, i) => number(first) + i * Number(delta));
  });
}

function single(word: string): Point {
  return word === 'stale' ? 'stale' : number(word);
}

function number(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return text === 'NaN' ? NaN : Number(text);
}

/** Names that end in `_total` become cumulative sums, all others gauges; every label is a metric attribute. */
export async function insertScript(lake: TestLake, loads: readonly Load[]): Promise<void> {
  for (const { step, series } of loads) {
    const rows: Partial<Record<TableName, Record<string, unknown>[]>> = {};
    for (const { labels, points: values } of series) {
      const { [metricName]: name = '', ...attributes } = labels;
      const table = name.endsWith('_total') ? 'metric_sum' : 'metric_gauge';
      values.forEach((value, i) => {
        if (value === null) return;
        (rows[table] ??= []).push({
          ...metricPoint(scriptStart + i * step, name, attributes),
          value: value === 'stale' ? null : value,
          flags: value === 'stale' ? 1 : 0,
          ...(table === 'metric_sum' ? { aggregation_temporality: 2, is_monotonic: true } : {}),
        });
      });
    }
    for (const [table, list] of Object.entries(rows)) await lake.insert(table as TableName, list);
  }
}

/** The columns that every metric table has. */
export function metricPoint(
  timeMs: number,
  name: string,
  attributes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    timestamp: new Date(timeMs).toISOString().replace('T', ' ').replace('Z', ''),
    time_unix_nano: BigInt(timeMs) * 1_000_000n,
    metric_name: name,
    prometheus_name: name,
    metric_attributes: Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : null,
  };
}
