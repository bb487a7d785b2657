import { absent } from '../../series/absent.js';
import { Labels } from '../../series/labels.js';
import { emptySeries, vector } from '../../series/series.js';
import { larger, smaller } from '../../text/go-numbers.js';
import { define, type Entry } from './function.js';
import { info } from './info.js';

/** The smaller or the larger of two scalars. */
function extreme(name: string, of: (a: number, b: number) => number): Entry {
  return define(
    name,
    ['scalar', 'scalar'],
    async (_ctx, args) => {
      const [a, b] = [await args.scalar(0), await args.scalar(1)];
      return { type: 'scalar', values: a.map((value, k) => of(value, b[k] ?? NaN)) };
    },
    { returns: 'scalar' },
  );
}

/** Between scalars and instant vectors. */
export const vectorFunctions: readonly Entry[] = [
  define('absent', ['vector'], async (ctx, args) =>
    vector(absent(ctx, args.matchers(0), await args.vector(0))),
  ),
  define(
    'scalar',
    ['vector'],
    async (ctx, args) => {
      const series = await args.vector(0);
      const values = new Float64Array(ctx.grid.count).fill(NaN);
      for (let k = 0; k < values.length; k++) {
        if (ctx.yielder.due) await ctx.yielder.pause();
        const present = series.filter((one) => one.present[k] && !one.histograms?.[k]);
        if (present.length === 1) values[k] = present[0]?.values[k] ?? NaN;
      }
      return { type: 'scalar', values };
    },
    { returns: 'scalar' },
  ),
  define('vector', ['scalar'], async (ctx, args) => {
    const series = emptySeries(Labels.empty, ctx.grid.count);
    series.values.set(await args.scalar(0));
    series.present.fill(1);
    return vector([series]);
  }),
  info,
  extreme('min_of', smaller),
  extreme('max_of', larger),
  // Prometheus answers nothing either, unless it stores start times.
  define('start_timestamp', ['vector'], () => Promise.resolve(vector([]))),
];
