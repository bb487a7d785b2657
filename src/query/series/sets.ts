import type { SeriesContext } from './context.js';
import { signatureOf } from './matching.js';
import type { Operation } from './operators.js';
import { anyPresent, mergeEqual, type StepSeries } from './series.js';

/** and, or, unless: by signature and step, whether the other side has anything there. */
export async function setOperation(
  ctx: SeriesContext,
  operation: Operation,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
): Promise<StepSeries[]> {
  const signature = signatureOf(operation.matching);
  const presence = async (series: readonly StepSeries[]) => {
    const bySignature = new Map<string, Uint8Array>();
    for (const one of series) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const key = signature(one.labels).key;
      const known = bySignature.get(key);
      if (known) for (let k = 0; k < known.length; k++) known[k] = (known[k] ?? 0) | (one.present[k] ?? 0);
      else bySignature.set(key, one.present.slice());
    }
    return bySignature;
  };
  const restrict = async (series: readonly StepSeries[], others: Map<string, Uint8Array>, wanted: 0 | 1) => {
    const out: StepSeries[] = [];
    for (const one of series) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const other = others.get(signature(one.labels).key);
      const present = one.present.map((set, k) => (set && (other?.[k] ?? 0) === wanted ? 1 : 0));
      const kept = { ...one, present };
      if (anyPresent(kept)) out.push(kept);
    }
    return out;
  };
  if (operation.op === 'and') return restrict(left, await presence(right), 1);
  if (operation.op === 'unless') return restrict(left, await presence(right), 0);
  return mergeEqual([...left, ...(await restrict(right, await presence(left), 0))]);
}
