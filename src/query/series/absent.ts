import type { SeriesContext } from './context.js';
import { withoutLooseBytes } from '../text/loose-bytes.js';
import { Labels, metadataLabels } from './labels.js';
import type { Matcher } from './matchers.js';
import { anyPresent, emptySeries, type StepSeries } from './series.js';

/** 1 at each step without any sample, labelled by what the selector's `matchers` ask for. */
export function absent(
  ctx: SeriesContext,
  matchers: readonly Matcher[],
  series: readonly StepSeries[],
): StepSeries[] {
  const result = emptySeries(wantedLabels(matchers), ctx.grid.count);
  result.present.fill(1);
  for (const one of series) one.present.forEach((set, k) => set && (result.present[k] = 0));
  result.values.fill(1);
  return anyPresent(result) ? [result] : [];
}

/** Labels that exactly one equality matcher gives a value. */
function wantedLabels(matchers: readonly Matcher[]): Labels {
  const named = matchers.filter(({ name }) => !metadataLabels.has(name));
  const count = (name: string) => named.filter((matcher) => matcher.name === name).length;
  return Labels.of(
    named
      .filter((matcher) => matcher.op === '=' && count(matcher.name) === 1)
      .map(({ name, value }): [string, string] => [withoutLooseBytes(name), withoutLooseBytes(value)]),
  );
}
