import { timeAt } from '../../series/grid.js';
import { Labels } from '../../series/labels.js';
import {
  emptySeries,
  mapSteps,
  mapValues,
  vector,
  type StepSeries,
  type Value,
} from '../../series/series.js';
import { define, type Entry, type FunctionContext } from './function.js';

const dayMs = 86_400_000;

/** A part of the UTC date, of seconds since the epoch; of the time of evaluation without an argument. */
function ofDate(name: string, part: (date: Date) => number): Entry {
  return define(
    name,
    ['vector'],
    async (ctx, args) => {
      const series = args.count > 0 ? await args.vector(0) : [evaluationTimes(ctx)];
      return vector(
        await mapValues(ctx.yielder, series, (seconds) => part(new Date(Math.trunc(seconds) * 1000))),
      );
    },
    { optional: 1, timeDependent: true },
  );
}

function evaluationTimes(ctx: FunctionContext): StepSeries {
  const series = emptySeries(Labels.empty, ctx.grid.count);
  for (let k = 0; k < ctx.grid.count; k++) series.values[k] = timeAt(ctx.grid, k) / 1000;
  series.present.fill(1);
  return series;
}

function scalarOf(
  name: string,
  compute: (ctx: FunctionContext, step: number) => number,
  timeDependent = false,
): Entry {
  const run = async (ctx: FunctionContext): Promise<Value> => {
    const values = new Float64Array(ctx.grid.count);
    for (let k = 0; k < values.length; k++) values[k] = compute(ctx, k);
    return { type: 'scalar', values };
  };
  return define(name, [], run, { returns: 'scalar', timeDependent });
}

/** Functions of the time: parts of dates, and what the query's times are. */
export const dateFunctions: readonly Entry[] = [
  ofDate('minute', (date) => date.getUTCMinutes()),
  ofDate('hour', (date) => date.getUTCHours()),
  ofDate('day_of_week', (date) => date.getUTCDay()),
  ofDate('day_of_month', (date) => date.getUTCDate()),
  ofDate(
    'day_of_year',
    (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / dayMs) + 1,
  ),
  ofDate('days_in_month', (date) =>
    new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
  ),
  ofDate('month', (date) => date.getUTCMonth() + 1),
  ofDate('year', (date) => date.getUTCFullYear()),
  scalarOf('time', (ctx, k) => timeAt(ctx.grid, k) / 1000, true),
  scalarOf('pi', () => Math.PI),
  scalarOf('start', (ctx) => ctx.times.start / 1000),
  scalarOf('end', (ctx) => ctx.times.end / 1000),
  scalarOf('range', (ctx) => (ctx.times.end - ctx.times.start) / 1000),
  scalarOf('step', (ctx) => ctx.times.step / 1000),
  define(
    'timestamp',
    ['vector'],
    async (ctx, args) => {
      // Of a selector it is the time of the sample, of anything else the time of evaluation.
      const times = await args.sampleTimes(0);
      return vector(
        times
          ? await mapValues(ctx.yielder, times, (value) => value)
          : await mapSteps(ctx.yielder, await args.vector(0), (k) => timeAt(ctx.grid, k) / 1000),
      );
    },
    { timeDependent: true },
  ),
];
