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

/** After so many seconds the Gregorian calendar is the same again. */
const cycleSeconds = 12_622_780_800;
const cycleYears = 400;

/**
 * The UTC date of seconds since the epoch, in years that JavaScript has, and the years that are missing. What is no
 * 64-bit integer is the largest one, as where Prometheus runs on x86.
 */
function dateOf(seconds: number): { date: Date; years: number } {
  const whole = Math.abs(seconds) < 2 ** 63 ? Math.trunc(seconds) : 2 ** 63;
  if (Math.abs(whole) <= 8e12) return { date: new Date(whole * 1000), years: 0 };
  const rest = ((whole % cycleSeconds) + cycleSeconds) % cycleSeconds;
  return { date: new Date(rest * 1000), years: Math.floor(whole / cycleSeconds) * cycleYears };
}

/** A part of the UTC date, of seconds since the epoch; of the time of evaluation without an argument. */
function ofDate(name: string, part: (date: Date, years: number) => number): Entry {
  return define(
    name,
    ['vector'],
    async (ctx, args) => {
      const series = args.count > 0 ? await args.vector(0) : [evaluationTimes(ctx)];
      return vector(
        await mapValues(ctx.yielder, series, (seconds) => {
          const { date, years } = dateOf(seconds);
          return part(date, years);
        }),
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
  ofDate('year', (date, years) => date.getUTCFullYear() + years),
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
