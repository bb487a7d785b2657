import type { Endpoint, Endpoints } from '../server/endpoint.js';
import { Params } from '../server/params.js';
import { json, streamed, success, successJson, truncated, type Answer } from '../server/reply.js';
import type { QueryContext, QueryLimits } from '../server/guard.js';
import { goQuote } from '../text/go-quote.js';
import {
  exemplarsAnswer,
  labelsAnswer,
  labelValuesAnswer,
  metadataAnswer,
  seriesAnswer,
} from './api/answers.js';
import { expression, formatted, instantQuery, rangeQuery, type PreparedQuery } from './api/query.js';
import { limitOf } from './api/parameters.js';
import { renderResult } from './api/render.js';
import { syntaxTree } from './api/syntax-tree.js';
import { tsdbStatus } from './api/tsdb-status.js';
import { federation } from './api/federate.js';
import { execute } from './exec/engine.js';
import { countsOf } from './exec/sample-counts.js';
import { gridOf } from './plan/times.js';
import { timeAt, type Grid } from '../series/grid.js';
import { remoteRead } from './remote-read/index.js';

function query(prepare: (params: Params, limits: QueryLimits) => PreparedQuery): Endpoint {
  return (request, limits) => {
    const params = new Params(request, 'seconds');
    const prepared = prepare(params, limits);
    const limit = limitOf(params);
    const wanted = params.text('stats') ?? '';
    // The counts of an instant query are those of its one step.
    const stepwise = wanted === 'all' && prepared.times.step > 0;
    return async (ctx) => {
      const begun = performance.now();
      const { expr, times, source } = prepared;
      const counts = wanted === '' ? undefined : countsOf(gridOf(times));
      const result = await execute(ctx, expr, times, source, counts);
      const cut = 'series' in result && result.series.length > limit;
      const limited = cut ? { ...result, series: result.series.slice(0, limit) } : result;
      const warnings = [...result.warnings, ...(cut ? [truncated] : []), ...unknownStats(wanted)];
      const stats = counts && {
        timings: timings((performance.now() - begun) / 1000),
        samples: {
          ...(stepwise && { totalQueryableSamplesPerStep: perStep(counts.perStep, gridOf(times)) }),
          totalQueryableSamples: counts.total,
          ...(stepwise && { samplesReadPerStep: perStep(counts.readPerStep, gridOf(times)) }),
          samplesRead: counts.read,
          seriesTouched: counts.series,
          peakSamples: result.samples,
        },
      };
      return streamed(renderResult(limited, { warnings, infos: result.infos }, stats));
    };
  };
}

function unknownStats(wanted: string): string[] {
  if (['', 'true', 'all'].includes(wanted)) return [];
  const value = goQuote(wanted.slice(0, 100));
  return [
    `value ${value} for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"`,
  ];
}

/** Unix seconds and the samples of each step. */
function perStep(counts: Float64Array, grid: Grid): [number, number][] {
  return Array.from(counts, (count, k) => [timeAt(grid, k) / 1000, count]);
}

/** As Prometheus' `stats` tells them, in seconds. */
function timings(seconds: number): object {
  return {
    evalTotalTime: seconds,
    resultSortTime: 0,
    queryPreparationTime: 0,
    innerEvalTime: seconds,
    execQueueTime: 0,
    execTotalTime: seconds,
  };
}

function data(answer: (ctx: QueryContext, params: Params, name: string) => Promise<Answer>): Endpoint {
  return (request) => {
    const params = new Params(request, 'seconds');
    return async (ctx) => successJson(await answer(ctx, params, request.params['name'] ?? ''));
  };
}

/** A query without a selector has no exemplars to ask for, and Prometheus answers nothing. */
const exemplars: Endpoint = (request) => {
  const params = new Params(request, 'seconds');
  return async (ctx) => {
    const answer = await exemplarsAnswer(ctx, params);
    return answer ? successJson(answer) : { contentType: '', body: '' };
  };
};

/** The endpoints of Prometheus' HTTP API that read the lake or parse a query, by the last part of their path. */
export const promqlEndpoints = {
  query: query(instantQuery),
  query_range: query(rangeQuery),
  labels: data(labelsAnswer),
  label_values: data(labelValuesAnswer),
  series: data(seriesAnswer),
  metadata: data(metadataAnswer),
  exemplars,
  tsdb_status: data(tsdbStatus),
  federate: federation,
  read: remoteRead,
  format_query: (request, limits) => {
    const text = formatted(new Params(request, 'seconds'), limits);
    return async () => json(success({ data: text }));
  },
  parse_query: (request, limits) => {
    const tree = syntaxTree(expression(new Params(request, 'seconds'), limits));
    return async () => json(success({ data: tree }));
  },
} as const satisfies Endpoints;
