import { mapValues, vector } from '../../series/series.js';
import { larger, smaller } from '../../text/go-numbers.js';
import { define, type Entry } from './function.js';

/** A function of one value. */
function ofValue(name: string, apply: (value: number) => number): Entry {
  return define(name, ['vector'], async (ctx, args) =>
    vector(await mapValues(ctx.yielder, await args.vector(0), apply)),
  );
}

/** To the nearest multiple, ties upwards. */
function roundTo(value: number, multiple: number): number {
  const inverse = 1 / multiple;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** `least` and `most`: which argument is the bound, null for none. */
function clamped(name: string, least: number | null, most: number | null): Entry {
  const bounds = [least, most].filter((bound) => bound !== null);
  return define(name, ['vector', ...bounds.map(() => 'scalar' as const)], async (ctx, args) => {
    const bound = async (at: number | null, open: number) =>
      at === null ? new Float64Array(ctx.grid.count).fill(open) : await args.scalar(at);
    const low = await bound(least, -Infinity);
    const high = await bound(most, Infinity);
    const inBounds = (await args.vector(0)).map((series) => ({
      ...series,
      present: series.present.map((set, k) => ((high[k] ?? NaN) < (low[k] ?? NaN) ? 0 : set)),
    }));
    return vector(
      await mapValues(ctx.yielder, inBounds, (value, k) =>
        larger(low[k] ?? NaN, smaller(high[k] ?? NaN, value)),
      ),
    );
  });
}

/** Functions of one value of an instant vector. */
export const mathFunctions: readonly Entry[] = [
  ofValue('abs', Math.abs),
  ofValue('acos', Math.acos),
  ofValue('acosh', Math.acosh),
  ofValue('asin', Math.asin),
  ofValue('asinh', Math.asinh),
  ofValue('atan', Math.atan),
  ofValue('atanh', Math.atanh),
  ofValue('ceil', Math.ceil),
  ofValue('cos', Math.cos),
  ofValue('cosh', Math.cosh),
  ofValue('deg', (value) => value * (180 / Math.PI)),
  ofValue('exp', Math.exp),
  ofValue('floor', Math.floor),
  ofValue('ln', Math.log),
  ofValue('log10', Math.log10),
  ofValue('log2', Math.log2),
  ofValue('rad', (value) => value * (Math.PI / 180)),
  ofValue('sgn', (value) => (value > 0 ? 1 : value < 0 ? -1 : value)),
  ofValue('sin', Math.sin),
  ofValue('sinh', Math.sinh),
  ofValue('sqrt', Math.sqrt),
  ofValue('tan', Math.tan),
  ofValue('tanh', Math.tanh),
  clamped('clamp', 1, 2),
  clamped('clamp_max', null, 1),
  clamped('clamp_min', 1, null),
  define(
    'round',
    ['vector', 'scalar'],
    async (ctx, args) => {
      const multiple = args.count > 1 ? await args.scalar(1) : undefined;
      return vector(
        await mapValues(ctx.yielder, await args.vector(0), (value, k) => roundTo(value, multiple?.[k] ?? 1)),
      );
    },
    { optional: 1 },
  ),
];
