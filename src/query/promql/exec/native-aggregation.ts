import type { Reduce, SeriesGroup } from '../../series/aggregate.js';
import { checkSize } from '../../series/context.js';
import { averaged, summed } from '../../series/histograms/arithmetic.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import { Labels, metricName } from '../../series/labels.js';
import { anyPresent, floatsOnly, MixedSeries, type StepSeries } from '../../series/series.js';
import { Remarks } from '../functions/remarks.js';
import { unwrap, type Aggregation } from '../syntax/ast.js';
import type { EvalContext } from './context.js';

/** An aggregation of groups in which there are native histograms; `reduce` is what it does with numbers. */
export async function aggregateMixed(
  ctx: EvalContext,
  { op, expr }: Aggregation,
  groups: readonly SeriesGroup[],
  reduce: Reduce,
): Promise<StepSeries[]> {
  checkSize(ctx, groups.length);
  const { from } = unwrap(expr);
  const remarks = new Remarks(ctx.notes, from);
  const out: StepSeries[] = [];
  for (const { labels, members } of groups) {
    const result = new MixedSeries(labels, ctx.grid.count);
    for (let k = 0; k < ctx.grid.count; k++) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const present = members.filter((member) => member.present[k]);
      const native = present.filter((member) => member.histograms?.[k]);
      const numbers = present.filter((member) => !member.histograms?.[k]);
      if (op === 'count' || op === 'group') {
        if (present.length > 0) result.set(k, op === 'group' ? 1 : present.length);
        continue;
      }
      const sums = op === 'sum' || op === 'avg';
      if (native.length > 0 && !sums) ctx.notes.info(`ignored histogram in ${op} aggregation`, from);
      if (native.length > 0 && numbers.length > 0 && sums) {
        ctx.notes.warn('encountered a mix of histograms and floats for aggregation', from);
      } else if (native.length > 0 && sums) {
        const total = totalOf(op, native, k, remarks);
        if (total) result.set(k, total);
      } else if (numbers.length > 0) {
        result.set(
          k,
          reduce(
            Float64Array.from(numbers, (member) => member.values[k] ?? NaN),
            k,
          ),
        );
      }
    }
    const { series } = result;
    if (anyPresent(series)) out.push(series);
  }
  return out;
}

function totalOf(
  op: string,
  members: readonly StepSeries[],
  step: number,
  remarks: Remarks,
): Histogram | undefined {
  const all = members.map(({ histograms }) => histograms?.[step]).filter((one) => one !== undefined);
  const result = op === 'sum' ? summed(all) : averaged(all);
  if (!result) {
    remarks.incompatible(members[0]?.labels.only(nameOnly) ?? Labels.empty);
    return undefined;
  }
  if (result.reconciled) remarks.reconciled('aggregation');
  if (result.collided) remarks.collided();
  return result.histogram;
}

const nameOnly: ReadonlySet<string> = new Set([metricName]);

/** The numbers alone, for topk and bottomk, which rank nothing else. */
export function rankable(
  ctx: EvalContext,
  { op, from }: Aggregation,
  series: readonly StepSeries[],
): readonly StepSeries[] {
  if (!series.some(({ histograms }) => histograms)) return series;
  if (series.some(({ histograms, present }) => histograms?.some((one, k) => one && present[k]))) {
    ctx.notes.info(`ignored histogram in ${op} aggregation`, from);
  }
  return series.map(floatsOnly).filter(anyPresent);
}
