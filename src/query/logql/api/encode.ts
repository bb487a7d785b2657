import type { Grid } from '../../series/grid.js';
import { Labels } from '../../series/labels.js';
import {
  atSteps,
  matrixForm,
  renderSeries,
  samplePair,
  vectorForm,
  type MetricSeries,
  type ResultSeries,
  type SeriesForm,
} from '../../series/render.js';
import type { StepSeries, Value } from '../../series/series.js';
import { plainDecimal } from '../../text/numbers.js';
import type { ExecStats } from '../exec/context.js';

/** Loki's `stats` object, of which what has no meaning here is left at 0. */
export function encodeStats(stats: ExecStats, seconds: number, returned: number) {
  const perSecond = (amount: number) => (seconds > 0 ? Math.round(amount / seconds) : 0);
  return {
    summary: {
      bytesProcessedPerSecond: perSecond(stats.bytes),
      linesProcessedPerSecond: perSecond(stats.records),
      totalBytesProcessed: stats.bytes,
      totalLinesProcessed: stats.records,
      execTime: seconds,
      queueTime: 0,
      subqueries: stats.statements,
      totalEntriesReturned: returned,
      splits: 0,
      shards: 0,
      totalPostFilterLines: stats.kept,
      totalStructuredMetadataBytesProcessed: 0,
    },
    querier: {
      store: {
        totalChunksRef: 0,
        totalChunksDownloaded: 0,
        chunksDownloadTime: 0,
        chunk: {
          headChunkBytes: 0,
          headChunkLines: 0,
          decompressedBytes: stats.bytes,
          decompressedLines: stats.records,
          compressedBytes: 0,
          totalDuplicates: 0,
          postFilterLines: stats.kept,
        },
      },
    },
  };
}

/** The series of a range query in the order of their labels; their points are made when they are written. */
export function matrixSeries(value: Value, grid: Grid): ResultSeries[] {
  return byLabels(seriesOf(value, grid.count)).map((series) => atSteps(series, grid));
}

/** The series of an instant query; `ordered`: in the order that they have (sort, topk), not in that of their labels. */
export function instantSeries(value: Value, grid: Grid, ordered: boolean): ResultSeries[] {
  const series = seriesOf(value, grid.count).filter(({ present }) => present[0]);
  return (ordered ? series : byLabels(series)).map((one) => atSteps(one, grid));
}

/** The only sample of a scalar. */
export function scalarSample(values: Float64Array, grid: Grid): object {
  return [Math.trunc(grid.start) / 1000, plainDecimal(values[0] ?? NaN)];
}

function seriesOf(value: Value, steps: number): readonly StepSeries[] {
  if (value.type === 'vector') return value.series;
  if (value.type === 'string') return [];
  return [{ labels: Labels.empty, values: value.values, present: new Uint8Array(steps).fill(1) }];
}

function byLabels(series: readonly StepSeries[]): StepSeries[] {
  return [...series].sort((a, b) => a.labels.compare(b.labels));
}

/** As Loki writes samples: whole milliseconds, never an exponent. */
const sample = (ms: number, value: number) => samplePair(Math.trunc(ms), plainDecimal(value));

const forms = {
  matrix: { ...matrixForm, sample },
  vector: { ...vectorForm, sample },
} satisfies Record<string, SeriesForm<MetricSeries>>;

/** The body of the answer to a metric query, in pieces. */
export async function* seriesAnswer(
  resultType: keyof typeof forms,
  series: readonly MetricSeries[],
  stats?: object,
): AsyncGenerator<string> {
  yield `{"status":"success","data":{"resultType":"${resultType}","result":`;
  yield* renderSeries(series, forms[resultType]);
  yield stats ? `,"stats":${JSON.stringify(stats)}}}` : '}}';
}
