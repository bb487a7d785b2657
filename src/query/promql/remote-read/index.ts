import { setImmediate } from 'node:timers/promises';
import { compress } from 'snappy';
import type { SampleSeries } from '../../series/samples.js';
import { Yielder } from '../../series/yielder.js';
import type { Endpoint } from '../../server/endpoint.js';
import type { QueryContext } from '../../server/guard.js';
import { load } from '../load/load.js';
import type { VectorSelector } from '../syntax/ast.js';
import { chunkFrames, samplesAnswer, type ReadSeries } from './answer.js';
import { readRequest, type ReadQuery } from './request.js';

/**
 * POST /api/v1/read: the stored samples, for other Prometheus servers and what speaks their protocol ("Prometheus
 * Remote-Read" specification): all at once, or series by series as chunks.
 */
export const remoteRead: Endpoint = ({ body }) => {
  const { queries, answer } = readRequest(Buffer.from(body, 'latin1'));
  return async (ctx) => {
    if (answer === 'chunks') {
      return {
        contentType: 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse',
        body: frames(ctx, queries),
      };
    }
    const results: ReadSeries[][] = [];
    for (const query of queries) results.push(await read(ctx, query));
    const message = samplesAnswer(results);
    return {
      contentType: 'application/x-protobuf',
      contentEncoding: 'snappy',
      body: await compress(Buffer.from(message)),
    };
  };
};

async function* frames(ctx: QueryContext, queries: readonly ReadQuery[]): AsyncGenerator<Uint8Array> {
  for (const [i, query] of queries.entries()) {
    for (const series of await read(ctx, query)) {
      yield* chunkFrames(i, series);
      await setImmediate();
    }
  }
}

async function read(ctx: QueryContext, { from, to, matchers }: ReadQuery): Promise<ReadSeries[]> {
  const selector: VectorSelector = { kind: 'selector', name: '', from: 0, to: 0, matchers };
  const window = { from: from - 1, to };
  const loaded = await load(ctx, new Yielder(ctx.signal), new Map([[selector, window]]));
  return (loaded.get(selector) ?? [])
    .map((series) => within(series, from, to))
    .filter(({ times, histograms }) => times.length + histograms.length > 0);
}

/** What lies in the range, and where the series ended. */
function within(series: SampleSeries, from: number, to: number): ReadSeries {
  const inside = (time: number) => time >= from && time <= to;
  const samples: [number, number | null][] = [];
  const histograms: ReadSeries['histograms'][number][] = [];
  series.times.forEach((time, i) => {
    const histogram = series.histograms?.[i];
    if (!inside(time)) return;
    if (histogram) histograms.push([time, histogram]);
    else samples.push([time, series.values[i] ?? NaN]);
  });
  const known = new Set(series.times);
  const ends = [...(series.staleTimes ?? [])].filter((time) => inside(time) && !known.has(time));
  if (ends.length > 0) {
    for (const time of new Set(ends)) samples.push([time, null]);
    samples.sort((a, b) => a[0] - b[0]);
  }
  return {
    labels: series.labels,
    times: samples.map(([time]) => time),
    values: samples.map(([, value]) => value),
    histograms,
  };
}
