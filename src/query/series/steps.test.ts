import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { aggregate, reductions, type Reduce } from './aggregate.js';
import { noNotes, type SeriesContext } from './context.js';
import type { Grid } from './grid.js';
import { Labels } from './labels.js';
import { extrapolated } from './rate.js';
import { matrixForm, renderSeries } from './render.js';
import type { SampleSeries } from './samples.js';
import { emptySeries, SeriesRoom, type StepSeries } from './series.js';
import { overWindows, type RangeKernel } from './windows.js';
import { Yielder } from './yielder.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const random = randomNumbers(seed);
const below = (most: number) => Math.floor(random() * most);

const odd = [NaN, Infinity, -Infinity, -0, 1e300, 1e308, -1e308];

function contextOf(grid: Grid): SeriesContext {
  const yielder = new Yielder(new AbortController().signal);
  return { grid, yielder, maxValues: 20_000_000, notes: noNotes };
}

function named(i: number): Labels {
  return Labels.of([
    ['__name__', 'x_total'],
    ['i', String(i)],
  ]);
}

/** Some have the times of those before them, as an array of their own or the very same; some end now and then, and some have odd values. */
function counters(count: number, samples: number, every: number): SampleSeries[] {
  const all: SampleSeries[] = [];
  for (let i = 0; i < count; i++) {
    let [time, value] = [below(every), 0];
    const before = all.at(-1)?.times;
    const own = () => Float64Array.from({ length: samples }, () => (time += 1 + below(2 * every)));
    const times = before === undefined || below(3) === 0 ? own() : below(2) === 0 ? before.slice() : before;
    const isOdd = below(2) === 0;
    const values = Float64Array.from(times, () => {
      if (below(15) === 0) value = below(5);
      value += below(4) === 0 ? 0 : random() * 100;
      return isOdd && below(20) === 0 ? (odd[below(odd.length)] ?? 0) : value;
    });
    const staleTimes = below(2) === 0 ? null : times.filter(() => below(10) === 0).map((ms) => ms + below(2));
    all.push({ labels: named(i), times, values, staleTimes });
  }
  return all;
}

/** Window by window. */
function oneByOne(kernel: RangeKernel): RangeKernel {
  return (series) => {
    const of = kernel(series);
    return (low, high, view) => of(low, high, view);
  };
}

function shown(all: readonly StepSeries[]): unknown[] {
  return all.map(({ labels, values, present }) => [
    labels.toString(),
    Array.from(present, (set, k) => (set ? values[k] : null)),
  ]);
}

describe(`many steps at once, TEST_SEED=${seed}`, () => {
  it('have the rates that each window has', async () => {
    for (const count of [1, 2, 300, 40_000]) {
      const grid = { start: below(5000), step: [0, 1, 250, 999.5][below(4)] ?? 1, count };
      const range = { series: counters(count > 1000 ? 4 : 20, 700, 200), grid, rangeMs: 1 + below(3000) };
      // With an offset the samples are looked for at other times than those of the steps.
      const ctx = contextOf({ ...grid, start: grid.start + below(2) * below(3000) });
      for (const [counter, perSecond] of [
        [true, true],
        [true, false],
        [false, false],
      ] as const) {
        const kernel = extrapolated(counter, perSecond);
        const together = await overWindows(ctx, range, kernel);
        assert.deepEqual(shown(together), shown(await overWindows(ctx, range, oneByOne(kernel))));
      }
    }
  });

  it('have the sums that each step has', async () => {
    const sum = reductions.get('sum') as Reduce;
    for (const count of [1, 3, 500, 20_000]) {
      const ctx = contextOf({ start: 0, step: 1, count });
      const members = Array.from({ length: count > 1000 ? 3 : 40 }, (_, i) => {
        const one = emptySeries(named(i), count);
        for (let k = 0; k < count; k++) {
          if (below(5) === 0) continue;
          one.present[k] = 1;
          one.values[k] = below(50) === 0 ? (odd[below(odd.length)] ?? 0) : random() * 10 ** below(20);
        }
        return one;
      });
      const groups = [{ labels: Labels.empty, members }];
      const each = await aggregate(ctx, groups, (values, step) => sum(values, step));
      assert.deepEqual(shown(await aggregate(ctx, groups, sum)), shown(each));
    }
  });

  it('are in memory of their own, or that of few others', () => {
    for (const count of [1, 8, 9, 1000, 5000, 100_000]) {
      const room = new SeriesRoom(count);
      const all = Array.from({ length: 40 }, (_, i) => room.series(named(i)));
      for (const [i, { values, present }] of all.entries()) {
        assert.deepEqual([values.length, present.length], [count, count]);
        assert.ok(
          values.buffer.byteLength <= 16 * values.byteLength,
          `${values.buffer.byteLength}, ${count}`,
        );
        values.fill(i + 1);
        present.fill(1);
      }
      for (const [i, { values, present }] of all.entries()) {
        assert.ok(values.every((value) => value === i + 1) && present.every((set) => set === 1));
      }
    }
  });

  it('are written as each sample is', async () => {
    const all = Array.from({ length: 30 }, (_, i) => {
      const of = below(4) === 0 ? i : 0;
      const times = Array.from({ length: 200 }, (_, k) => 1_700_000_000_000 + k * 1500 + of).filter(
        () => below(i % 3 === 0 ? 1000 : 3) > 0,
      );
      const values = times.map(() => [0, -0, NaN, 1e21, 1e-7, 123.25, Infinity, 1 / 3][below(8)] ?? 0);
      return { labels: named(i), points: () => ({ times, values }) };
    });
    let text = '';
    for await (const piece of renderSeries(all, matrixForm)) text += piece;
    const expected = all.map(({ labels, points }) => {
      const { times, values } = points();
      const samples = times.map((ms, k) => `[${ms / 1000},"${goText(values[k] ?? 0)}"]`);
      return `{"metric":${JSON.stringify(labels)},"values":[${samples.join(',')}]}`;
    });
    assert.equal(text, `[${expected.join(',')}]`);
  });
});

function goText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (value === 1e-7) return '1e-07';
  return value === Infinity ? '+Inf' : String(value);
}
