import { timeAt, type Grid } from '../../series/grid.js';
import { combined, scaled, wasReset } from '../../series/histograms/arithmetic.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import type { SampleSeries } from '../../series/samples.js';
import { anyPresent, MixedSeries, type StepSeries } from '../../series/series.js';
import type { Remarks } from '../functions/remarks.js';

/** A smoothed instant vector: at each step the value between the samples before and after it, within the lookback. */
export function interpolated(
  series: SampleSeries,
  grid: Grid,
  lookback: number,
  remarks: Remarks,
): StepSeries | undefined {
  const { times, values, histograms } = series;
  const result = new MixedSeries(series.labels, grid.count);
  let next = 0;
  let low = 0;
  let high = 0;
  let native = 0;
  /** Whether there are numbers and histograms within the lookback, before or after. */
  const bothAround = (at: number): boolean => {
    for (; high < times.length && (times[high] ?? 0) <= at + lookback; high++)
      if (histograms?.[high]) native++;
    for (; low < high && (times[low] ?? 0) <= at - lookback; low++) if (histograms?.[low]) native--;
    return native > 0 && native < high - low;
  };
  for (let k = 0; k < grid.count; k++) {
    const at = timeAt(grid, k);
    while (next < times.length && (times[next] ?? 0) <= at) next++;
    const before = next - 1;
    const time = times[before] ?? -Infinity;
    if (histograms && bothAround(at)) {
      remarks.mixed(series.labels);
      continue;
    }
    if (before < 0 || time <= at - lookback) continue;
    const [one, two] = [histograms?.[before], histograms?.[next]];
    const alone = time === at || next >= times.length || (times[next] ?? 0) > at + lookback;
    if (alone) result.set(k, one ?? values[before] ?? NaN);
    else {
      const share = (at - time) / ((times[next] ?? 0) - time);
      const [a, b] = [values[before] ?? NaN, values[next] ?? NaN];
      const value = one && two ? between(one, two, share) : a + (b - a) * share;
      if (value === undefined) remarks.incompatible(series.labels);
      else result.set(k, value);
    }
  }
  const { series: steps } = result;
  return anyPresent(steps) ? steps : undefined;
}

function between(a: Histogram, b: Histogram, share: number): Histogram | undefined {
  const counter = !a.gauge || !b.gauge;
  const difference = combined(b, a, -1);
  if (!difference) return undefined;
  if (counter && wasReset(b, a)) return scaled(b, share);
  return combined(scaled(difference.histogram, share), a, 1)?.histogram;
}
