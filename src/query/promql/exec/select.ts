import type { SampleSeries } from '../../series/samples.js';
import type { VectorSelector } from '../syntax/ast.js';
import { shifted } from '../plan/times.js';
import { checkSize } from '../../series/context.js';
import { timeAt, type Grid } from '../../series/grid.js';
import type { EvalContext } from './context.js';
import { Remarks } from '../functions/remarks.js';
import { interpolated } from './interpolated.js';
import { anyPresent, MixedSeries, SeriesRoom, type StepSeries } from '../../series/series.js';

/** An instant vector: at each step the last sample within the lookback, unless the series ended since. */
export async function select(
  ctx: EvalContext,
  selector: VectorSelector,
  give: 'value' | 'time' = 'value',
): Promise<StepSeries[]> {
  const loaded = ctx.loaded.get(selector) ?? [];
  checkSize(ctx, loaded.length);
  if (ctx.counts) ctx.counts.series += loaded.length;
  const grid = shifted(selector, ctx.grid, ctx.times);
  const out: StepSeries[] = [];
  const room = new SeriesRoom(grid.count);
  for (const series of loaded) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    const steps =
      selector.extension === 'smoothed' && give === 'value'
        ? interpolated(series, grid, ctx.times.lookback, new Remarks(ctx.notes, selector.from))
        : lastSamples(series, grid, ctx.times.lookback, give, room);
    if (!steps) continue;
    ctx.counts?.present(steps);
    out.push(steps);
  }
  return out;
}

function lastSamples(
  series: SampleSeries,
  grid: Grid,
  lookback: number,
  give: 'value' | 'time',
  room: SeriesRoom,
): StepSeries | undefined {
  const { times, values, histograms, staleTimes } = series;
  const result = new MixedSeries(series.labels, grid.count, room);
  let next = 0;
  let nextStale = 0;
  for (let k = 0; k < grid.count; k++) {
    const at = timeAt(grid, k);
    while (next < times.length && (times[next] ?? 0) <= at) next++;
    if (next === 0) continue;
    const time = times[next - 1] ?? 0;
    if (time <= at - lookback) continue;
    if (staleTimes) {
      while (nextStale < staleTimes.length && (staleTimes[nextStale] ?? 0) <= at) nextStale++;
      if (nextStale > 0 && (staleTimes[nextStale - 1] ?? 0) >= time) continue;
    }
    result.set(k, give === 'value' ? (histograms?.[next - 1] ?? values[next - 1] ?? NaN) : time / 1000);
  }
  const { series: steps } = result;
  return anyPresent(steps) ? steps : undefined;
}
