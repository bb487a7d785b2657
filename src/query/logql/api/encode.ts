import type { Grid } from '../../series/grid.js';
import { Labels } from '../../series/labels.js';
import {
  atSteps,
  matrixForm,
  renderSeries,
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
    querier: { store: storeStats(stats) },
    ingester: {
      totalReached: 1,
      totalChunksMatched: 0,
      totalBatches: 0,
      totalLinesSent: 0,
      store: storeStats(),
    },
    cache: {
      chunk: cacheStats,
      index: cacheStats,
      result: cacheStats,
      statsResult: cacheStats,
      volumeResult: cacheStats,
      seriesResult: cacheStats,
      labelResult: cacheStats,
      instantMetricResult: cacheStats,
    },
    index: {
      totalChunks: stats.groups,
      postFilterChunks: stats.groups,
      shardsDuration: 0,
      usedBloomFilters: false,
    },
  };
}

/** Chunks are the row groups of data files that may have wanted lines, where a query looks for them before it reads. */
function storeStats({ bytes, records, kept, groups, fileBytes }: Partial<ExecStats> = {}) {
  return {
    totalChunksRef: groups ?? 0,
    totalChunksDownloaded: groups ?? 0,
    chunkRefsFetchTime: 0,
    queryReferencedStructuredMetadata: false,
    chunk: {
      headChunkBytes: 0,
      headChunkLines: 0,
      headChunkStructuredMetadataBytes: 0,
      decompressedBytes: bytes ?? 0,
      decompressedStructuredMetadataBytes: 0,
      decompressedLines: records ?? 0,
      compressedBytes: fileBytes ?? 0,
      totalDuplicates: 0,
      postFilterLines: kept ?? 0,
    },
    chunksDownloadTime: 0,
    congestionControlLatency: 0,
    pipelineWrapperFilteredLines: 0,
  };
}

const cacheStats = {
  entriesFound: 0,
  entriesRequested: 0,
  entriesStored: 0,
  bytesReceived: 0,
  bytesSent: 0,
  requests: 0,
  downloadTime: 0,
  queryLengthServed: 0,
};

/** The series of a range query in the order of their labels, equal ones as one; their points are made when they are written. */
export function matrixSeries(value: Value, grid: Grid): ResultSeries[] {
  return behindOneAnother(byLabels(seriesOf(value, grid.count)).map((series) => atSteps(series, grid)));
}

/** Series of the same labels as one, its points in the order of time. */
export function behindOneAnother(all: readonly ResultSeries[]): ResultSeries[] {
  const bySeries = new Map<string, ResultSeries[]>();
  for (const one of all) {
    const equal = bySeries.get(one.labels.key);
    if (equal) equal.push(one);
    else bySeries.set(one.labels.key, [one]);
  }
  return [...bySeries.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    if (others.length === 0) return [first];
    const points = () => {
      const samples = [first, ...others].flatMap((one) => {
        const { times, values } = one.points();
        return Array.from(times, (time, i) => [time, values[i] ?? NaN] as const);
      });
      samples.sort(([a], [b]) => a - b);
      return { times: samples.map(([time]) => time), values: samples.map(([, value]) => value) };
    };
    return [{ ...first, points }];
  });
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
const sample = { before: (ms: number) => matrixForm.before(Math.trunc(ms)), value: plainDecimal };

const forms = {
  matrix: { ...matrixForm, ...sample },
  vector: { ...vectorForm, ...sample },
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
