import { shortG } from '../../text/numbers.js';
import { vector } from '../../series/series.js';
import { Sum } from '../../series/statistics.js';
import { overWindows, type RangeKernel } from '../../series/windows.js';
import { define, type Entry } from './function.js';
import { ignoringHistograms } from './native-range.js';
import { Remarks } from './remarks.js';

/** Which of two neighbouring samples stands for the time between: the left, the right, or the mean of both. */
type Strategy = 0 | 1 | 2;

function area(strategies: (step: number) => Strategy): RangeKernel {
  return ({ times, values }) =>
    (low, high, view) => {
      const strategy = strategies(view.step);
      const sum = new Sum();
      for (let i = low + 1; i < high; i++) {
        const seconds = ((times[i] ?? 0) - (times[i - 1] ?? 0)) / 1000;
        const [left, right] = [zeroForNaN(values[i - 1] ?? 0), zeroForNaN(values[i] ?? 0)];
        const { value, correction } =
          strategy === 2 ? mean(left, right) : exact(strategy === 0 ? left : right);
        if (value !== 0 || correction !== 0) sum.add(value * seconds, correction * seconds);
      }
      return sum.value;
    };
}

interface Corrected {
  readonly value: number;
  readonly correction: number;
}

function exact(value: number): Corrected {
  return { value, correction: 0 };
}

/** Of two numbers, with what rounding their sum took: 0.1 and large numbers beside each other keep their digits. */
function mean(left: number, right: number): Corrected {
  const sum = new Sum(left);
  sum.add(right);
  const { value, correction } = sum.parts;
  if (Number.isFinite(value) || !Number.isFinite(left) || !Number.isFinite(right)) {
    return { value: value / 2, correction: correction / 2 };
  }
  const halves = new Sum(left / 2);
  halves.add(right / 2);
  return halves.parts;
}

function zeroForNaN(value: number): number {
  return Number.isNaN(value) ? 0 : value;
}

export const integral: Entry = define(
  'integral',
  ['matrix', 'scalar'],
  async (ctx, args) => {
    const range = await args.range(0);
    const given = args.count > 1 ? await args.scalar(1) : undefined;
    const kernel = area((step) => {
      const value = given?.[step] ?? 2;
      if (value === 0 || value === 1 || value === 2) return value;
      const text = `strategy should be 0, 1, or 2 (default), using 2, got ${shortG(value)}`;
      ctx.notes.warn(text, args.position(1));
      return 2;
    });
    const remarks = new Remarks(ctx.notes, args.position(0));
    const both: RangeKernel = (series) =>
      series.histograms
        ? ignoringHistograms(kernel)({ ...series, histograms: series.histograms }, remarks)
        : kernel(series);
    return vector(await overWindows(ctx, range, both));
  },
  { optional: 1 },
);
