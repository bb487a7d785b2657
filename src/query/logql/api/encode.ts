import type { ExecStats } from '../exec/context.js';
import type { LogEntry } from '../exec/logs.js';
import { Labels } from '../../series/labels.js';
import { atSteps, matrixForm, samplePair, type ResultSeries, type SeriesForm } from '../../series/render.js';
import type { Labels as LabelList, Result, Steps } from '../exec/series.js';

/** Loki's `stats` object. Only what is measured is filled in; bytes are not. */
export function encodeStats(stats: ExecStats, seconds: number, returned: number) {
  return {
    summary: {
      bytesProcessedPerSecond: 0,
      linesProcessedPerSecond: seconds > 0 ? Math.round(stats.records / seconds) : 0,
      totalBytesProcessed: 0,
      totalLinesProcessed: stats.records,
      execTime: seconds,
      queueTime: 0,
      subqueries: stats.statements,
      totalEntriesReturned: returned,
    },
  };
}

type Entry =
  | [time: string, line: string]
  | [time: string, line: string, categories: { structuredMetadata?: object; parsed?: object }];

interface Stream {
  readonly stream: Labels;
  readonly values: Entry[];
}

/**
 * Entries as streams, in the order of their first entry. `categorize`: a stream is its stream labels, and each
 * entry shows its structured metadata and parsed labels apart; otherwise all labels make the stream.
 */
export function encodeStreams(entries: readonly LogEntry[], categorize: boolean): Stream[] {
  const streams = new Map<string, Stream>();
  for (const { timeNs, line, labels } of entries) {
    const shown: [string, string][] = [];
    const metadata: [string, string][] = [];
    const parsed: [string, string][] = [];
    for (const [name, value, category] of labels) {
      const target =
        !categorize || category === 'stream' ? shown : category === 'metadata' ? metadata : parsed;
      target.push([name, value]);
    }
    const own = Labels.of(shown);
    let stream = streams.get(own.key);
    if (!stream) streams.set(own.key, (stream = { stream: own, values: [] }));
    const time = String(timeNs);
    stream.values.push(
      categorize
        ? [
            time,
            line,
            {
              ...(metadata.length > 0 && { structuredMetadata: Object.fromEntries(metadata) }),
              ...(parsed.length > 0 && { parsed: Object.fromEntries(parsed) }),
            },
          ]
        : [time, line],
    );
  }
  return [...streams.values()];
}

/** A sample value as Go's strconv 'f' format writes it, never with an exponent. */
export function formatSample(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = '', exponent] = match;
  const power = Number(exponent);
  const digits = whole + fraction;
  return power < 0
    ? `${sign}0.${'0'.repeat(-power - 1)}${digits}`
    : `${sign}${digits}${'0'.repeat(power - fraction.length)}`;
}

function seconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n) / 1000;
}

function stepTime(steps: Steps, k: number): number {
  return seconds(steps.start + BigInt(steps.step) * BigInt(k));
}

/** The series of a range query in the order of their labels; their points are made when they are written. */
export function matrixSeries(result: Result, steps: Steps): ResultSeries[] {
  const start = Number(steps.start / 1_000_000n) + Number(steps.start % 1_000_000n) / 1e6;
  const grid = { start, step: steps.step / 1e6, count: steps.count };
  if (result.kind === 'scalar') {
    const values = new Float64Array(steps.count).fill(result.value);
    return [atSteps({ labels: Labels.empty, values, present: new Uint8Array(steps.count).fill(1) }, grid)];
  }
  return [...result.series]
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ labels, values, present }) => atSteps({ labels: Labels.of(labels), values, present }, grid));
}

/** As Loki writes a matrix: samples without exponents. */
export const lokiMatrix: SeriesForm<ResultSeries> = {
  ...matrixForm,
  sample: (ms, value) => samplePair(Math.trunc(ms), formatSample(value)),
};

/** The only step of an instant query; the order of series is the query's (sort, topk) or that of their labels. */
export function encodeInstant(result: Result, steps: Steps, ordered: boolean) {
  const time = stepTime(steps, 0);
  if (result.kind === 'scalar') {
    return { resultType: 'scalar' as const, result: [time, formatSample(result.value)] as const };
  }
  const series = result.series.filter(({ present }) => present[0]);
  if (!ordered) series.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    resultType: 'vector' as const,
    result: series.map(({ labels, values }) => ({
      metric: metric(labels),
      value: [time, formatSample(values[0] ?? NaN)] as const,
    })),
  };
}

function metric(labels: LabelList): object {
  return Object.fromEntries(labels);
}
