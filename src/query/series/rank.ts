import type { SeriesGroup } from './aggregate.js';
import { evaluationError, type SeriesContext } from './context.js';
import { shortG } from '../text/numbers.js';
import { anyPresent, type StepSeries } from './series.js';

/**
 * topk, bottomk and limitk: the chosen samples of each group keep their labels. `counts` says for each step how many;
 * `series` are those of the groups in their order. An instant result is in order of rank.
 */
export async function choose(
  ctx: SeriesContext,
  op: 'topk' | 'bottomk' | 'limitk',
  counts: Float64Array,
  series: readonly StepSeries[],
  groups: readonly SeriesGroup[],
): Promise<StepSeries[]> {
  // A count below 1 at all steps asks for nothing, and is not looked at further.
  if (!counts.some((count) => !(count < 1))) return [];
  checkCounts(counts);
  const chosen = new Map<StepSeries, Uint8Array>();
  const ranked: StepSeries[] = [];
  for (const { members } of groups) {
    for (let k = 0; k < ctx.grid.count; k++) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const count = Math.trunc(counts[k] ?? 0);
      if (count < 1) continue;
      const candidates = members.filter((member) => member.present[k]);
      if (op !== 'limitk') candidates.sort((a, b) => rank(op, a.values[k] ?? NaN, b.values[k] ?? NaN));
      for (const member of candidates.slice(0, count)) {
        const present = chosen.get(member) ?? new Uint8Array(ctx.grid.count);
        if (!chosen.has(member)) ranked.push(member);
        present[k] = 1;
        chosen.set(member, present);
      }
    }
  }
  const order = ctx.grid.count === 1 ? ranked : series.filter((one) => chosen.has(one));
  return order.map((one) => ({ ...one, present: chosen.get(one) ?? one.present })).filter(anyPresent);
}

function checkCounts(counts: Float64Array): void {
  if (counts.some(Number.isNaN)) throw evaluationError('Parameter value is NaN');
  const least = counts.reduce((a, b) => Math.min(a, b));
  if (least <= -(2 ** 63)) throw evaluationError(`Scalar value ${shortG(least)} underflows int64`);
  const most = counts.reduce((a, b) => Math.max(a, b));
  if (most >= 2 ** 63) throw evaluationError(`Scalar value ${shortG(most)} overflows int64`);
}

/** Largest (topk) or smallest (bottomk) first, NaN last. */
export function rank(op: 'topk' | 'bottomk', a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return op === 'topk' ? b - a || 0 : a - b || 0;
}
