import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fromDense, noBuckets } from '../../series/histograms/buckets.js';
import { customHistogram, type Histogram } from '../../series/histograms/histogram.js';
import { Labels } from '../../series/labels.js';
import { countsOf, sizeOf } from './sample-counts.js';

const histogram = (counts: readonly number[]): Histogram => ({
  ...customHistogram([], fromDense(0, counts), 10, 10),
  schema: 0,
});

it('counts native histograms by their size, as Prometheus does', () => {
  assert.equal(sizeOf(undefined), 1);
  assert.equal(sizeOf(histogram([])), 11);
  // A span and three buckets; two spans with a bucket each behind a gap of three; a gap of two is filled.
  assert.equal(sizeOf(histogram([1, 2, 1])), 13);
  assert.equal(sizeOf(histogram([1, 0, 0, 0, 1])), 13);
  assert.equal(sizeOf(histogram([1, 0, 0, 1, 1, 1])), 14);
  assert.equal(sizeOf(customHistogram([1, 2, 3, 4], noBuckets, 0, 0)), 13);
});

it('counts the samples in the window of each step', () => {
  const grid = { start: 60_000, step: 60_000, count: 3 };
  const counts = countsOf(grid);
  const times = Float64Array.of(0, 30_000, 60_000, 90_000, 120_000);
  const sample = histogram([1, 2, 1]);
  const series = { labels: Labels.empty, times, values: new Float64Array(5), staleTimes: null };
  counts.windows({ series: [series], grid, rangeMs: 60_000 });
  assert.deepEqual([...counts.perStep], [2, 2, 0]);
  counts.windows({
    series: [{ ...series, histograms: Array.from(times, () => sample) }],
    grid,
    rangeMs: 60_000,
  });
  assert.deepEqual([...counts.perStep], [28, 28, 0]);
  assert.equal(counts.total, 56);
});

it('counts a subquery by what its steps took, each once as read', () => {
  const outer = { start: 120_000, step: 60_000, count: 2 };
  const own = { start: 30_000, step: 30_000, count: 6 };
  const inner = countsOf(own);
  inner.perStep.set([1, 2, 3, 4, 5, 6]);
  inner.readPerStep.set([1, 1, 1, 1, 1, 1]);
  inner.series = 3;
  const counts = countsOf(outer);
  counts.subquery(inner, own, outer, 90_000);
  assert.deepEqual([...counts.perStep], [2 + 3 + 4, 4 + 5 + 6]);
  assert.deepEqual([...counts.readPerStep], [3, 2]);
  assert.equal(counts.series, 3);
});
