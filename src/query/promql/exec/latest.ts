import type { Labels } from '../../series/labels.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { load } from '../load/load.js';
import type { VectorSelector } from '../syntax/ast.js';

const lookbackMs = 5 * 60_000;

export interface LatestSample {
  readonly labels: Labels;
  readonly value: number;
  /** Unix milliseconds. */
  readonly ms: number;
}

/** The last number of each selected series within five minutes before `at`, in the order of names; series that ended are left out. */
export async function latestSamples(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  at: number,
): Promise<LatestSample[]> {
  const window = { from: at - lookbackMs, to: at };
  const loaded = await load(
    ctx,
    new Yielder(ctx.signal),
    new Map(selectors.map((selector) => [selector, window])),
  );
  const found = new Map<string, LatestSample>();
  for (const { labels, times, values, histograms, staleTimes } of [...loaded.values()].flat()) {
    const last = times.length - 1;
    const ms = times[last] ?? 0;
    if (last < 0 || histograms?.[last] || (staleTimes?.at(-1) ?? -Infinity) >= ms) continue;
    found.set(labels.key, { labels, value: values[last] ?? NaN, ms });
  }
  return [...found.values()].sort((a, b) => a.labels.compare(b.labels));
}
